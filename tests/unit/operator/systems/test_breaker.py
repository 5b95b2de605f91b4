"""A dead backend is called by one probe at a time, ever more rarely."""

import asyncio
from dataclasses import dataclass

import pytest

from directory_operator.errors import AccessDenied, SystemUnavailable
from directory_operator.systems.breaker import LONGEST_PAUSE, Breaker


@dataclass
class Clock:
    """Seconds that pass when told to."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("Redis", "127.0.0.1:6379", clock=clock, jitter=lambda: 1.0)


async def call(breaker: Breaker, error: BaseException | None = None) -> None:
    async with breaker.attempt():
        if error:
            raise error


def down() -> SystemUnavailable:
    return SystemUnavailable("Redis", "127.0.0.1:6379", "it is gone")


async def test_a_failure_pauses_everybody_and_says_for_how_long(breaker: Breaker, clock: Clock) -> None:
    with pytest.raises(SystemUnavailable, match="it is gone"):
        await call(breaker, down())
    with pytest.raises(SystemUnavailable, match="it is gone") as refused:  # the same words: conditions must not flap
        await call(breaker)
    assert refused.value.retry_after == 0.5
    clock.at = 0.6
    await call(breaker)
    await call(breaker)


async def test_the_pause_doubles_up_to_its_limit(breaker: Breaker, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        with pytest.raises(SystemUnavailable, match="it is gone"):
            await call(breaker, down())
        with pytest.raises(SystemUnavailable) as refused:
            await call(breaker)
        assert refused.value.retry_after
        pauses.append(refused.value.retry_after)
        clock.at += refused.value.retry_after + 0.001
    assert pauses == [pytest.approx(each) for each in (0.5, 1, 2, 4, 8, 15, 15, 15)]
    assert max(pauses) <= LONGEST_PAUSE


async def test_one_probe_at_a_time(breaker: Breaker, clock: Clock) -> None:
    with pytest.raises(SystemUnavailable):
        await call(breaker, down())
    clock.at = 1
    async with breaker.attempt():
        with pytest.raises(SystemUnavailable, match="it is gone"):
            await call(breaker)
    await call(breaker)


async def test_calls_that_fail_together_count_as_one_failure(breaker: Breaker) -> None:
    async def fail_later() -> None:
        async with breaker.attempt():
            await asyncio.sleep(0)
            raise down()

    await asyncio.gather(*(fail_later() for _ in range(10)), return_exceptions=True)
    with pytest.raises(SystemUnavailable) as refused:
        await call(breaker)
    assert refused.value.retry_after == 0.5


async def test_a_refusal_is_an_answer(breaker: Breaker, clock: Clock) -> None:
    with pytest.raises(SystemUnavailable):
        await call(breaker, down())
    clock.at = 1
    with pytest.raises(AccessDenied):
        await call(breaker, AccessDenied("Redis", "127.0.0.1:6379", "mend it"))
    await call(breaker)


async def test_a_cancelled_probe_lets_another_one_try(breaker: Breaker, clock: Clock) -> None:
    with pytest.raises(SystemUnavailable):
        await call(breaker, down())
    clock.at = 1
    with pytest.raises(asyncio.CancelledError):
        await call(breaker, asyncio.CancelledError())
    await call(breaker)
