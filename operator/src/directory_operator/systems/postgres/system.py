"""The tenant's place in PostgreSQL: reads in batches, writes one change at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from directory_operator.systems.batching import Batcher
from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.connection import COMMAND_TIMEOUT, Database
from directory_operator.systems.postgres.desired import RELEASED, DesiredDatabase, Mark, desired_database
from directory_operator.systems.postgres.login_writer import LoginWriter
from directory_operator.systems.postgres.observed import HostClaim, ObservedDatabase, ObservedRole, Registrant
from directory_operator.systems.postgres.plan import (
    DatabaseChange,
    DropLogin,
    PurgeTenant,
    Register,
    RepairRowSecurity,
    plan_database,
)
from directory_operator.systems.postgres.reads import read_roles, read_row_security, registered_of
from directory_operator.systems.postgres.registration import register
from directory_operator.tenant.model import Tenant

_PURGE_TIMEOUT: Final = COMMAND_TIMEOUT * 30  # seconds: a large tenant's rows go in one statement


@dataclass(frozen=True, slots=True)
class _Question:
    slug: str
    role: str
    hosts: tuple[str, ...]


class PostgresSystem:
    """Registry row, hosts, first administrators, login role; and row security, on which all of it rests."""

    def __init__(self, database: Database, logins: LoginWriter) -> None:
        self._database = database
        self._logins = logins
        self._reads: Batcher[_Question, ObservedDatabase] = Batcher(self._read)

    def desired(self, tenant: Tenant) -> DesiredDatabase | None:
        return desired_database(tenant)

    async def observe(self, tenant: Tenant) -> ObservedDatabase:
        hosts = tuple(sorted(host.lower() for host in tenant.hosts))
        return await self._reads.ask(_Question(tenant.names.slug, tenant.names.login_role, hosts))

    def plan(
        self, tenant: Tenant, desired: DesiredDatabase | None, observed: ObservedDatabase
    ) -> tuple[DatabaseChange, ...]:
        return plan_database(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: DatabaseChange) -> None:
        match change:
            case RepairRowSecurity():
                async with self._database.connection() as connection:
                    await connection.execute(statements.REPAIR_ROW_SECURITY)
            case Register():
                await register(self._database, desired_database(tenant).registration, change)
            case DropLogin():
                await self._logins.drop(change.role)
            case PurgeTenant():
                async with self._database.connection() as connection:
                    owner = (change.tenant_id, change.slug, tenant.uid, tenant.cluster_id)
                    await connection.execute(statements.PURGE_TENANT, *owner, timeout=_PURGE_TIMEOUT)
            case _:
                await self._logins.apply(desired_database(tenant).login, change)

    def enrich(self, tenant: Tenant, observed: ObservedDatabase) -> Tenant:
        return tenant

    async def check(self, tenant: Tenant) -> str:
        return ""

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Keep the rows; nobody logs in or is served at the hosts and, once `entirely`, the slug may be taken up."""
        role = tenant.names.login_role
        statement = statements.RELEASE_TENANT if entirely else statements.CLOSE_TENANT
        async with self._database.transaction() as connection:
            owner = (tenant.names.slug, tenant.uid, tenant.cluster_id)
            tenant_id = await connection.fetchval(statement, *owner)
            if tenant_id is not None:
                await connection.execute(statements.RELEASE_HOSTS, tenant_id)
        rows = await self._roles(role)
        mark = rows[role].mark if role in rows else None
        if role in rows and (tenant_id is not None or (mark and mark.owner == tenant.owner)):
            # After the row, which is what counts: a released tenant's sessions see nothing even before they are ended.
            await self._logins.run(statements.close_login(role, Mark(RELEASED, RELEASED)))
            await self._logins.end_sessions(role)

    async def registrants(self, cluster_id: str, besides: Sequence[str]) -> list[Registrant]:
        """Rows that belong to tenants of a cluster, except to those with these uids."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(statements.REGISTRANTS, cluster_id, besides)
        return [Registrant(**row) for row in rows]

    async def _roles(self, *names: str) -> Mapping[str, ObservedRole]:
        async with self._database.connection() as connection:
            return await read_roles(connection, names)

    async def _read(self, questions: Sequence[_Question]) -> Mapping[_Question, ObservedDatabase]:
        async with self._database.connection() as connection:
            tenants = await connection.fetch(statements.TENANTS, [question.slug for question in questions])
            hosts = [host for question in questions for host in question.hosts]
            claims = await connection.fetch(statements.HOST_CLAIMS, hosts)
            roles = await read_roles(connection, [question.role for question in questions])
            row_security = await read_row_security(connection)
        registered = {row["slug"]: registered_of(row) for row in tenants}
        taken = {row["host"]: HostClaim(row["host"], row["slug"], row["owner_name"]) for row in claims}
        return {
            question: ObservedDatabase(
                registered=registered.get(question.slug),
                claims=tuple(
                    taken[host] for host in question.hosts if host in taken and taken[host].slug != question.slug
                ),
                role=roles.get(question.role),
                row_security=row_security,
            )
            for question in questions
        }
