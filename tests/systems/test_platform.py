"""What the platform itself has in PostgreSQL: its fleet's login and the keys that sign tenant contexts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from directory_contract.context import signed_context
from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.reasons import Reason
from tests.systems.rig import Rig, pool_credentials


async def converge(rig: Rig, pool: PoolCredentials) -> list[str]:
    part = rig.backends.platform_parts["postgres"]
    changes: Sequence[Any] = part.plan(pool, await part.observe(pool))
    for change in changes:
        await part.apply(pool, change)
        await part.apply(pool, change)
    assert part.plan(pool, await part.observe(pool)) == ()
    return [str(change) for change in changes]


@pytest.fixture
async def pool(rig: Rig) -> PoolCredentials:
    """A converged platform."""
    rig.sql("DELETE FROM registry.context_keys")
    made = pool_credentials()
    await converge(rig, made)
    return made


async def fleet(rig: Rig, pool: PoolCredentials) -> "asyncpg.Connection[asyncpg.Record]":
    postgres = rig.machine.postgres
    return await asyncpg.connect(
        host=postgres.host,
        port=postgres.port,
        database=postgres.database,
        user="dp_default",
        password=pool.postgres_password.get_secret_value(),
    )


async def test_the_fleet_logs_in_and_sees_the_tenant_whose_context_it_signs(rig: Rig, pool: PoolCredentials) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    connection = await fleet(rig, pool)
    try:
        row = await connection.fetchrow("SELECT * FROM directory.tenant_by_host($1)", tenant.names.host)
        assert row
        assert await connection.fetchval("SELECT count(*) FROM directory.accounts") == 0
        key = bytes.fromhex(pool.context_key.get_secret_value())
        context = signed_context(key, pool.context_key_id, row["tenant_id"])
        statement = "SELECT set_config('directory.tenant_id', $1, false), set_config('directory.context', $2, false)"
        await connection.execute(statement, str(row["tenant_id"]), context)
        assert await connection.fetchval("SELECT count(*) FROM directory.accounts") == 1
        await connection.execute(statement, str(row["tenant_id"]), context[:-1] + "x")
        assert await connection.fetchval("SELECT count(*) FROM directory.accounts") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("breakage", "expected"),
    [
        ("ALTER ROLE dp_default CONNECTION LIMIT 1", "alter login role dp_default (connection limit 1, not -1)"),
        ("ALTER ROLE dp_default BYPASSRLS", "recreate login role dp_default (has BYPASSRLS)"),
        ("DROP ROLE dp_default", "create login role dp_default"),
        ("DELETE FROM registry.context_keys", "add context key key-1"),
        (
            "INSERT INTO registry.context_keys SELECT 'forged', ipad, opad FROM registry.context_keys",
            "remove context keys forged",
        ),
        (
            "ALTER TABLE directory.people NO FORCE ROW LEVEL SECURITY",
            "repair row-level security (people: row security is not forced on the owner)",
        ),
    ],
)
async def test_what_is_broken_by_hand_is_repaired(
    rig: Rig, pool: PoolCredentials, breakage: str, expected: str
) -> None:
    rig.sql(breakage)
    assert await converge(rig, pool) == [expected]


async def test_an_old_context_key_counts_until_the_fleet_has_read_the_new_one(rig: Rig, pool: PoolCredentials) -> None:
    renewed = replace(pool_credentials(key_id="key-2"), generation="second")
    assert await converge(rig, renewed) == [
        "alter login role dp_default (password is of another generation)",
        "add context key key-2",
    ]
    assert rig.sql("SELECT count(*) FROM registry.context_keys") == "2"
    rig.sql("UPDATE registry.context_keys SET created_at = created_at - interval '2 hours'")
    part = rig.backends.platform_parts["postgres"]
    [change] = part.plan(renewed, await part.observe(renewed))
    assert (str(change), change.routine) == ("remove context keys key-1", True)
    await converge(rig, renewed)


async def test_a_schema_that_lacks_a_migration_says_to_migrate(rig: Rig, pool: PoolCredentials) -> None:
    part = rig.backends.platform_parts["postgres"]
    newest = rig.sql("SELECT max(migration_id) FROM migrations._yoyo_migration")
    rename = "UPDATE migrations._yoyo_migration SET migration_id = :'new' WHERE migration_id = :'old'"
    rig.sql(rename, old=newest, new="0001_earlier")
    try:
        with pytest.raises(NotReady, match=r"is at migration 0001_earlier, .*run directory-migrate") as refused:
            part.plan(pool, await part.observe(pool))
        assert refused.value.reason is Reason.SCHEMA_MISMATCH
    finally:
        rig.sql(rename, old="0001_earlier", new=newest)


async def test_a_schema_that_is_ahead_is_worked_with(rig: Rig, pool: PoolCredentials) -> None:
    part = rig.backends.platform_parts["postgres"]
    before = part.plan(pool, await part.observe(pool))
    rig.sql("INSERT INTO migrations._yoyo_migration VALUES ('future', '9999_future', now())")
    try:
        assert part.plan(pool, await part.observe(pool)) == before
    finally:
        rig.sql("DELETE FROM migrations._yoyo_migration WHERE migration_hash = 'future'")
