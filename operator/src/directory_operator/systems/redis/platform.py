"""What a platform itself needs in Redis: the ACL user of its pooled fleet."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory_contract.names import pooled_redis_user
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.systems.redis.connection import Cache
from directory_operator.systems.redis.desired import pool_user
from directory_operator.systems.redis.persistence import AclFile
from directory_operator.systems.redis.plan import SetUser, plan_user
from directory_operator.systems.redis.users import AclUsers, Found
from directory_operator.tenant.model import Platform


@dataclass(frozen=True, slots=True)
class ObservedPlatformCache:
    """The fleet's user, and whether the server keeps users over a restart."""

    user: Found
    persistent: bool
    left_out: tuple[str, ...]


class RedisPlatform:
    """Reads and writes of the above."""

    def __init__(self, platform: Platform, cache: Cache, users: AclUsers, acl_file: AclFile) -> None:
        self._platform = platform
        self._cache = cache
        self._users = users
        self._acl_file = acl_file

    async def observe(self, pool: PoolCredentials) -> ObservedPlatformCache:
        """Also the probe: SystemUnavailable or AccessDenied."""
        user = await self._users.read(pooled_redis_user(self._platform.name))
        left_out = self._cache.left_out
        return ObservedPlatformCache(user, await self._acl_file.find(), left_out)

    def plan(self, pool: PoolCredentials, observed: ObservedPlatformCache) -> Sequence[SetUser]:
        return plan_user(pool_user(self._platform, pool), observed.user)

    async def apply(self, pool: PoolCredentials, change: SetUser) -> None:
        await self._users.write(pool_user(self._platform, pool))

    def remark(self, observed: ObservedPlatformCache) -> str:
        """For the condition's message."""
        remarks = []
        if not observed.persistent:
            remarks.append(
                "Redis has no ACL file: after it restarts, its users are missing for the seconds it takes to see it"
            )
        if observed.left_out:
            remarks.append(f"replicas that the operator can't sign in to, or reach: {', '.join(observed.left_out)}")
        return "; ".join(remarks)
