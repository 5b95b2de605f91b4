"""PostgreSQL: with one tenant's login, or with the pool's and one tenant's context, nothing of another is reachable.

Tables, views and functions are enumerated from the catalog: a new one is covered, or fails here until it is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest

from directory_contract.context import signed_context
from tests.isolation.conftest import Inhabited
from tests.support.tenants import Backends, Login

TABLES = ("accounts", "departments", "people", "person_words", "photos", "sessions")
"""Kept by hand only so that tests can be named after them; test_every_table_is_here compares it with the catalog."""


@dataclass(frozen=True)
class Attack:
    """Somebody who can run any SQL as tenant A, as an injection into A's API could."""

    backends: Backends
    login: Login
    own: UUID
    other: UUID
    pooled: bool

    @asynccontextmanager
    async def session(
        self, tenant_id: UUID | None = None, context: str | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        """A transaction in A's context, like a request's, unless another is given."""
        connection = await asyncpg.connect(self.backends.dsn(self.login))
        transaction = connection.transaction()
        await transaction.start()
        try:
            if self.pooled:
                await claim(
                    connection,
                    tenant_id or self.own,
                    context if context is not None else self.backends.signed_context(self.own),
                )
            yield connection
        finally:
            if not connection.is_closed():
                await transaction.rollback()
                await connection.close()


async def claim(connection: asyncpg.Connection, tenant_id: object, context: str) -> None:
    await connection.execute(
        "SELECT set_config('directory.tenant_id', $1, true), set_config('directory.context', $2, true)",
        str(tenant_id),
        context,
    )


@pytest.fixture
def attack(tier: str, backends: Backends, pool_login: Login, attacker: Inhabited, victim: Inhabited) -> Attack:
    login = pool_login if tier == "Pooled" else attacker.tenant.login
    return Attack(backends, login, attacker.tenant.tenant_id, victim.tenant.tenant_id, tier == "Pooled")


def catalog(backends: Backends, sql: str) -> set[str]:
    return set(backends.machine.postgres.psql(sql).splitlines())


def test_every_table_is_here(backends: Backends) -> None:
    found = catalog(
        backends,
        """SELECT relname FROM pg_class
           WHERE relnamespace = 'directory'::regnamespace AND relkind IN ('r', 'p', 'f', 'm')""",
    )
    assert found == set(TABLES)


def test_every_view_asks_as_its_caller(backends: Backends) -> None:
    """There is none today; one without security_invoker would show every tenant's rows."""
    views = catalog(
        backends,
        """SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('v', 'm') AND n.nspname IN ('directory', 'registry', 'public')
             AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)""",
    )
    assert views == set()


def test_every_function_is_known_and_for_whom(backends: Backends) -> None:
    """Definer functions run as the owner: each must be looked at before it is added here."""
    callable_by = catalog(
        backends,
        """SELECT r.rolname || ' ' || p.oid::regprocedure
           FROM pg_proc p CROSS JOIN pg_roles r
           WHERE p.pronamespace IN ('directory'::regnamespace, 'registry'::regnamespace, 'public'::regnamespace)
             AND r.rolname IN ('directory_api', 'directory_pooled')
             AND has_function_privilege(r.oid, p.oid, 'EXECUTE')""",
    )
    assert callable_by == {
        "directory_api directory.verified_tenant()",
        "directory_api directory.tenant_of_session()",
        "directory_api directory.schema_version()",
        "directory_pooled directory.tenant_by_host(text)",
    }


def test_every_key_begins_with_the_tenant(backends: Backends) -> None:
    """A unique key or a foreign key that did not would tell one tenant what another has."""
    others = catalog(
        backends,
        """SELECT conrelid::regclass || ' ' || conname FROM pg_constraint
           WHERE connamespace = 'directory'::regnamespace AND contype IN ('p', 'u', 'f', 'x')
             AND conkey[1] <> (SELECT attnum FROM pg_attribute WHERE attrelid = conrelid AND attname = 'tenant_id')
           UNION ALL
           SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
           WHERE relnamespace = 'directory'::regnamespace
             AND indkey[0] <> (SELECT attnum FROM pg_attribute WHERE attrelid = indrelid AND attname = 'tenant_id')""",
    )
    assert others == set()


@pytest.mark.parametrize("table", TABLES)
async def test_own_rows_are_there_and_no_others(attack: Attack, table: str) -> None:
    async with attack.session() as connection:
        tenants = await connection.fetch(f"SELECT DISTINCT tenant_id FROM directory.{table}")
        assert {row["tenant_id"] for row in tenants} == {attack.own}, "deny and allow share this set-up"


@pytest.mark.parametrize("table", TABLES)
async def test_no_other_row_can_be_counted_changed_or_removed(attack: Attack, table: str) -> None:
    async with attack.session() as connection:
        assert (
            await connection.fetchval(f"SELECT count(*) FROM directory.{table} WHERE tenant_id = $1", attack.other) == 0
        )
        for statement in (
            f"UPDATE directory.{table} SET tenant_id = $1 WHERE tenant_id = $2",
            f"DELETE FROM directory.{table} WHERE tenant_id IN ($1, $2) AND tenant_id = $2",
        ):
            assert (await connection.execute(statement, attack.own, attack.other)).endswith(" 0")


@pytest.mark.parametrize("table", TABLES)
async def test_no_row_can_be_given_to_another_tenant(attack: Attack, table: str) -> None:
    async with attack.session() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(f"UPDATE directory.{table} SET tenant_id = $1", attack.other)
    async with attack.session() as connection:
        columns = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 1 AND NOT attisdropped",
            f"directory.{table}",
        )
        names = ", ".join(row["attname"] for row in columns)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                f"INSERT INTO directory.{table} (tenant_id, {names}) SELECT $1, {names} FROM directory.{table}",
                attack.other,
            )


