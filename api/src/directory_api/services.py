"""Owns how the process is put together: settings in, everything a request needs out. The only place of constructors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from directory_api.cache import QueryCache
from directory_api.db import Database
from directory_api.health.state import Health
from directory_api.keyspace import Keyspace
from directory_api.observability import Metrics
from directory_api.pagination import CursorCodec
from directory_api.photos.bucket import Buckets
from directory_api.photos.images import Studio
from directory_api.sessions.passwords import Passwords
from directory_api.sessions.throttle import LoginThrottle
from directory_api.sessions.tokens import Tokens
from directory_api.sessions.viewers import Viewers
from directory_api.settings import SecretFiles, Settings
from directory_api.tenancy import Lookup, Tenant, TenantDirectory


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process."""

    settings: Settings
    metrics: Metrics
    database: Database
    keyspace: Keyspace
    cache: QueryCache
    tenants: TenantDirectory
    tokens: Tokens
    viewers: Viewers
    passwords: Passwords
    throttle: LoginThrottle
    buckets: Buckets
    studio: Studio
    health: Health

    @property
    def cursors(self) -> CursorCodec:
        return CursorCodec(self.tokens.signing_key().cursor_key)


@asynccontextmanager
async def running(settings: Settings, metrics: Metrics) -> AsyncIterator[Services]:
    """Open everything, and close it in the opposite order."""
    secrets = SecretFiles(settings.secrets_directory)
    database = await Database.open(settings, secrets)
    keyspace = Keyspace.open(settings, secrets, metrics.redis_failures.inc)
    passwords = Passwords()
    buckets = Buckets.open(settings, secrets)
    studio = Studio(settings.max_photo_pixels)
    health = Health(database)
    try:
        yield Services(
            settings=settings,
            metrics=metrics,
            database=database,
            keyspace=keyspace,
            cache=QueryCache(keyspace, metrics.cache),
            tenants=TenantDirectory(_lookup(settings, database)),
            tokens=Tokens(secrets, settings.base_domain),
            viewers=Viewers(database),
            passwords=passwords,
            throttle=LoginThrottle(keyspace),
            buckets=buckets,
            studio=studio,
            health=health,
        )
    finally:
        passwords.close()
        buckets.close()
        studio.close()
        await keyspace.close()
        await database.close()


def _lookup(settings: Settings, database: Database) -> Lookup:
    if settings.tier == "Pooled":
        return database.pooled_tenant

    async def dedicated(host: str) -> Tenant | None:
        tenant = await database.own_tenant()
        if tenant is None or tenant.slug != settings.tenant_slug:
            return None
        hosts = {f"{tenant.slug}.{settings.base_domain}", *tenant.settings.hosts}
        return tenant if host in hosts else None

    return dedicated
