"""Where a platform's backends meet: from addresses and secrets to systems, one connection pool each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from directory_operator.kube import Kube
from directory_operator.systems.platform_part import PlatformPart
from directory_operator.systems.postgres.connection import Database
from directory_operator.systems.postgres.login_writer import LoginWriter
from directory_operator.systems.postgres.platform import PostgresPlatform
from directory_operator.systems.postgres.system import PostgresSystem
from directory_operator.systems.protocol import System, SystemName
from directory_operator.systems.redis.connection import Cache, Login
from directory_operator.systems.redis.persistence import AclFile
from directory_operator.systems.redis.platform import RedisPlatform
from directory_operator.systems.redis.system import RedisSystem
from directory_operator.systems.redis.users import AclUsers
from directory_operator.systems.s3.platform import StoragePlatform
from directory_operator.systems.s3.session import StorageSession
from directory_operator.systems.s3.store import Store
from directory_operator.systems.s3.system import StorageSystem
from directory_operator.tenant.model import Platform


@dataclass(frozen=True, slots=True)
class BackendSecrets:
    """The operator's own credentials, as the platform's Secrets hold them. `*_ca` are certificates in PEM."""

    postgres_username: str
    postgres_password: SecretStr
    redis_username: str
    redis_password: SecretStr
    s3_access_key_id: str
    s3_secret_access_key: SecretStr
    sentinel_username: str | None = None
    sentinel_password: SecretStr | None = None
    postgres_ca: str | None = field(default=None, repr=False)
    redis_ca: str | None = field(default=None, repr=False)
    s3_ca: str | None = field(default=None, repr=False)


class Backends:
    """The backends of one platform. Making it connects to nothing: each step finds out for itself, and says so."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        store: Store,
        *,
        platform: Platform,
        kube: Kube,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._cache, self._store = database, cache, store
        self._acl_file = AclFile(cache)
        users, logins = AclUsers(cache, self._acl_file), LoginWriter(database)
        self._storage = StoragePlatform(platform, store)
        postgres = PostgresSystem(database, logins)
        self.registrants = postgres.registrants
        self.systems: Mapping[SystemName, System[Any, Any, Any]] = {
            "postgres": postgres,
            "redis": RedisSystem(cache, users, self._acl_file),
            "s3": StorageSystem(store, kube, now),
        }
        self.platform_parts: Mapping[SystemName, PlatformPart[Any, Any]] = {
            "postgres": PostgresPlatform(platform, database, logins),
            "redis": RedisPlatform(platform, cache, users, self._acl_file),
            "s3": self._storage,
        }

    @classmethod
    def connect(
        cls, platform: Platform, secrets: BackendSecrets, *, kube: Kube, now: Callable[[], datetime]
    ) -> "Backends":
        """The backends at the addresses of `platform`, with the operator's own `secrets`."""
        spec = platform.spec
        return cls(
            Database(spec.postgres, secrets.postgres_username, secrets.postgres_password, secrets.postgres_ca),
            Cache(spec.redis, _redis_login(secrets), secrets.redis_ca),
            Store(spec.object_storage, secrets.s3_access_key_id, secrets.s3_secret_access_key, secrets.s3_ca),
            platform=platform,
            kube=kube,
            now=now,
        )

    async def pool_session(self) -> StorageSession:
        """Fresh object storage credentials for the platform's pooled fleet."""
        return await self._storage.session()

    async def cache_marks(self) -> Mapping[str, str]:
        """What changes when a Redis was restarted or changed its role."""
        return await self._cache.marks()

    async def close(self) -> None:
        """Save what is waiting to be saved and close every connection."""
        await self._acl_file.close()
        await self._cache.close()
        await self._database.close()
        self._store.close()


def _redis_login(secrets: BackendSecrets) -> Login:
    return Login(secrets.redis_username, secrets.redis_password, secrets.sentinel_username, secrets.sentinel_password)