def forgeries(attack: Attack) -> dict[str, str]:
    """Contexts that a session without the key could come up with, for another tenant's id."""
    good = attack.backends.signed_context(attack.own)
    key_id, _, signature = good.split(".")
    other = attack.other
    return {
        "none": "",
        "of the own tenant": good,
        "own signature, other id": f"{key_id}.{other}.{signature}",
        "unsigned": f"{key_id}.{other}.",
        "zeros": f"{key_id}.{other}.{'0' * 64}",
        "another key": signed_context(b"x" * 32, key_id, other),
        "an unknown key id": signed_context(b"x" * 32, "unknown", other),
        "an empty key id": f".{other}.{signature}",
        "id in capitals": f"{key_id}.{str(other).upper()}.{signature}",
        "more parts": f"{key_id}.{other}.{signature}.{signature}",
        "a pattern": f"%.{other}.%",
        "an expression": f"{key_id}.{other}.' OR true --",
        "not text at all": "\u202e.\u202e.\u202e",
    }


@pytest.mark.parametrize("table", TABLES)
async def test_a_forged_context_opens_nothing(attack: Attack, table: str) -> None:
    async with attack.session() as connection:
        for name, context in forgeries(attack).items():
            await claim(connection, attack.other, context)
            assert await connection.fetchval(f"SELECT count(*) FROM directory.{table}") == 0, name
            changed = await connection.execute(f"DELETE FROM directory.{table}")
            assert changed == "DELETE 0", name


async def test_a_retired_key_opens_nothing(attack: Attack) -> None:
    """A context that was good once, replayed after its key was retired."""
    old = Backends(attack.backends.machine)
    await old._operator_runs(old._add_context_key)
    async with attack.session(attack.own, old.signed_context(attack.own)) as connection:
        assert await connection.fetchval("SELECT count(*) FROM directory.people") > 0
    attack.backends.machine.postgres.psql(
        "DELETE FROM registry.context_keys WHERE key_id = :'id'", variables={"id": old.context_key_id}
    )
    async with attack.session(attack.own, old.signed_context(attack.own)) as connection:
        seen = await connection.fetchval("SELECT count(*) FROM directory.people")
        assert (seen > 0) == (not attack.pooled), "a dedicated login needs no context"


async def test_a_context_ends_with_its_transaction(backends: Backends, pool_login: Login, attacker: Inhabited) -> None:
    """What one request leaves on a pooled connection is nothing: the next one must set its own."""
    connection = await asyncpg.connect(backends.dsn(pool_login))
    try:
        async with connection.transaction():
            await claim(connection, attacker.tenant.tenant_id, backends.signed_context(attacker.tenant.tenant_id))
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.fetch("SELECT FROM directory.people")
    finally:
        await connection.close()


