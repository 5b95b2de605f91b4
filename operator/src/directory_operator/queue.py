"""The work queue: one entry per key, two lanes, ageing, bounded concurrency, back-off with jitter.

A key waits at most once and is never worked on twice at the same time; a change that arrives meanwhile makes it wait
again. The fast lane (somebody changed something) goes before the slow one (sweeps, retries). Once something there has
waited for `PATIENCE`, the lanes take turns: neither starves.
"""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

logger = logging.getLogger(__name__)

PATIENCE: Final = 10.0  # seconds
FIRST_RETRY: Final = 1.0  # seconds
LAST_RETRY: Final = 300.0  # seconds


class Lane(Enum):
    """How urgent an entry is."""

    FAST = auto()
    SLOW = auto()


@dataclass(frozen=True, slots=True)
class Retry:
    """What a worker returns to be called again: after `delay` seconds, or after the back-off when None."""

    delay: float | None = None


Work = Callable[[str], Awaitable[Retry | None]]


class WorkQueue:
    """Keys waiting for `work`."""

    def __init__(self, *, concurrency: int, rng: random.Random) -> None:
        self._concurrency = concurrency
        self._random = rng
        self._waiting: dict[Lane, OrderedDict[str, float]] = {lane: OrderedDict() for lane in Lane}
        self._running: set[str] = set()
        self._again: dict[str, Lane] = {}
        self._delayed: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._last = Lane.FAST

    def add(self, key: str, lane: Lane) -> None:
        """Work on `key` as soon as possible; a delayed retry of it is overtaken."""
        if timer := self._delayed.pop(key, None):
            timer.cancel()
        if key in self._running:
            if self._again.get(key) is not Lane.FAST:
                self._again[key] = lane
            return
        if lane is Lane.FAST:
            since = self._waiting[Lane.SLOW].pop(key, None)
        elif key in self._waiting[Lane.FAST]:
            return
        else:
            since = None
        now = asyncio.get_running_loop().time()
        self._waiting[lane].setdefault(key, now if since is None else since)
        self._wake.set()

    def forget(self, key: str) -> None:
        """The key is gone for good."""
        self._failures.pop(key, None)
        if timer := self._delayed.pop(key, None):
            timer.cancel()

    def depth(self, lane: Lane) -> int:
        """Entries waiting in a lane."""
        return len(self._waiting[lane])

    def oldest_age(self, lane: Lane) -> float:
        """Seconds that the first entry of a lane has waited."""
        first = next(iter(self._waiting[lane].values()), None)
        return 0.0 if first is None else asyncio.get_running_loop().time() - first

    async def run(self, work: Work) -> None:
        """Work until cancelled; entries being worked on are then awaited."""
        async with asyncio.TaskGroup() as group:
            while True:
                while len(self._running) < self._concurrency and (key := self._pop()):
                    self._running.add(key)
                    group.create_task(self._one(key, work))
                self._wake.clear()
                await self._wake.wait()

    def _pop(self) -> str | None:
        fast, slow = self._waiting[Lane.FAST], self._waiting[Lane.SLOW]
        starving = slow and self.oldest_age(Lane.SLOW) > PATIENCE
        self._last = Lane.SLOW if slow and (not fast or (starving and self._last is Lane.FAST)) else Lane.FAST
        lane = self._waiting[self._last]
        return lane.popitem(last=False)[0] if lane else None

    async def _one(self, key: str, work: Work) -> None:
        retry: Retry | None = Retry()
        try:
            retry = await work(key)
        except Exception:  # the edge of the process: one tenant's surprise must not stop the others
            logger.exception("work failed", extra={"key": key})
        finally:
            self._running.discard(key)
            self._finish(key, retry)
            self._wake.set()

    def _finish(self, key: str, retry: Retry | None) -> None:
        if retry is None:
            self._failures.pop(key, None)
        delay = None if retry is None else self._delay(key, retry)
        if lane := self._again.pop(key, None):
            self.add(key, lane)
        elif delay is not None:
            loop = asyncio.get_running_loop()
            self._delayed[key] = loop.call_later(delay, self._due, key)

    def _due(self, key: str) -> None:
        self._delayed.pop(key, None)
        self.add(key, Lane.SLOW)

    def _delay(self, key: str, retry: Retry) -> float:
        if retry.delay is not None:
            return retry.delay
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        ceiling: float = min(LAST_RETRY, FIRST_RETRY * 2.0 ** (min(failures, 20) - 1))
        return ceiling * self._random.uniform(0.5, 1.0)
