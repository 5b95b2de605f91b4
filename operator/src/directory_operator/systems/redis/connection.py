"""The operator's home of redis-py: a bounded pool per server, and the driver's errors as our conditions.

Rights the operator's own ACL user needs (ACL SETUSER makes it as mighty as root, whatever else it may not do):
`~t:* -@all +acl|setuser +acl|getuser +acl|deluser +acl|cat +acl|save +client|kill +config|get +scan +unlink +ping
+hello +auth +info`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
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


@dataclass(frozen=True, slots=True)
class Login:
    """Who signs in to Redis, and who to the Sentinels, where these ask."""

    username: str
    password: SecretStr
    sentinel_username: str | None = None
    sentinel_password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """Where a Redis answers."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Cache:
    """The operator's connections to one platform's Redis. Nothing is opened before it is needed."""

    def __init__(self, spec: RedisSpec, login: Login, ca: str | None) -> None:
        sentinel = spec.sentinel
        self.endpoint = f"Sentinel's {sentinel.master_name}" if sentinel else f"{spec.host}:{spec.port}"
        self.left_out: tuple[str, ...] = ()
        """Replicas that could not be asked or told last time."""
        self._spec = spec
        self._login = login
        self._ca = ca
        self._breaker = Breaker("Redis", self.endpoint)
        self._clients: dict[Server, Redis] = {}
        self._sentinel = Sentinel(**self._sentinel_arguments()) if sentinel else None  # type: ignore[no-untyped-call]
        self._servers: tuple[Server, ...] = ()

    async def call(self, *command: str | int) -> Any:
        """One command's answer, of the primary."""
        async with self._talk():
            primary = (await self._known())[0]
            return await self._client(primary).execute_command(*command)  # type: ignore[no-untyped-call]

    async def pipeline(self, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        """The primary's answers to many commands sent at once, not as a transaction."""
        async with self._talk():
            return await self._sent((await self._known())[0], commands)

    async def everywhere(self, commands: Sequence[Sequence[str | int]]) -> list[list[Any]]:
        """The same sent to every server, the primary's answers first: Redis replicates no ACL user.

        A replica that fails is left out. Once it works again it is met as one that was not there before.
        """
        return [answers for _, answers in await self._everywhere(commands)]

    async def marks(self) -> Mapping[str, str]:
        """What changes when a server may have forgotten ACL users: by server its process, and who is primary."""
        self._servers = ()  # asked for anew: a fail-over breaks no connection to whoever was primary before
        answers = await self._everywhere([("INFO", "server")])
        marks = {str(server): str(answer[0]["run_id"]) for server, answer in answers}
        return marks | {"primary": str(answers[0][0])}

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
            await client.connection_pool.disconnect()
        for sentinel in self._sentinel.sentinels if self._sentinel else ():
            await sentinel.aclose()

    async def _everywhere(self, commands: Sequence[Sequence[str | int]]) -> list[tuple[Server, list[Any]]]:
        async with self._talk():
            primary, *replicas = await self._known()
            first = await self._sent(primary, commands)
            others = await asyncio.gather(*(self._sent(each, commands) for each in replicas), return_exceptions=True)
        pairs = list(zip(replicas, others, strict=True))
        self.left_out = tuple(str(server) for server, answers in pairs if isinstance(answers, BaseException))
        answered = [(server, answers) for server, answers in pairs if not isinstance(answers, BaseException)]
        return [(primary, first), *answered]

    async def _known(self) -> tuple[Server, ...]:
        """Every server, the primary first; asked of the Sentinels anew after a failure."""
        if not self._servers:
            self._servers = await self._found()
        return self._servers

    async def _found(self) -> tuple[Server, ...]:
        if self._sentinel is None or self._spec.sentinel is None:
            return (Server(str(self._spec.host), self._spec.port),)
        name = self._spec.sentinel.master_name
        host, port = await self._sentinel.discover_master(name)
        primary = Server(str(host), int(port))
        replicas = [Server(str(host), int(port)) for host, port in await self._sentinel.discover_slaves(name)]
        return (primary, *sorted((each for each in replicas if each != primary), key=str))

    async def _sent(self, server: Server, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        pipeline = self._client(server).pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()

    def _client(self, server: Server) -> Redis:
        if server not in self._clients:
            encrypted: dict[str, Any] = {"ssl_ca_data": self._ca} if self._spec.tls else {}
            pool = BlockingConnectionPool(
                connection_class=SSLConnection if self._spec.tls else Connection,
                max_connections=POOL_SIZE,
                timeout=COMMAND_TIMEOUT,
                host=server.host,
                port=server.port,
                username=self._login.username,
                password=self._login.password.get_secret_value(),
                socket_connect_timeout=CONNECT_TIMEOUT,
                socket_timeout=COMMAND_TIMEOUT,
                health_check_interval=30,
                retry=Retry(NoBackoff(), 1),  # once, at once: a pooled connection may be from before a restart
                protocol=2,
                decode_responses=True,
                driver_info=None,
                **encrypted,
            )
            self._clients[server] = Redis(connection_pool=pool)
        return self._clients[server]

    def _sentinel_arguments(self) -> dict[str, Any]:
        sentinels = self._spec.sentinel.hosts if self._spec.sentinel else ()
        password = self._login.sentinel_password
        return {
            "sentinels": [(each.host, each.port) for each in sentinels],
            "sentinel_kwargs": {
                "username": self._login.sentinel_username,
                "password": password.get_secret_value() if password else None,
                "ssl": self._spec.tls,
                "ssl_ca_data": self._ca if self._spec.tls else None,
                "socket_connect_timeout": CONNECT_TIMEOUT,
                "socket_timeout": CONNECT_TIMEOUT,
                "retry": Retry(NoBackoff(), 1),
                "protocol": 2,
                "decode_responses": True,
                "driver_info": None,
            },
        }

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[None]:
        async with self._breaker.attempt():
            try:
                yield
            except (RedisError, OSError) as error:
                self._servers = ()  # somebody else may be the primary by now
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
        if isinstance(error, MasterNotFoundError):
            return self._breaker.unavailable("no Sentinel that answers knows a primary that is up")
        for kind, problem in _CANNOT_WORK.items():
            if isinstance(error, kind):
                return self._breaker.unavailable(problem)
        if isinstance(error, ResponseError):
            return StepError(f"Redis at {self.endpoint} refused a command of the operator; is it Redis 7.0 or newer?")
        return self._breaker.unavailable(transport_problem(error))
