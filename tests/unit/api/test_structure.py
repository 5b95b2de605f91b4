"""Rules of this package that no import contract can state."""

import ast
from pathlib import Path

import directory_api

SOURCES = sorted(Path(directory_api.__file__).parent.rglob("*.py"))


def test_only_db_makes_a_tenant_connection() -> None:
    """Whoever has one is in a tenant's context; that holds only as long as nobody else makes them."""
    makers = {
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("TenantConnection")
    }
    assert makers == {"db.py"}


def test_sql_is_in_queries() -> None:
    words = ("SELECT ", "INSERT INTO ", "UPDATE directory", "DELETE FROM ", "WITH RECURSIVE ")
    holders = {
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lstrip().startswith(words)
    }
    assert holders <= {"queries.py", "db.py", "row_security.py", "migrate.py"}


def test_every_route_says_who_may_call() -> None:
    """A signature without a Call would be a route without a tenant."""
    for path in SOURCES:
        if path.name != "routes.py" or path.parent.name == "health":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list:
                first = node.args.args[0].annotation
                assert first is not None
                assert ast.unparse(first) in {"PublicCall", "UserCall", "ManagerCall", "AdminCall"}, node.name
                assert len(node.body) <= 6, f"{node.name}: routes are glue"