async def test_a_dedicated_login_stays_its_tenant_even_with_a_good_context_of_another(
    backends: Backends, attacker: Inhabited, victim: Inhabited
) -> None:
    """Should a context ever leak, it is worth nothing in the hands of a tenant's own login."""
    connection = await asyncpg.connect(backends.dsn(attacker.tenant.login))
    try:
        async with connection.transaction():
            await claim(connection, victim.tenant.tenant_id, backends.signed_context(victim.tenant.tenant_id))
            for table in TABLES:
                assert await connection.fetchval(f"SELECT count(*) FROM directory.{table}") == 0
    finally:
        await connection.close()


ESCAPES = [
    "SET ROLE directory_owner",
    "SET ROLE directory_operator",
    "SET ROLE directory_api",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION directory_operator",
    "ALTER TABLE directory.people DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE directory.people NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY people_tenant ON directory.people",
    "CREATE POLICY mine ON directory.people USING (true)",
    "TRUNCATE directory.people",
    "CREATE TEMPORARY TABLE t (x int)",
    "CREATE TABLE public.t (x int)",
    "CREATE TABLE directory.t (x int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION directory.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION directory.verified_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'",
    "CREATE VIEW directory.v AS SELECT * FROM directory.people",
    "CREATE TRIGGER t BEFORE INSERT ON directory.people EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SELECT * FROM registry.tenants",
    "SELECT * FROM registry.tenant_hosts",
    "SELECT * FROM registry.context_keys",
    "SELECT * FROM migrations._yoyo_migration",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_roles",
    "SELECT * FROM pg_db_role_setting",
    "SELECT * FROM pg_auth_members",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_stat_get_activity(NULL)",
    "SELECT * FROM pg_lock_status()",
    "SELECT * FROM pg_stat_user_tables",
    "SELECT pg_stat_get_live_tuples('directory.people'::regclass)",
    "SELECT pg_stat_get_tuples_inserted('directory.sessions'::regclass)",
    "SELECT pg_total_relation_size('directory.people')",
    "SELECT pg_indexes_size('directory.people')",
    "SELECT pg_database_size(current_database())",
    "SELECT * FROM pg_statistic",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY directory.people TO PROGRAM 'cat'",
    "SET session_replication_role = replica",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE ROLE mine",
    "GRANT directory_owner TO CURRENT_USER",
]


@pytest.mark.parametrize("statement", ESCAPES)
async def test_there_is_no_way_up(attack: Attack, statement: str) -> None:
    async with attack.session() as connection:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)):
            await connection.execute(statement)


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_no_other_database_shows_what_this_one_hides(attack: Attack, database: str) -> None:
    """Privileges on system catalogs are a database's own: elsewhere pg_db_role_setting tells every tenant's id."""
    server, login = attack.backends.machine.postgres, attack.login
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await asyncpg.connect(
            host=server.host, port=server.port, user=login.role, password=login.password, database=database
        )


async def test_turning_row_security_off_only_raises(attack: Attack) -> None:
    async with attack.session() as connection:
        await connection.execute("SET LOCAL row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT FROM directory.people")


@pytest.mark.parametrize("table", TABLES)
async def test_statistics_tell_nothing(attack: Attack, table: str) -> None:
    """pg_stats holds the most common values of columns; PostgreSQL hides it where row security applies."""
    async with attack.session() as connection:
        found = await connection.fetch("SELECT FROM pg_stats WHERE schemaname = 'directory' AND tablename = $1", table)
        assert found == []


async def test_errors_do_not_tell_that_another_tenant_has_something(attack: Attack, victim: Inhabited) -> None:
    """Uniqueness and references are per tenant: the same email is free here, and another's id is as unknown as any."""
    async with attack.session() as connection:
        await connection.execute(
            """INSERT INTO directory.accounts (tenant_id, email, role, password_hash) VALUES ($1, $2, 'User', 'x')""",
            attack.own,
            victim.tenant.admin_email,
        )
        for unknown in (UUID(victim.department_id), uuid4()):
            savepoint = connection.transaction()
            await savepoint.start()
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await connection.execute("UPDATE directory.people SET department_id = $1", unknown)
            await savepoint.rollback()
