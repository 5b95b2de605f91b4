"""What a platform itself needs of the object store: that it answers, and a session for the pooled fleet."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.reasons import Reason
from directory_operator.systems.protocol import Change
from directory_operator.systems.s3.policies import session_policy
from directory_operator.systems.s3.session import StorageSession
from directory_operator.systems.s3.store import Store
from directory_operator.tenant.model import Platform


@dataclass(frozen=True, slots=True)
class ObservedPlatformStorage:
    """What the store does not have."""

    unsupported: frozenset[str]


class StoragePlatform:
    """The fleet's session itself is stored in the pool's Secret by whoever owns that."""

    def __init__(self, platform: Platform, store: Store) -> None:
        self._platform = platform
        self._store = store

    async def observe(self, pool: PoolCredentials) -> ObservedPlatformStorage:
        """The probe: SystemUnavailable or AccessDenied."""
        absent = f"{self._store.spec.bucket_prefix}-probe"
        await self._store.call("get_bucket_versioning", absent=["NoSuchBucket"], Bucket=absent)
        return ObservedPlatformStorage(self._store.unsupported)

    def plan(self, pool: PoolCredentials, observed: ObservedPlatformStorage) -> Sequence[Change]:
        if observed.unsupported and self._store.spec.enforcement == "Strict":
            lacking = ", ".join(sorted(observed.unsupported))
            raise NotReady(
                f"the object store lacks {lacking} and enforcement is Strict: use another store, or BestEffort",
                Reason.NOT_SUPPORTED,
                retry_after=300,
            )
        return ()

    async def apply(self, pool: PoolCredentials, change: Change) -> None:
        message = f"nothing is ever planned for object storage: {change}"
        raise TypeError(message)

    def remark(self, observed: ObservedPlatformStorage) -> str:
        """For the condition's message."""
        lacking = ", ".join(sorted(observed.unsupported))
        return f"the object store lacks {lacking}" if lacking else ""

    async def session(self) -> StorageSession:
        """A session for the objects of every tenant's bucket, with no right over the buckets themselves."""
        pattern = f"{self._store.spec.bucket_prefix}-*"
        return await self._store.session(f"pool-{self._platform.name}", session_policy(pattern))
