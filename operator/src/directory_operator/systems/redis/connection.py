"""The operator's home of redis-py: a bounded pool per platform, and the driver's errors as our conditions.

Rights the operator's own ACL user needs (ACL SETUSER makes it as mighty as root, whatever else it may not do):
`~t:* -@all +acl|setuser +acl|getuser +acl|deluser +acl|cat +acl|save +client|kill +config|get +scan +unlink +ping
+hello +auth`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import SecretStr
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from directory_operator.errors import AccessDenied, StepError
from directory_operator.platform.spec import RedisSpec
from directory_operator.systems.breaker import Breaker
from directory_operator.systems.transport import transport_problem

CONNECT_TIMEOUT: Final = 3.0  # seconds
COMMAND_TIMEOUT: Final = 10.0  # seconds
POOL_SIZE: Final = 8

_CANNOT_WORK: Final[Mapping[type[RedisError], str]] = {
    BusyLoadingError: "it is loading its data",
    ReadOnlyError: "it is a read-only replica",
    OutOfMemoryError: "it is out of memory",
}


class Cache:
    """The operator's connections to one platform's Redis. Nothing is opened before it is needed."""

    def __init__(self, spec: RedisSpec, username: str, password: SecretStr, ca: str | None) -> None:
        self.endpoint = f"{spec.host}:{spec.port}"
        self._spec = spec
        self._breaker = Breaker("Redis", self.endpoint)
        encrypted: dict[str, Any] = {"ssl_ca_data": ca} if spec.tls else {}
        pool = BlockingConnectionPool(
            connection_class=SSLConnection if spec.tls else Connection,
            max_connections=POOL_SIZE,
            timeout=COMMAND_TIMEOUT,
            host=spec.host,
            port=spec.port,
            username=username,
            password=password.get_secret_value(),
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=COMMAND_TIMEOUT,
            health_check_interval=30,
            retry=Retry(NoBackoff(), 1),  # once, at once: a pooled connection may be from before a restart
            protocol=2,
            decode_responses=True,
            driver_info=None,
            **encrypted,
        )
        self._redis = Redis(connection_pool=pool)

    async def call(self, *command: str | int) -> Any:
        """One command's answer."""
        async with self._talk():
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def pipeline(self, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        """The answers to many commands sent at once, not as a transaction."""
        async with self._talk():
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[None]:
        async with self._breaker.attempt():
            try:
                yield
            except (RedisError, OSError) as error:
                raise self._condition(error) from None

    def _condition(self, error: Exception) -> StepError:
        """Without the driver's words, which can quote a command."""
        secret = self._spec.admin_secret_ref.name
        if isinstance(error, AuthenticationError):
            remedy = f"the username or password in Secret {secret} is wrong"
            return AccessDenied("Redis", self.endpoint, remedy)
        if isinstance(error, NoPermissionError):
            remedy = f"the ACL user in Secret {secret} lacks one of the rights that docs/reference/backends.md lists"
            return AccessDenied("Redis", self.endpoint, remedy)
        for kind, problem in _CANNOT_WORK.items():
            if isinstance(error, kind):
                return self._breaker.unavailable(problem)
        if isinstance(error, ResponseError):
            return StepError(f"Redis at {self.endpoint} refused a command of the operator; is it Redis 7.0 or newer?")
        return self._breaker.unavailable(transport_problem(error))
