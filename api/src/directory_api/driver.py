"""What asyncpg's connections and errors mean here: which are kept, and what the caller is told. db.py's other half."""

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from directory_api.constraints import VIOLATIONS
from directory_api.errors import FieldError, Problem, unavailable
from directory_api.settings import Settings, SslMode

if TYPE_CHECKING:  # generic in the stubs, not at run time
    Raw: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Raw = asyncpg.Connection

AWAY: Final = "database_unavailable"
_SILENCE: Final = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": 5,
        "TCP_KEEPINTVL": 2,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 10_000,  # milliseconds
    }.items()
    if hasattr(socket, name)  # Linux has them all
}
# InternalClientError: the server's goodbye has come over an idle connection whose end is not seen yet, and the next
# statement finds the driver between two states. Such a connection is of no more use.
DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class Connection(asyncpg.Connection):
    """A connection without asyncpg's reset query, a round trip per request.

    Nothing here needs resetting: no LISTEN, no session-level SET, no session-level advisory lock. asyncpg still rolls
    an open transaction back on release.
    """

    def get_reset_query(self) -> str:
        return ""

    def give_up_on_silence(self) -> None:
        """A server whose machine is gone says no goodbye: count the connection as lost, not the request as slow."""
        line = self._transport.get_extra_info("socket")  # type: ignore[attr-defined] # the stubs leave it out
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _SILENCE.items():
            line.setsockopt(socket.IPPROTO_TCP, option, value)


async def examine(connection: Raw) -> None:
    """Of each new connection: raise on a standby, which answers reads too, but from before what others just wrote.

    During a fail-over the primary's name may still lead to the one of before, or already to one that is not promoted.
    """
    connection.give_up_on_silence()  # type: ignore[attr-defined] # it is one of our class
    await connection.execute("BEGIN READ WRITE; COMMIT")


async def rolled_back(connection: Raw, begin: str, error: BaseException) -> None:
    """Leave nothing behind. A broken connection cannot roll back and need not: PostgreSQL does when it goes."""
    if isinstance(error, asyncpg.InternalClientError) or _is_standbys(error):
        connection.terminate()
    elif begin:
        with suppress(*DRIVER_ERRORS):
            await connection.execute("ROLLBACK")


def _is_standbys(error: BaseException) -> bool:
    """Whether only a standby says so: writing where nothing can be written, and beginning to (0A000)."""
    return isinstance(error, (asyncpg.ReadOnlySQLTransactionError, asyncpg.FeatureNotSupportedError))


_CLASSES: Final[dict[str, tuple[int, str, str]]] = {
    "0A000": (503, AWAY, "The database is changing to another server."),  # BEGIN READ WRITE on a standby
    "25006": (503, AWAY, "The database is changing to another server."),
    "42501": (403, "forbidden", "The database refused this."),
    "40001": (503, "try_again", "Another request changed the same thing; try again."),
    "40P01": (503, "try_again", "Another request changed the same thing; try again."),
    "57014": (504, "too_slow", "The database took too long."),
    "08": (503, AWAY, "The database cannot be reached."),
    "53": (503, AWAY, "The database is overloaded."),
    "57": (503, AWAY, "The database is being restarted."),
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
        return unavailable(AWAY, "The database connection was lost.")
    violation = VIOLATIONS.get(getattr(error, "constraint_name", None) or "")
    if violation is not None:
        return Problem(409, violation.code, violation.detail, (FieldError(violation.field, violation.detail),))
    state = error.sqlstate or ""
    found = _CLASSES.get(state) or _CLASSES.get(state[:2])
    if found is None or state == "22P02":
        return error
    status, code, detail = found
    return Problem(status, code, detail, headers={"Retry-After": "1"} if status == 503 else {})


def tls(settings: Settings) -> ssl.SSLContext | SslMode:
    """Asyncpg understands libpq's modes, but takes further authorities only in a context."""
    if settings.ca_file is None or settings.postgres_sslmode not in {"verify-ca", "verify-full"}:
        return settings.postgres_sslmode
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=settings.ca_file)
    context.check_hostname = settings.postgres_sslmode == "verify-full"
    return context
