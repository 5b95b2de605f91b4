"""The one home of asyncpg: the pool, connections bound to a tenant, and what PostgreSQL's errors mean over HTTP.

A query needs a `TenantConnection`, and only `Database.read` and `Database.write` make one. Its first parameter, $1, is
always the tenant id: row-level security does not need it, but plans and readers profit.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

import asyncpg

from directory_api.constraints import VIOLATIONS
from directory_api.errors import FieldError, Problem, unavailable
from directory_api.settings import SecretFiles, SecretMissing, Settings, SslMode
from directory_api.tenancy import Tenant
from directory_contract import environment
from directory_contract.context import signed_context
from directory_contract.names import CONTEXT_SETTING, TENANT_SETTING

Row = Mapping[str, Any]

_ACQUIRE_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 30.0

# InternalClientError: the server's goodbye has come over an idle connection whose end is not seen yet, and the next
# statement finds the driver between two states. Such a connection is of no more use.
_DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_SET_CONTEXT: Final = f"SELECT set_config('{TENANT_SETTING}', $1, true), set_config('{CONTEXT_SETTING}', $2, true)"


class _Connection(asyncpg.Connection):
    """A connection without asyncpg's reset query, a round trip per request.

    Nothing here needs resetting: no LISTEN, no session-level SET, no session-level advisory lock. asyncpg still rolls
    an open transaction back on release.
    """

    def get_reset_query(self) -> str:
        return ""


class TenantConnection:
    """Statements in one tenant's context; each receives the tenant id as $1."""

    __slots__ = ("_connection", "tenant_id")

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", tenant_id: UUID) -> None:
        self._connection = connection
        self.tenant_id = tenant_id

    async def rows(self, query: str, *values: object) -> list[Row]:
        return cast("list[Row]", await self._connection.fetch(query, self.tenant_id, *values))

    async def row(self, query: str, *values: object) -> Row | None:
        return cast("Row | None", await self._connection.fetchrow(query, self.tenant_id, *values))

    async def value(self, query: str, *values: object) -> Any:
        return await self._connection.fetchval(query, self.tenant_id, *values)

    async def execute(self, query: str, *values: object) -> int:
        """Run a statement and return how many rows it touched."""
        status = await self._connection.execute(query, self.tenant_id, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, query: str, values: list[tuple[object, ...]]) -> None:
        await self._connection.executemany(query, [(self.tenant_id, *each) for each in values])


@dataclass(slots=True)
class Database:
    """The process's pool. Connections are read-only unless a transaction says otherwise."""

    _pool: "asyncpg.Pool[asyncpg.Record]"
    _secrets: SecretFiles
    _dedicated: bool

    @classmethod
    async def open(cls, settings: Settings, secrets: SecretFiles) -> "Database":
        """Make the pool; connections are made when they are needed, so a dead database does not stop the start."""

        def password() -> str:
            return secrets.read(environment.POSTGRES_PASSWORD_FILE).get_secret_value()

        pool = await asyncpg.create_pool(
            host=settings.postgres_host,
            port=settings.postgres_port,
            database=settings.postgres_database,
            user=secrets.read(environment.POSTGRES_USERNAME_FILE).get_secret_value(),
            password=password,
            ssl=_ssl(settings),
            min_size=0,
            max_size=settings.pool_size,
            max_inactive_connection_lifetime=60,
            timeout=_ACQUIRE_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            connection_class=_Connection,
            server_settings={"application_name": "directory-api", "default_transaction_read_only": "on"},
        )
        return cls(pool, secrets, settings.tier == "Dedicated")

    async def close(self) -> None:
        """Wait for the connections in use, not longer than a moment."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=_ACQUIRE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def read(self, tenant: Tenant) -> AsyncIterator[TenantConnection]:
        """For GET and HEAD. A dedicated login is its tenant and read-only by default: no transaction is needed."""
        async with self._connection() as connection:
            if self._dedicated:
                yield TenantConnection(connection, tenant.tenant_id)
                return
            async with _transaction(connection, "BEGIN READ ONLY"):
                await self._set_context(connection, tenant)
                yield TenantConnection(connection, tenant.tenant_id)

    @asynccontextmanager
    async def write(self, tenant: Tenant) -> AsyncIterator[TenantConnection]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        async with self._connection() as connection, _transaction(connection, "BEGIN READ WRITE"):
            if not self._dedicated:
                await self._set_context(connection, tenant)
            yield TenantConnection(connection, tenant.tenant_id)

    async def pooled_tenant(self, host: str) -> Tenant | None:
        """The active pooled tenant that `host` belongs to."""
        return await self._tenant("SELECT * FROM directory.tenant_by_host($1)", host)

    async def own_tenant(self) -> Tenant | None:
        """The active tenant that this process's login belongs to."""
        return await self._tenant("SELECT * FROM directory.tenant_of_session()")

    async def schema_version(self) -> str | None:
        async with self._connection() as connection:
            return cast("str | None", await connection.fetchval("SELECT directory.schema_version()"))

    async def isolation_failures(self) -> list[str]:
        """Why row-level security would not bind this process's connections; empty when it does.

        Each table is asked for any row while a tenant id is claimed without a signed context. Only names of tables come
        back from the catalog, and PostgreSQL quotes them.
        """
        async with self._connection() as connection, _transaction(connection, "BEGIN READ ONLY"):
            failures = [row["failure"] for row in await connection.fetch(_UNBOUND)]
            await connection.execute(_SET_CONTEXT, str(UUID(int=0)), "")
            probe = await connection.fetchval(_PROBE)
            return failures + [row["failure"] for row in await connection.fetch(probe)]

    async def _tenant(self, query: str, *values: object) -> Tenant | None:
        async with self._connection() as connection:
            row = await connection.fetchrow(query, *values)
        if row is None:
            return None
        return Tenant.from_row(row["tenant_id"], row["slug"], row["display_name"], row["settings"])

    async def _set_context(self, connection: "asyncpg.Connection[asyncpg.Record]", tenant: Tenant) -> None:
        """Bound as parameters, so that the signature shows up in no query text (pg_stat_activity, logs)."""
        key = bytes.fromhex(self._secrets.read(environment.CONTEXT_KEY_FILE).get_secret_value())
        key_id = self._secrets.read(environment.CONTEXT_KEY_ID_FILE).get_secret_value()
        context = signed_context(key, key_id, tenant.tenant_id)
        await connection.execute(_SET_CONTEXT, str(tenant.tenant_id), context)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        try:
            connection = await self._pool.acquire(timeout=_ACQUIRE_SECONDS)
        except TimeoutError:
            raise Problem(504, "database_busy", "No database connection became free in time.") from None
        except (*_DRIVER_ERRORS, SecretMissing) as error:
            raise unavailable("database_unavailable", "The database cannot be reached.") from error
        try:
            yield cast("asyncpg.Connection[asyncpg.Record]", connection)
        except _DRIVER_ERRORS as error:
            if isinstance(error, asyncpg.InternalClientError):
                connection.terminate()
            raise problem_of(error) from error
        finally:
            await self._pool.release(connection, timeout=_ACQUIRE_SECONDS)


