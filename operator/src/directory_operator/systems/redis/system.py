"""The tenant's ACL user: read in pipelines, written whole."""

from collections.abc import Mapping, Sequence
from typing import Final

from directory_operator.systems.batching import Batcher
from directory_operator.systems.redis.connection import Cache
from directory_operator.systems.redis.desired import AclUser, tenant_user
from directory_operator.systems.redis.persistence import AclFile
from directory_operator.systems.redis.plan import CacheChange, DeleteUser, DisableUser, PurgeKeys, SetUser, plan_cache
from directory_operator.systems.redis.users import AclUsers, Found
from directory_operator.tenant.model import Tenant

_SCAN_SIZE: Final = 1000


class RedisSystem:
    """One ACL user per tenant, and on deletion the tenant's keys: a cache is never retained."""

    def __init__(self, cache: Cache, users: AclUsers, acl_file: AclFile) -> None:
        self._cache = cache
        self._users = users
        self._acl_file = acl_file
        # One walk over the key space serves everybody who is deleted at the same time.
        self._purges: Batcher[str, None] = Batcher(self._purge, size=1000, parallel=1)

    def desired(self, tenant: Tenant) -> AclUser | None:
        return tenant_user(tenant)

    async def observe(self, tenant: Tenant) -> Found:
        return await self._users.read(tenant.names.redis_user)

    def plan(self, tenant: Tenant, desired: AclUser | None, observed: Found) -> tuple[CacheChange, ...]:
        return plan_cache(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: CacheChange) -> None:
        match change:
            case SetUser():
                await self._users.write(tenant_user(tenant))
            case DisableUser():
                await self._cache.everywhere(
                    [("ACL", "SETUSER", change.name, "off"), ("CLIENT", "KILL", "USER", change.name)]
                )
                self._acl_file.changed()
            case PurgeKeys():
                await self._purges.ask(change.prefix)
            case DeleteUser():
                await self._cache.everywhere([("ACL", "DELUSER", change.name)])
                self._acl_file.changed()

    def enrich(self, tenant: Tenant, observed: Found) -> Tenant:
        return tenant

    async def check(self, tenant: Tenant) -> str:
        return ""

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Nothing here is worth keeping: the same as removal."""
        for change in self.plan(tenant, None, await self.observe(tenant)):
            await self.apply(tenant, change)

    async def _purge(self, prefixes: Sequence[str]) -> Mapping[str, None]:
        pattern = f"{prefixes[0]}*" if len(prefixes) == 1 else "t:*"
        wanted = tuple(prefixes)
        cursor = "0"
        while True:
            cursor, keys = await self._cache.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_SIZE)
            if doomed := [key for key in keys if key.startswith(wanted)]:
                await self._cache.call("UNLINK", *doomed)
            if str(cursor) == "0":
                return dict.fromkeys(prefixes)
