"""Finds import statements that name what was left out of an image, wherever in a file they are: one which runs only in
a rare case fails the build, not the case.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a module's file below a folder of `sys.path`."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    parts[-1] = parts[-1].partition(".")[0]  # extensions carry the platform in their names
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unsatisfied(roots: Iterable[Path], removed: set[str], allowed: dict[str, str]) -> Iterator[str]:
    """Import statements of modules in `removed`, but for those of the importing modules in `allowed`.

    One of the folders may be within another: packages are within the standard library of an official image.
    """
    folders = list(roots)
    for root in folders:
        inner = [folder for folder in folders if folder != root and folder.is_relative_to(root)]
        for path in sorted(root.rglob("*.py")):
            if any(path.is_relative_to(folder) for folder in inner):
                continue
            here = module_name(path, root)
            if any(here == name or here.startswith(f"{name}.") for name in allowed):
                continue
            package = here if path.name == "__init__.py" else here.rpartition(".")[0]
            for wanted in sorted(imported(path, package) & removed):
                yield f"{here} imports {wanted}, which was left out of the image"


def imported(path: Path, package: str) -> set[str]:
    """Every name that import statements of a file may load; `from a import b` may mean the module a.b."""
    names: set[str] = set()
    for node in executed(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield other
                yield from executed(other)
        else:
            yield node
            yield from executed(node)
