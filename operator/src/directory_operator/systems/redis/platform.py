"""What a platform itself needs in Redis: the ACL user of its pooled fleet."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory_contract.names import pooled_redis_user
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.systems.redis.acl import ObservedUser
from directory_operator.systems.redis.desired import pool_user
from directory_operator.systems.redis.persistence import AclFile
from directory_operator.systems.redis.plan import SetUser, plan_user
from directory_operator.systems.redis.users import AclUsers
from directory_operator.tenant.model import Platform


@dataclass(frozen=True, slots=True)
class ObservedPlatformCache:
    """The fleet's user, and whether the server keeps users over a restart."""

    user: ObservedUser | None
    persistent: bool


class RedisPlatform:
    """Reads and writes of the above."""

    def __init__(self, platform: Platform, users: AclUsers, acl_file: AclFile) -> None:
        self._platform = platform
        self._users = users
        self._acl_file = acl_file

    async def observe(self, pool: PoolCredentials) -> ObservedPlatformCache:
        """Also the probe: SystemUnavailable or AccessDenied."""
        user = await self._users.read(pooled_redis_user(self._platform.name))
        return ObservedPlatformCache(user, await self._acl_file.find())

    def plan(self, pool: PoolCredentials, observed: ObservedPlatformCache) -> Sequence[SetUser]:
        return plan_user(pool_user(self._platform, pool), observed.user)

    async def apply(self, pool: PoolCredentials, change: SetUser) -> None:
        await self._users.write(pool_user(self._platform, pool))

    def remark(self, observed: ObservedPlatformCache) -> str:
        """For the condition's message."""
        if observed.persistent:
            return ""
        return (
            "Redis has no ACL file: after it restarts, its users are missing until the next sweep has made them again"
        )
