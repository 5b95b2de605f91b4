"""The home of asyncpg, with driver.py: the pool, and connections bound to a tenant.

A query needs a `TenantConnection`, and only `Database.read` and `Database.write` make one. Its first parameter, $1, is
always the tenant id: row-level security does not need it, but plans and readers profit.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast
from uuid import UUID

import asyncpg

from directory_api import row_security
from directory_api.driver import AWAY, DRIVER_ERRORS, Connection, Raw, examine, problem_of, rolled_back, tls
from directory_api.errors import Problem, unavailable
from directory_api.settings import SecretFiles, SecretMissing, Settings
from directory_api.tenancy import Tenant
from directory_contract import environment
from directory_contract.context import signed_context
from directory_contract.names import CONTEXT_SETTING, TENANT_SETTING

Row = Mapping[str, Any]

_ACQUIRE_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 3.0
_STATEMENT_SECONDS: Final = 30.0
_STATEMENTS: Final = 100  # prepared, per connection: as many as asyncpg keeps by itself
_PATIENCE_SECONDS: Final = 5.0
"""How long after the database went away requests that have not begun wait for it to come back."""
_PAUSE_SECONDS: Final = 0.1
_READ_ONLY: Final = "BEGIN READ ONLY"

_SET_CONTEXT: Final = f"SELECT set_config('{TENANT_SETTING}', $1, true), set_config('{CONTEXT_SETTING}', $2, true)"


class TenantConnection:
    """Statements in one tenant's context; each receives the tenant id as $1."""

    __slots__ = ("_connection", "tenant_id")

    def __init__(self, connection: Raw, tenant_id: UUID) -> None:
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
    _pooler: bool
    _clock: Callable[[], float] = time.monotonic
    _away_since: float | None = field(default=None)

    @classmethod
    async def open(cls, settings: Settings, secrets: SecretFiles) -> "Database":
        """Make the pool; connections are made when they are needed, so a dead database does not stop the start."""

        def password() -> str:
            return secrets.read(environment.POSTGRES_PASSWORD_FILE).get_secret_value()

        pooler = settings.postgres_pooler
        # PgBouncer takes no parameter that it doesn't follow, and may give each transaction another server, on which
        # nothing is prepared.
        read_only = {} if pooler else {"default_transaction_read_only": "on"}
        pool = await asyncpg.create_pool(
            host=settings.postgres_host,
            port=settings.postgres_port,
            database=settings.postgres_database,
            user=secrets.read(environment.POSTGRES_USERNAME_FILE).get_secret_value(),
            password=password,
            ssl=tls(settings),
            min_size=0,
            max_size=settings.pool_size,
            max_inactive_connection_lifetime=60,
            timeout=_CONNECT_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            connection_class=Connection,
            init=examine,
            server_settings={"application_name": "directory-api", **read_only},
            statement_cache_size=0 if pooler else _STATEMENTS,
        )
        return cls(pool, secrets, settings.tier == "Dedicated", pooler)

    async def close(self) -> None:
        """Wait for the connections in use, not longer than a moment."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=_ACQUIRE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def read(self, tenant: Tenant) -> AsyncIterator[TenantConnection]:
        """For GET and HEAD. A dedicated login is its tenant and read-only by default: no transaction is needed."""
        begin = "" if self._dedicated and not self._pooler else _READ_ONLY
        async with self._session(begin, tenant) as connection:
            yield TenantConnection(connection, tenant.tenant_id)

    @asynccontextmanager
    async def write(self, tenant: Tenant) -> AsyncIterator[TenantConnection]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        async with self._session("BEGIN READ WRITE", tenant) as connection:
            yield TenantConnection(connection, tenant.tenant_id)

    async def pooled_tenant(self, host: str) -> Tenant | None:
        """The active pooled tenant that `host` belongs to."""
        return await self._tenant("SELECT * FROM directory.tenant_by_host($1)", host)

    async def own_tenant(self) -> Tenant | None:
        """The active tenant that this process's login belongs to."""
        return await self._tenant("SELECT * FROM directory.tenant_of_session()")

    async def schema_version(self) -> str | None:
        async with self._session(self._plain, patient=False) as connection:
            return cast("str | None", await connection.fetchval("SELECT directory.schema_version()"))

    async def isolation_failures(self) -> list[str]:
        """Why row-level security would not bind this process's connections; empty when it does.

        Each table is asked for any row while a tenant id is claimed without a signed context. Only names of tables come
        back from the catalog, and PostgreSQL quotes them.
        """
        async with self._session(_READ_ONLY, patient=False) as connection:
            failures = [row["failure"] for row in await connection.fetch(row_security.UNBOUND)]
            await connection.execute(_SET_CONTEXT, str(UUID(int=0)), "")
            probe = await connection.fetchval(row_security.PROBE)
            return failures + [row["failure"] for row in await connection.fetch(probe)]

    @property
    def _plain(self) -> str:
        """What a single question without a tenant has to begin with."""
        return _READ_ONLY if self._pooler else ""

    async def _tenant(self, query: str, *values: object) -> Tenant | None:
        async with self._session(self._plain) as connection:
            row = await connection.fetchrow(query, *values)
        if row is None:
            return None
        return Tenant.from_row(row["tenant_id"], row["slug"], row["display_name"], row["settings"])

    async def _set_context(self, connection: Raw, tenant: Tenant) -> None:
        """Bound as parameters, so that the signature shows up in no query text (pg_stat_activity, logs)."""
        key = bytes.fromhex(self._secrets.read(environment.CONTEXT_KEY_FILE).get_secret_value())
        key_id = self._secrets.read(environment.CONTEXT_KEY_ID_FILE).get_secret_value()
        context = signed_context(key, key_id, tenant.tenant_id)
        await connection.execute(_SET_CONTEXT, str(tenant.tenant_id), context)

    @asynccontextmanager
    async def _session(self, begin: str, tenant: Tenant | None = None, *, patient: bool = True) -> AsyncIterator[Raw]:
        """A connection, in a transaction that `begin` opens (none where it is empty), in the tenant's context."""
        connection = await self._opened(begin, tenant, patient=patient)
        try:
            yield connection
            if begin:
                await connection.execute("COMMIT")
        except BaseException as error:
            await rolled_back(connection, begin, error)
            if isinstance(error, DRIVER_ERRORS):
                raise problem_of(error) from error
            raise
        finally:
            await self._pool.release(connection, timeout=_ACQUIRE_SECONDS)  # type: ignore[arg-type] # the stubs' proxy

    async def _opened(self, begin: str, tenant: Tenant | None, *, patient: bool) -> Raw:
        """The same, ready for the first statement.

        Nothing was asked of the database yet, so beginning is tried again while it changes from one server to another:
        people wait a moment instead of being turned away. Once it is away for longer, they are told at once.
        """
        while True:
            try:
                connection = await self._open_once(begin, tenant)
            except Problem as problem:
                if problem.code != AWAY:
                    raise
                now = self._clock()
                self._away_since = self._away_since or now
                if not patient or now - self._away_since > _PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._away_since = None
                return connection

    async def _open_once(self, begin: str, tenant: Tenant | None) -> Raw:
        try:
            connection = cast("Raw", await self._pool.acquire(timeout=_ACQUIRE_SECONDS))
        except (*DRIVER_ERRORS, SecretMissing) as error:
            if isinstance(error, TimeoutError) and self._pool.get_size() == self._pool.get_max_size():
                raise Problem(504, "database_busy", "No database connection became free in time.") from None
            raise unavailable(AWAY, "The database cannot be reached.") from error
        try:
            if begin:
                await connection.execute(begin)
            if tenant is not None and not self._dedicated:
                await self._set_context(connection, tenant)
        except BaseException as error:
            await rolled_back(connection, begin, error)
            await self._pool.release(connection, timeout=_ACQUIRE_SECONDS)  # type: ignore[arg-type] # the stubs' proxy
            if isinstance(error, DRIVER_ERRORS):
                raise problem_of(error) from error
            raise
        return connection
