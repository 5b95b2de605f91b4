"""The one home of redis: a tenant's keys, all under its prefix, and what happens when Redis is away.

Redis holds nothing that cannot be lost: counters and copies. When it does not answer, requests are served without it,
and a metric counts how often.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from directory_api.settings import SecretFiles, SecretMissing, Settings
from directory_api.tenancy import Tenant
from directory_contract import environment

_TIMEOUT_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 1.0  # after a failure, so that a dead Redis does not cost every request a timeout


class _Credentials(CredentialProvider):
    """The user name and password as they are when a connection is made."""

    def __init__(self, secrets: SecretFiles, username_file: str, password_file: str) -> None:
        self._secrets = secrets
        self._files = (username_file, password_file)

    def get_credentials(self) -> tuple[str, str]:
        username, password = (self._secrets.read(name).get_secret_value() for name in self._files)
        return username, password

    async def get_credentials_async(self) -> tuple[str, str]:
        return self.get_credentials()


def _tenants(secrets: SecretFiles) -> _Credentials:
    return _Credentials(secrets, environment.REDIS_USERNAME_FILE, environment.REDIS_PASSWORD_FILE)


def _sentinels(secrets: SecretFiles) -> _Credentials | None:
    """None where the Sentinels ask nobody who they are."""
    if secrets.find(environment.REDIS_SENTINEL_USERNAME_FILE) is None:
        return None
    return _Credentials(secrets, environment.REDIS_SENTINEL_USERNAME_FILE, environment.REDIS_SENTINEL_PASSWORD_FILE)


Command = tuple[str, str, *tuple[str | bytes | int, ...]]
"""Name, key without the tenant's prefix, arguments. Commands of more than one key are not used."""


@dataclass(slots=True)
class Keyspace:
    """Counters and copies in Redis, one tenant's keys at a time."""

    _client: "redis.Redis"
    _on_failure: Callable[[], None]
    _sentinels: "tuple[redis.Redis, ...]"
    _clock: Callable[[], float] = time.monotonic
    _silent_until: float = field(default=0.0)

    @classmethod
    def open(cls, settings: Settings, secrets: SecretFiles, on_failure: Callable[[], None]) -> "Keyspace":
        authorities = str(settings.ca_file) if settings.ca_file else None
        common: dict[str, Any] = {
            **({"ssl": True, "ssl_ca_certs": authorities} if settings.redis_tls else {}),
            "socket_timeout": _TIMEOUT_SECONDS,
            "socket_connect_timeout": _TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            # CLIENT SETINFO and the like are commands that a tenant's ACL user need not have.
            "driver_info": None,
        }
        mine = common | {"max_connections": 64, "credential_provider": _tenants(secrets)}
        if not settings.redis_sentinels:
            return cls(redis.Redis(host=settings.redis_host or "", port=settings.redis_port, **mine), on_failure, ())
        asking = common | {"decode_responses": True, "credential_provider": _sentinels(secrets)}
        sentinel = Sentinel(settings.sentinel_addresses, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
        primary = sentinel.master_for(settings.redis_sentinel_master or "", **mine)
        return cls(primary, on_failure, tuple(sentinel.sentinels))

    async def close(self) -> None:
        for client in (self._client, *self._sentinels):
            await client.aclose()

    async def run(self, tenant: Tenant, *commands: Command) -> list[Any] | None:
        """The commands' replies in order, in one round trip; None when Redis does not answer."""
        if self._clock() < self._silent_until:
            self._on_failure()
            return None
        try:
            pipeline = self._client.pipeline(transaction=False)
            for name, key, *arguments in commands:
                pipeline.execute_command(name, tenant.key_prefix + key, *arguments)
            return await pipeline.execute()
        except (RedisError, OSError, SecretMissing, TimeoutError):
            self._silent_until = self._clock() + _PAUSE_SECONDS
            self._on_failure()
            return None
