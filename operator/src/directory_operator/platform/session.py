"""One platform as the operator works with it: its backends, and everything they need before tenants can be placed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import aiohttp

from directory_contract import environment as env
from directory_operator.conditions import Condition
from directory_operator.errors import NotReady, StepError
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.platform.pool import Pool, PoolSecret
from directory_operator.reasons import Reason
from directory_operator.systems.backends import Backends
from directory_operator.systems.protocol import Change, SystemName
from directory_operator.systems.s3.session import renewal_due

CONDITIONS: Final[Mapping[SystemName, str]] = {
    "postgres": "DatabaseReady",
    "redis": "CacheReady",
    "s3": "StorageReady",
}
POOL_CONDITION: Final = "PoolReady"
PROBE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one part of a platform."""

    condition: Condition
    error: StepError | None = None
    applied: tuple[Change, ...] = ()


class PlatformSession:
    """Keeps one platform's shared parts as they should be; doubles as the probe of its backends."""

    def __init__(self, backends: Backends, secret: PoolSecret, pooled_endpoint: str | None) -> None:
        self.backends = backends
        self._secret = secret
        self._pooled_endpoint = pooled_endpoint

    async def converge(self, lifetime_seconds: int, now: Callable[[], datetime]) -> list[Check]:
        """Bring every part to what the pool needs, each reporting for itself."""
        pool = await self._secret.ensure()
        database, cache, storage = await asyncio.gather(*(self._part(name, pool.credentials) for name in CONDITIONS))
        if storage.error is None and _session_due(pool, lifetime_seconds, now()):
            storage = await self._renewed(pool) or storage
        checks = [database, cache, storage]
        return [*checks, *([await self._pool_probe(self._pooled_endpoint)] if self._pooled_endpoint else [])]

    async def _renewed(self, pool: Pool) -> Check | None:
        """Give the pool a fresh session; a check that says why if there is none to be had."""
        try:
            session = await self.backends.pool_session()
            await self._secret.add_session(pool, session.secret_data())
        except StepError as error:
            return Check(Condition(CONDITIONS["s3"], "False", error.reason, error.message), error)
        return None

    async def _part(self, name: SystemName, pool: PoolCredentials) -> Check:
        part: Any = self.backends.platform_parts[name]
        applied: list[Change] = []
        try:
            observed = await part.observe(pool)
            for change in part.plan(pool, observed):
                await part.apply(pool, change)
                applied.append(change)
        except StepError as error:
            condition = Condition(CONDITIONS[name], "False", error.reason, error.message)
            return Check(condition, error, tuple(applied))
        return Check(Condition(CONDITIONS[name], "True", Reason.READY, part.remark(observed)), applied=tuple(applied))

    async def _pool_probe(self, endpoint: str) -> Check:
        problem = await _problem(f"{endpoint}/readyz")
        if problem is None:
            return Check(Condition(POOL_CONDITION, "True", Reason.READY))
        error = NotReady(f"the pooled API at {endpoint} is not ready: {problem}", Reason.POOL_UNAVAILABLE)
        return Check(Condition(POOL_CONDITION, "False", error.reason, error.message), error)


async def _problem(url: str) -> str | None:
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return None if answer.status == 200 else f"it answered {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__


def _session_due(pool: Pool, lifetime_seconds: int, now: datetime) -> bool:
    stored = pool.texts.get(env.S3_EXPIRES_AT_FILE)
    if not stored or not pool.texts.get(env.S3_SESSION_TOKEN_FILE):
        return True
    return renewal_due(datetime.fromisoformat(stored), lifetime_seconds, now)
