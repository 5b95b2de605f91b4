"""What a platform itself needs in PostgreSQL: the schema, the pooled fleet's login, the keys that sign tenant contexts,
row-level security.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from directory_contract.context import padded_keys
from directory_contract.names import pooled_login
from directory_contract.schema import EXPECTED_MIGRATION, works_on
from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.reasons import Reason
from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.connection import Database
from directory_operator.systems.postgres.desired import pool_login
from directory_operator.systems.postgres.login_writer import LoginWriter
from directory_operator.systems.postgres.logins import LoginChange, login_changes
from directory_operator.systems.postgres.observed import ObservedPlatformDatabase
from directory_operator.systems.postgres.plan import RepairRowSecurity
from directory_operator.systems.postgres.reads import read_roles, read_row_security
from directory_operator.tenant.model import Platform

OVERLAP: Final = 3600.0
"""Seconds for which an old context key still counts: by then every process of the fleet has read the new one."""


@dataclass(frozen=True, slots=True)
class AddContextKey:
    """Let the fleet's current key sign contexts."""

    key_id: str
    routine: bool = False

    def __str__(self) -> str:
        return f"add context key {self.key_id}"


@dataclass(frozen=True, slots=True)
class RemoveContextKeys:
    """Stop believing contexts signed with keys that are not the fleet's."""

    key_ids: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"remove context keys {', '.join(self.key_ids)}"


PlatformDatabaseChange = RepairRowSecurity | LoginChange | AddContextKey | RemoveContextKeys


def plan_platform(
    platform: Platform, pool: PoolCredentials, observed: ObservedPlatformDatabase
) -> tuple[PlatformDatabaseChange, ...]:
    """Pure. NotReady if the schema lacks migrations of this version."""
    spec = platform.spec.postgres
    if not works_on(observed.schema_version):
        raise NotReady(
            f"database {spec.database} is at migration {observed.schema_version or 'none'}, and this version works "
            f"with {EXPECTED_MIGRATION}: run directory-migrate of the same version",
            Reason.SCHEMA_MISMATCH,
            retry_after=15,
        )
    repair = (RepairRowSecurity(observed.row_security),) if observed.row_security else ()
    login = login_changes(pool_login(platform, pool), {}, observed.role, f"{spec.host}:{spec.port}")
    return (*repair, *login, *_context_keys(pool, observed))


def _context_keys(
    pool: PoolCredentials, observed: ObservedPlatformDatabase
) -> tuple[AddContextKey | RemoveContextKeys, ...]:
    ages = observed.context_keys
    if pool.context_key_id not in ages:
        return (AddContextKey(pool.context_key_id),)
    others = tuple(sorted(ages.keys() - {pool.context_key_id}))
    # A key newer than ours was never the fleet's; an older one was, and may be in use until the fleet has read ours.
    strays = tuple(key for key in others if ages[key] < ages[pool.context_key_id])
    old = () if ages[pool.context_key_id] < OVERLAP else tuple(key for key in others if key not in strays)
    removals = ((strays, False), (old, True))
    return tuple(RemoveContextKeys(keys, routine) for keys, routine in removals if keys)


class PostgresPlatform:
    """Reads and writes of the above."""

    def __init__(self, platform: Platform, database: Database, logins: LoginWriter) -> None:
        self._platform = platform
        self._database = database
        self._logins = logins

    async def observe(self, pool: PoolCredentials) -> ObservedPlatformDatabase:
        """Also the probe: SystemUnavailable, AccessDenied, or NotReady without a schema."""
        role = pooled_login(self._platform.name)
        async with self._database.connection() as connection:
            version = await connection.fetchval(statements.SCHEMA_VERSION)
            if not works_on(version):
                return ObservedPlatformDatabase(version, None, {}, ())
            roles = await read_roles(connection, [role])
            keys = await connection.fetch(statements.CONTEXT_KEYS)
            row_security = await read_row_security(connection)
        return ObservedPlatformDatabase(version, roles.get(role), {row[0]: row[1] for row in keys}, row_security)

    def plan(self, pool: PoolCredentials, observed: ObservedPlatformDatabase) -> Sequence[PlatformDatabaseChange]:
        return plan_platform(self._platform, pool, observed)

    async def apply(self, pool: PoolCredentials, change: PlatformDatabaseChange) -> None:
        match change:
            case AddContextKey():
                pads = padded_keys(bytes.fromhex(pool.context_key.get_secret_value()))
                await self._execute(statements.ADD_CONTEXT_KEY, pool.context_key_id, *pads)
            case RemoveContextKeys():
                await self._execute(statements.REMOVE_CONTEXT_KEYS, list(change.key_ids))
            case RepairRowSecurity():
                await self._execute(statements.REPAIR_ROW_SECURITY)
            case _:
                await self._logins.apply(pool_login(self._platform, pool), change)

    def remark(self, observed: ObservedPlatformDatabase) -> str:
        """For the condition's message."""
        return f"schema {observed.schema_version}"

    async def _execute(self, statement: str, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *values)
