"""Files and functions stay small enough to be read, and say what they are about."""

import ast

from tests.house.source import REPOSITORY, TESTS, Module, everything, modules, product

LONGEST_FUNCTION = 40
LONGEST_FILE = 300
LONGEST_TEST_FILE = 500


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, its docstring not counted."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{module.name}:{function.lineno} {function.name} has {length(function)} lines"
        for module in product()
        for function in module.functions()
        if length(function) > LONGEST_FUNCTION
    ]
    assert long == [], f"split by what each part is about; at most {LONGEST_FUNCTION} lines"


def test_files_can_be_held_in_the_head() -> None:
    long = [f"{module.name} has {module.lines} lines" for module in product() if module.lines > LONGEST_FILE]
    long += [f"{each.name} has {each.lines} lines" for each in modules(*TESTS) if each.lines > LONGEST_TEST_FILE]
    assert long == [], f"split by what each part is about; at most {LONGEST_FILE} lines, tests {LONGEST_TEST_FILE}"


def test_every_module_says_what_it_owns() -> None:
    silent = [module.name for module in everything() if not ast.get_docstring(module.tree)]
    assert silent == [], "a module's docstring says in its first sentence what it owns"


def test_nothing_shadows_the_standard_librarys_operator() -> None:
    shadows = [path for path in REPOSITORY.glob("*/__init__.py") if path.parent.name == "operator"]
    assert shadows == [], "operator/__init__.py would be imported instead of the standard library's operator"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    found = [module.name for module in product() if drawers & {module.path.stem, module.path.parent.name}]
    assert found == [], "name the module after what it owns"


UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK")


def test_nothing_is_left_for_later() -> None:
    found = [f"{module.name}: {word}" for module in everything() for word in UNFINISHED if word in module.text]
    assert found == [], "finish it, or write an issue"


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    marks = (
        "pytest.mark." + "skip",
        "pytest.mark." + "xfail",
        "pytest." + "skip(",
        "pytest." + "xfail(",
        "import" + "orskip",
    )
    found = [f"{module.name}: {mark}" for module in modules(*TESTS) for mark in marks if mark in module.text]
    assert found == [], "a test that can't run is a failure: provide what it needs"


def imports(module: Module, package: str) -> bool:
    names = [
        name
        for node in ast.walk(module.tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    return any(name == package or name.startswith(package + ".") for name in names)


def test_fakes_are_preferred_to_mocks() -> None:
    found = [module.name for module in modules(*TESTS) if imports(module, "unittest.mock")]
    assert found == [], "write a fake, or use the real thing: both exist in tests/support"
