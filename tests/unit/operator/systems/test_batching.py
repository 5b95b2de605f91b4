"""Questions asked together are answered together, each by a fetch that began after it was asked."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from directory_operator.systems.batching import Batcher


class Backend:
    """Answers with the number of the fetch; can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.batches.append(list(keys))
        number = len(self.batches)
        await self.gate.wait()
        if "bad" in keys:
            raise ValueError(keys)
        return {key: number for key in keys if key != "unknown"}


async def test_questions_of_one_tick_share_a_fetch() -> None:
    backend = Backend()
    batcher = Batcher(backend.fetch)
    assert await asyncio.gather(*(batcher.ask(key) for key in "abcab")) == [1, 1, 1, 1, 1]
    assert backend.batches == [["a", "b", "c"]]


async def test_batches_have_a_size_and_a_number_at_a_time() -> None:
    backend = Backend()
    batcher = Batcher(backend.fetch, size=2, parallel=2)
    backend.gate.clear()
    asked = [asyncio.ensure_future(batcher.ask(key)) for key in "abcdef"]
    for _ in range(5):
        await asyncio.sleep(0)
    assert backend.batches == [["a", "b"], ["c", "d"]]
    backend.gate.set()
    assert await asyncio.gather(*asked) == [1, 1, 2, 2, 3, 3]


async def test_who_asks_while_a_fetch_runs_is_answered_by_the_next() -> None:
    backend = Backend()
    batcher = Batcher(backend.fetch)
    backend.gate.clear()
    first = asyncio.ensure_future(batcher.ask("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.ensure_future(batcher.ask("a"))
    backend.gate.set()
    assert (await first, await second) == (1, 2)


async def test_an_error_reaches_everybody_in_its_batch_and_nobody_else() -> None:
    batcher = Batcher(Backend().fetch, size=2)
    answers = await asyncio.gather(*(batcher.ask(key) for key in ("a", "bad", "c")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError, int]


async def test_an_answer_left_out_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        await Batcher(Backend().fetch).ask("unknown")


async def test_a_caller_that_leaves_takes_no_answer_from_the_others() -> None:
    backend = Backend()
    batcher = Batcher(backend.fetch)
    leaving, staying = asyncio.ensure_future(batcher.ask("a")), asyncio.ensure_future(batcher.ask("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 1
