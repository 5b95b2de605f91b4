"""The operator's home of asyncpg: one bounded pool per platform, and the driver's errors as our conditions.

The driver's texts can quote what was sent, so they are never passed on: an error says which SQLSTATE it was.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pydantic import SecretStr

from directory_operator.errors import AccessDenied, Conflict, DeletionRefused, NotReady, StepError
from directory_operator.platform.spec import PostgresSpec
from directory_operator.reasons import Reason
from directory_operator.systems.breaker import Breaker
from directory_operator.systems.transport import transport_problem

if TYPE_CHECKING:  # generic in the stubs, not at run time
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    _Raw: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection, _Raw = PoolConnectionProxy, asyncpg.Connection

CONNECT_TIMEOUT: Final = 3.0  # seconds
COMMAND_TIMEOUT: Final = 10.0  # seconds
POOL_SIZE: Final = 10

_DENIED: Final = frozenset({"28P01", "28000"})
_NO_SCHEMA: Final = frozenset({"3D000", "3F000", "42P01", "42703", "42883"})
_UNAVAILABLE_CLASSES: Final = ("08", "53", "57", "58")
_STANDBY: Final = frozenset({"25006", "0A000"})  # writing, and beginning to write, where nothing can be written
_BUSY: Final = frozenset({"55P03", "40P01", "40001"})

# InternalClientError: the server's goodbye has come over an idle connection whose end is not seen yet, and the next
# statement finds the driver between two states. Such a connection is of no more use.
_DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class TupleConcurrentlyUpdated(Exception):
    """PostgreSQL's XX000 when two sessions alter one catalog row at once: the same again will do."""


class RoleExists(Exception):
    """Somebody was faster, or an earlier attempt did it and its answer was lost."""


class Database:
    """The operator's connections to one platform's database. Nothing is opened before it is needed."""

    def __init__(self, spec: PostgresSpec, username: str, password: SecretStr, ca: str | None) -> None:
        self.name = spec.database
        self.endpoint = f"{spec.host}:{spec.port}"
        self._spec = spec
        self._username = username
        self._password = password
        self._ca = ca
        self._breaker = Breaker("PostgreSQL", self.endpoint)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool; what fails inside comes out as a StepError."""
        async with self._breaker.attempt():
            try:
                pool = await self._open()
                async with pool.acquire() as connection:
                    try:
                        yield connection
                    except asyncpg.InternalClientError:
                        connection.terminate()
                        raise
            except StepError:
                raise
            except _DRIVER_ERRORS as error:
                if isinstance(error, asyncpg.ReadOnlySQLTransactionError) and self._pool is not None:
                    await self._pool.expire_connections()  # they lead to a primary of before
                raise self.condition(error) from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction that commits at the end."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    def condition(self, error: BaseException) -> Exception:
        """A driver's error as one of our conditions, without the driver's words."""
        if isinstance(error, asyncpg.PostgresError):
            return self._answer(error)
        return self._breaker.unavailable(transport_problem(error))

    async def close(self) -> None:
        """Close the pool, waiting at most a second for what runs."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            await asyncio.wait_for(pool.close(), 1)
        except TimeoutError:
            pool.terminate()

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    host=self._spec.host,
                    port=self._spec.port,
                    database=self._spec.database,
                    user=self._username,
                    password=self._password.get_secret_value(),
                    ssl=tls(self._spec.ssl_mode, self._ca),
                    timeout=CONNECT_TIMEOUT,
                    command_timeout=COMMAND_TIMEOUT,
                    min_size=0,
                    max_size=POOL_SIZE,
                    connection_class=_Stateless,
                    init=_refuse_standby,
                    server_settings={"application_name": "directory-operator", "standard_conforming_strings": "on"},
                )
            return self._pool

    def _answer(self, error: asyncpg.PostgresError) -> Exception:
        state = str(getattr(error, "sqlstate", None) or "?????")
        if state == "XX000" and "tuple concurrently" in str(error):
            return TupleConcurrentlyUpdated()
        if state == "42710":
            return RoleExists()
        if state in _STANDBY:
            return self._breaker.unavailable("a standby answers: the primary is changing")
        if state in _BUSY or state.startswith(_UNAVAILABLE_CLASSES):
            return self._breaker.unavailable(f"it can't work now (SQLSTATE {state})")
        return self._refusal(state) or StepError(
            f"PostgreSQL at {self.endpoint} refused a statement with SQLSTATE {state}; its log says more"
        )

    def _refusal(self, state: str) -> StepError | None:
        secret, database = self._spec.admin_secret_ref.name, self._spec.database
        if state in _DENIED:
            return self._denied(f"the username or password in Secret {secret} is wrong")
        if state == "42501":
            return self._denied("its login lacks a right that bootstrap.sql gives, or didn't make the role itself")
        if state in _NO_SCHEMA:
            problem = f"database {database} at {self.endpoint} lacks the schema of this version"
            remedy = "run bootstrap.sql and directory-migrate"
            return NotReady(f"{problem}: {remedy}", Reason.SCHEMA_MISMATCH, retry_after=15)
        if state == "23505":
            return Conflict("another tenant took the slug, a host or the login role in this very moment; trying again")
        if state == "2BP01":
            remedy = "a superuser clears them by DROP OWNED BY that role"
            problem = "the tenant's login role owns objects or was granted privileges by hand"
            return DeletionRefused(Reason.ROLE_OWNS_OBJECTS, f"{problem}; {remedy}")
        return None

    def _denied(self, remedy: str) -> AccessDenied:
        return AccessDenied("PostgreSQL", self.endpoint, remedy)


async def _refuse_standby(connection: _Raw) -> None:
    """Of each new connection: raise where only a primary of before, or the next one too early, answers."""
    await connection.execute("BEGIN READ WRITE; COMMIT")


class _Stateless(_Raw):
    """Nothing here outlives its transaction, so connections need no reset query when they go back to the pool."""

    def get_reset_query(self) -> str:
        return ""


def tls(mode: str, ca: str | None) -> ssl.SSLContext | bool:
    """The sslmode of libpq as an SSLContext; False for `disable`."""
    if mode == "disable":
        return False
    context = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
