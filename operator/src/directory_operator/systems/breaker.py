"""Keeps a dead backend from being called by everybody: after a failure all fail at once until one probe succeeds."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from directory_operator.errors import StepError, SystemUnavailable

FIRST_PAUSE: Final = 0.5  # seconds
LONGEST_PAUSE: Final = 15.0  # seconds


class Breaker:
    """One backend's circuit breaker. Only SystemUnavailable trips it: a refusal is an answer too."""

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
        self._paused_until: float | None = None
        self._probing = False
        self._problem = ""

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Wrap one call to the backend; raises SystemUnavailable without calling while the pause lasts."""
        probe = self._enter()
        try:
            yield
        except SystemUnavailable as error:
            self._failed(error.problem, probe=probe)
            raise
        except StepError:
            self._answered()
            raise
        except BaseException:
            self._probing = self._probing and not probe  # cancelled, say: somebody else may probe
            raise
        self._answered()

    def unavailable(self, problem: str) -> SystemUnavailable:
        """The error that says this backend can't be reached."""
        return SystemUnavailable(self.system, self.endpoint, problem)

    def _enter(self) -> bool:
        if self._paused_until is None:
            return False
        left = self._paused_until - self._clock()
        if left > 0 or self._probing:
            error = self.unavailable(self._problem)  # the same words as before, or conditions would flap
            error.retry_after = max(left, FIRST_PAUSE)
            raise error
        self._probing = True
        return True

    def _answered(self) -> None:
        self._failures, self._paused_until, self._probing = 0, None, False

    def _failed(self, problem: str, *, probe: bool) -> None:
        self._problem = problem
        if self._paused_until is not None and not probe:
            return  # this call began before the pause did
        self._failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
        self._paused_until = self._clock() + pause * (0.5 + self._jitter() / 2)
        self._probing = False