@asynccontextmanager
async def _transaction(connection: "asyncpg.Connection[asyncpg.Record]", begin: str) -> AsyncIterator[None]:
    await connection.execute(begin)
    try:
        yield
    except BaseException:
        # A broken connection cannot roll back and need not: PostgreSQL does when it goes.
        with suppress(*_DRIVER_ERRORS):
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


_CLASSES: Final[dict[str, tuple[int, str, str]]] = {
    "25006": (405, "read_only", "This request may not change anything."),
    "42501": (403, "forbidden", "The database refused this."),
    "40001": (503, "try_again", "Another request changed the same thing; try again."),
    "40P01": (503, "try_again", "Another request changed the same thing; try again."),
    "57014": (504, "too_slow", "The database took too long."),
    "08": (503, "database_unavailable", "The database cannot be reached."),
    "53": (503, "database_unavailable", "The database is overloaded."),
    "57": (503, "database_unavailable", "The database is being restarted."),
    "22": (400, "invalid_value", "A value cannot be stored."),
    "23": (409, "conflict", "This conflicts with what is stored."),
}


def problem_of(error: Exception) -> Exception:
    """What a driver error means to the caller. PostgreSQL's own words stay inside: they quote rows.

    An error that means a mistake of ours (bad SQL, a missing context) is returned as it is, to become a 500.
    """
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return Problem(400, "invalid_value", "A value cannot be stored.")
    if not isinstance(error, asyncpg.PostgresError):
        return unavailable("database_unavailable", "The database connection was lost.")
    violation = VIOLATIONS.get(getattr(error, "constraint_name", None) or "")
    if violation is not None:
        return Problem(409, violation.code, violation.detail, (FieldError(violation.field, violation.detail),))
    state = error.sqlstate or ""
    found = _CLASSES.get(state) or _CLASSES.get(state[:2])
    if found is None or state == "22P02":
        return error
    status, code, detail = found
    return Problem(status, code, detail, headers={"Retry-After": "1"} if status == 503 else {})


def _ssl(settings: Settings) -> ssl.SSLContext | SslMode:
    """Asyncpg understands libpq's modes, but takes further authorities only in a context."""
    if settings.ca_file is None or settings.postgres_sslmode not in {"verify-ca", "verify-full"}:
        return settings.postgres_sslmode
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=settings.ca_file)
    context.check_hostname = settings.postgres_sslmode == "verify-full"
    return context


_UNBOUND: Final = """
SELECT c.relname || ': ' || CASE
    WHEN NOT c.relrowsecurity THEN 'row-level security is not enabled'
    WHEN NOT c.relforcerowsecurity THEN 'row-level security is not forced'
    WHEN current_setting('is_superuser')::boolean THEN 'this login is a superuser'
    WHEN NOT row_security_active(c.oid) THEN 'row-level security does not bind this login'
    ELSE 'this login can act as the owner' END AS failure
FROM pg_class c
WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind IN ('r', 'p')
  AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR NOT row_security_active(c.oid)
       OR pg_has_role(c.relowner, 'MEMBER') OR current_setting('is_superuser')::boolean)
"""

_PROBE: Final = """
SELECT string_agg(format('SELECT %L AS failure WHERE EXISTS (SELECT FROM directory.%I)',
                         c.relname || ': rows are visible without a context', c.relname), ' UNION ALL ')
FROM pg_class c
WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind IN ('r', 'p')
"""
