"""Plans under row-level security: what a list costs must not grow with the tenant, nor with its neighbours.

Only leakproof conditions may be evaluated before the policy, so a careless one silently turns an index search into a
filter over all the tenant's rows. Both kinds of plan are checked: PostgreSQL changes to the generic one by itself.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from directory_api.accounts import queries as accounts
from directory_api.departments import queries as departments
from directory_api.people.models import PersonQuery
from directory_api.people.queries import FIRST, page_statement
from directory_api.text import LAST
from tests.support.tenants import Backends, Login, ProvisionedTenant

PEOPLE = 4000
DEPARTMENT, MANAGER = UUID(int=7), UUID(int=3)

_FILL = """
SET session_replication_role = replica; -- neither triggers nor foreign keys while filling
INSERT INTO directory.departments (tenant_id, department_id, name, name_folded)
    SELECT :'tenant', lpad(to_hex(i), 32, '0')::uuid, 'D' || i, 'd' || i FROM generate_series(1, 500) i;
INSERT INTO directory.people (tenant_id, person_id, given_name, family_name, display_name, sort_name, department_id,
                              manager_id, status)
    SELECT :'tenant', lpad(to_hex(i), 32, '0')::uuid, 'G', 'F', 'G F', md5(i::text),
           lpad(to_hex(i % 200), 32, '0')::uuid, lpad(to_hex(i / 10), 32, '0')::uuid,
           CASE WHEN i % 10 = 0 THEN 'Left' ELSE 'Active' END
    FROM generate_series(1, :people) i;
INSERT INTO directory.person_words (tenant_id, word, person_id)
    SELECT tenant_id, sort_name, person_id FROM directory.people WHERE tenant_id = :'tenant';
INSERT INTO directory.person_words (tenant_id, word, person_id)
    SELECT tenant_id, 'g' || left(sort_name, 2), person_id FROM directory.people WHERE tenant_id = :'tenant';
INSERT INTO directory.photos (tenant_id, person_id, object_key, state, content_type, digest, width, height)
    SELECT tenant_id, person_id, 'x', 'Current', 'image/jpeg', 'x', 1, 1 FROM directory.people
    WHERE tenant_id = :'tenant';
INSERT INTO directory.accounts (tenant_id, email, role, password_hash)
    SELECT :'tenant', i || '@x.example', 'User', 'x' FROM generate_series(1, 1000) i;
ANALYZE directory.departments, directory.people, directory.person_words, directory.photos,
    directory.accounts;
"""


@pytest.fixture(scope="module")
def crowd(backends: Backends) -> Iterator[ProvisionedTenant]:
    """A tenant of some size, among others of the same."""
    tenants = [backends.tenant(f"crowd-{uuid4().hex[:8]}") for _ in range(3)]
    for tenant in tenants:
        variables = {"tenant": str(tenant.tenant_id), "people": str(PEOPLE)}
        backends.machine.postgres.psql(_FILL, variables=variables)
    yield tenants[1]
    for tenant in tenants:
        backends.machine.postgres.psql(
            "DELETE FROM registry.tenants WHERE tenant_id = :'tenant'", variables={"tenant": str(tenant.tenant_id)}
        )


@pytest.fixture(scope="module")
def login(backends: Backends) -> Login:
    return backends.pooled_login("dp_plans")


Nodes = list[dict[str, Any]]


def _nodes(plan: dict[str, Any]) -> Nodes:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


async def explained(
    backends: Backends, login: Login, tenant: ProvisionedTenant, mode: str, sql: str, *values: object
) -> Nodes:
    connection = await asyncpg.connect(backends.dsn(login))
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL plan_cache_mode = '{mode}'")
            await connection.execute(
                "SELECT set_config('directory.tenant_id', $1, true), set_config('directory.context', $2, true)",
                str(tenant.tenant_id),
                backends.signed_context(tenant.tenant_id),
            )
            await connection.execute(f"PREPARE page AS {sql}")
            given = ", ".join(_literal(value) for value in (tenant.tenant_id, *values))
            (plan,) = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({given})"))
            return _nodes(plan["Plan"])
    finally:
        await connection.close()


def _literal(value: object) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    return f"'{{{','.join(value)}}}'" if isinstance(value, list) else f"'{value}'"


MODES = pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
MIDDLE = ("8", UUID(int=0))


def check(nodes: Nodes, *, touched: int) -> None:
    """No table is read as a whole, and no scan reads many rows in vain."""
    for node in nodes:
        assert "Seq Scan" not in node["Node Type"], node
        removed = node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 1)
        assert removed <= touched, node
        if "Index Name" in node:
            assert node["Actual Rows"] <= max(touched, 1), node
            assert "tenant_id" in node["Index Cond"], node


@MODES
@pytest.mark.parametrize("sort", ["name", "-name"])
@pytest.mark.parametrize(
    ("query", "touched"),
    [
        ({}, 51),
        ({"status": "Left"}, 600),  # one in ten: some are passed over, never all
        ({"department_id": DEPARTMENT}, 51),
        ({"manager_id": MANAGER}, 51),
        ({"manager_id": MANAGER, "department_id": DEPARTMENT}, 51),
        ({"name": "abc"}, 51),
        ({"name": "abc gab"}, 51),
    ],
)
async def test_people(
    backends: Backends, login: Login, crowd: ProvisionedTenant, *, mode: str, sort: Any, query: Any, touched: int
) -> None:
    for after in (FIRST[sort], MIDDLE):
        statement = page_statement(PersonQuery(limit=50, sort=sort, **query), after)
        nodes = await explained(backends, login, crowd, mode, statement.sql, *statement.values)
        check(nodes, touched=touched)


@MODES
async def test_a_page_goes_on_where_the_last_ended(
    backends: Backends, login: Login, crowd: ProvisionedTenant, mode: str
) -> None:
    statement = page_statement(PersonQuery(limit=50), MIDDLE)
    nodes = await explained(backends, login, crowd, mode, statement.sql, *statement.values)
    (scan,) = [node for node in nodes if node.get("Index Name") == "people_by_name"]
    assert "ROW(" in scan["Index Cond"], "the position is part of the search, not a filter"


@MODES
async def test_a_prefix_is_a_range_of_the_index(
    backends: Backends, login: Login, crowd: ProvisionedTenant, mode: str
) -> None:
    statement = page_statement(PersonQuery(name="abc"), FIRST["name"])
    nodes = await explained(backends, login, crowd, mode, statement.sql, *statement.values)
    (scan,) = [node for node in nodes if node.get("Index Name") == "person_words_pkey"]
    assert "word >=" in scan["Index Cond"]
    assert "word <" in scan["Index Cond"]


@MODES
@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (departments._PAGE, (*MIDDLE, 51)),
        (departments._GET, (DEPARTMENT,)),
        (accounts._PAGE, ("5", 51)),
        (accounts._GET, (DEPARTMENT,)),
    ],
)
async def test_departments_and_accounts(
    backends: Backends, login: Login, crowd: ProvisionedTenant, mode: str, sql: str, values: tuple[object, ...]
) -> None:
    check(await explained(backends, login, crowd, mode, sql, *values), touched=51)


def test_no_character_sorts_after_the_last() -> None:
    assert all(chr(code) <= LAST for code in (0x41, 0xFFFD, 0x10FFFF))
