"""Keeps a dead backend from being called by everybody: after a failure all fail at once until a single probe succeeds."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from directory_operator.errors import SystemUnavailable

FIRST_PAUSE: Final = 0.5  # seconds
LONGEST_PAUSE: Final = 15.0  # seconds


class Breaker:
    """One backend's circuit breaker. Only SystemUnavailable trips it: a refusal is an answer."""

    def __init__(
        self,
        system: str,
        endpoint: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.system = system
        self.endpoint = endpoint
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._closed_until: float | None = None
        self._probing = False

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Wrap one call to the backend; raises SystemUnavailable without calling while the pause lasts."""
        probe = self._enter()
        try:
            yield
        except SystemUnavailable:
            self._failed(probe=probe)
            raise
        except BaseException:
            self._probing = self._probing and not probe  # says nothing about the backend: somebody else may probe
            raise
        self._failures, self._closed_until, self._probing = 0, None, False

    def _enter(self) -> bool:
        if self._closed_until is None:
            return False
        left = self._closed_until - self._clock()
        if left > 0 or self._probing:
            error = SystemUnavailable(self.system, self.endpoint, "it failed a moment ago and is being given a pause")
            error.retry_after = max(left, FIRST_PAUSE)
            raise error
        self._probing = True
        return True

    def _failed(self, *, probe: bool) -> None:
        if self._closed_until is not None and not probe:
            return  # called before the pause began
        self._failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
        self._closed_until = self._clock() + pause * (0.5 + self._jitter() / 2)
        self._probing = False
