"""SQL is written out as literals; where an identifier has to be put in, systems/postgres/statements.py does it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import Module, product

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|GRANT|REVOKE|SET|RESET|COMMENT|COPY|TRUNCATE|WITH|CALL|DO)\s"
)
"""How a statement begins. Advice to people that quotes one further on is no statement."""

QUOTING_HOMES = ("systems/postgres/statements.py",)
HARMLESS = re.compile(r"_*[A-Z][A-Z0-9_]*|.*_quoted")
"""Constants of a module, and identifiers that say of themselves that they are quoted."""


def built_strings(module: Module) -> Iterator[tuple[int, str]]:
    """(line, how it begins) of every string into which something is put at run time."""
    for node in ast.walk(module.tree):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *rest]):
                if any(isinstance(each, ast.FormattedValue) and not harmless(each.value) for each in rest):
                    yield node.lineno, text
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod() | ast.Add(), right=right):
                if not harmless(right):
                    yield node.lineno, text
            case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str(text)))):
                yield node.lineno, text


def harmless(node: ast.expr) -> bool:
    """Whether what is put in can't come from outside."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(HARMLESS.fullmatch(name))


def test_no_sql_is_put_together_outside_its_home() -> None:
    found = [
        f"{module.name}:{line}"
        for module in product()
        if not module.name.endswith(QUOTING_HOMES)
        for line, text in built_strings(module)
        if SQL.match(text)
    ]
    assert found == [], "bind values as parameters; quote identifiers in systems/postgres/statements.py"


def test_the_rule_sees_what_it_should() -> None:
    bad = 'f"SELECT a FROM {t}"; "DROP ROLE %s" % r; "DELETE FROM t WHERE a = {}".format(a); "ALTER ROLE " + r'
    good = 'f"undo it by ALTER ROLE {r}"; "SELECT a FROM t"; "SELECT " + _COLUMNS; f"DROP TABLE {table_quoted}"; f"{a}"'
    for source, expected in ((bad, 4), (good, 0)):
        module = Module(path=Path("example.py"), text=source, tree=ast.parse(source))
        assert sum(bool(SQL.match(text)) for _, text in built_strings(module)) == expected
