"""The repository's own Python files, parsed."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("contract", "operator", "api", "local")
TESTS = ("tests", "bench", "e2e")


@dataclass(frozen=True)
class Module:
    """One file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Path from the root of the repository."""
        return str(self.path.relative_to(REPOSITORY))

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file below these folders."""
    paths = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    texts = [(path, path.read_text()) for path in paths if "node_modules" not in path.parts]
    return tuple(Module(path, text, ast.parse(text, filename=str(path))) for path, text in texts)


def product() -> tuple[Module, ...]:
    """What is shipped."""
    return modules(*PACKAGES)


def everything() -> tuple[Module, ...]:
    """What is shipped, what tests it, and scripts."""
    return modules(*PACKAGES, *TESTS, "scripts")
