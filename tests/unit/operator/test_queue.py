"""The work queue: one entry per key, two lanes, ageing, back-off."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from directory_operator import queue as queue_module
from directory_operator.queue import Lane, Retry, WorkQueue


@asynccontextmanager
async def running(queue: WorkQueue, work: Callable[[str], Coroutine[Any, Any, Retry | None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def idle(queue: WorkQueue) -> None:
    for _ in range(1000):
        await asyncio.sleep(0)
        if not queue._running and not queue.depth(Lane.FAST) and not queue.depth(Lane.SLOW):
            return
    raise AssertionError("the queue never became idle")


def a_queue(concurrency: int = 1) -> WorkQueue:
    return WorkQueue(concurrency=concurrency, rng=random.Random(1))


async def test_a_key_added_twice_is_worked_on_once() -> None:
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue = a_queue()
    queue.add("a", Lane.FAST)
    queue.add("a", Lane.SLOW)
    queue.add("a", Lane.FAST)
    async with running(queue, work):
        await idle(queue)
    assert seen == ["a"]


async def test_a_change_during_work_makes_the_key_run_again_but_never_twice_at_once() -> None:
    seen: list[str] = []
    at_once = peak = 0

    async def work(key: str) -> None:
        nonlocal at_once, peak
        at_once += 1
        peak = max(peak, at_once)
        seen.append(key)
        if len(seen) == 1:
            queue.add("a", Lane.FAST)
            queue.add("a", Lane.FAST)
        await asyncio.sleep(0)
        at_once -= 1

    queue = a_queue(concurrency=4)
    queue.add("a", Lane.FAST)
    async with running(queue, work):
        await idle(queue)
    assert (seen, peak) == (["a", "a"], 1)


async def test_the_fast_lane_goes_first() -> None:
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue = a_queue()
    for key in ("slow-1", "slow-2"):
        queue.add(key, Lane.SLOW)
    queue.add("fast", Lane.FAST)
    queue.add("slow-2", Lane.FAST)  # promoted
    async with running(queue, work):
        await idle(queue)
    assert seen == ["fast", "slow-2", "slow-1"]


async def test_an_old_entry_of_the_slow_lane_is_not_starved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE", -1.0)  # every wait counts as long
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue = a_queue()
    queue.add("fast", Lane.FAST)
    queue.add("slow", Lane.SLOW)
    async with running(queue, work):
        await idle(queue)
    assert seen == ["slow", "fast"]


async def test_a_long_sweep_does_not_starve_the_fast_lane_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE", -1.0)
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue = a_queue()
    for number in range(3):
        queue.add(f"slow-{number}", Lane.SLOW)
        queue.add(f"fast-{number}", Lane.FAST)
    async with running(queue, work):
        await idle(queue)
    assert seen == ["slow-0", "fast-0", "slow-1", "fast-1", "slow-2", "fast-2"]


async def test_concurrency_is_bounded() -> None:
    gate = asyncio.Event()
    started: list[str] = []

    async def work(key: str) -> None:
        started.append(key)
        await gate.wait()

    queue = a_queue(concurrency=3)
    for number in range(10):
        queue.add(str(number), Lane.SLOW)
    async with running(queue, work):
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(started) == 3
        gate.set()
        await idle(queue)
    assert len(started) == 10


async def test_failures_back_off_exponentially_and_success_resets() -> None:
    queue = a_queue()
    delays = [queue._delay("a", Retry()) for _ in range(12)]
    ceilings = [min(300.0, 2.0**n) for n in range(12)]
    assert all(ceiling / 2 <= delay <= ceiling for delay, ceiling in zip(delays, ceilings, strict=True))
    queue._finish("a", None)
    assert queue._delay("a", Retry()) <= 1.0


async def test_a_worker_that_raises_is_retried_and_the_others_go_on() -> None:
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)
        if key == "bad":
            raise RuntimeError("surprise")

    queue = a_queue()
    queue.add("bad", Lane.FAST)
    queue.add("good", Lane.FAST)
    async with running(queue, work):
        await idle(queue)
        assert seen == ["bad", "good"]
        assert "bad" in queue._delayed
        queue.forget("bad")


async def test_a_retry_with_a_delay_comes_back_and_a_change_overtakes_it() -> None:
    seen: list[str] = []

    async def work(key: str) -> Retry | None:
        seen.append(key)
        return Retry(3600.0) if len(seen) == 1 else None

    queue = a_queue()
    queue.add("a", Lane.FAST)
    async with running(queue, work):
        await idle(queue)
        queue.add("a", Lane.FAST)
        await idle(queue)
    assert seen == ["a", "a"]
    assert not queue._delayed
