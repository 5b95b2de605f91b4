"""Coalesces calls made at the same time into one: the sweep reads thousands of tenants in a few queries, with no second
code path for single reads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Batcher(Generic[Key, Value]):
    """Answers single questions through `fetch`, which answers many at once.

    A batch starts in the next tick of the event loop, or as soon as one of the `parallel` slots is free: while the
    backend is busy the next batch grows. A question is only ever answered by a fetch that started after it was asked,
    so that whoever writes and then asks reads what it wrote.
    """

    def __init__(
        self, fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]], *, size: int = 200, parallel: int = 2
    ) -> None:
        self._fetch = fetch
        self._size = size
        self._free = parallel
        self._waiting: dict[Key, asyncio.Future[Value]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def ask(self, key: Key) -> Value:
        """The value of `key`, or the error that its batch failed with. KeyError if `fetch` left it out."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._schedule()
        return await asyncio.shield(future)  # one caller's cancellation must not take the answer from the others

    def _schedule(self) -> None:
        if not self._scheduled and self._free > 0:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._scheduled = False
        if not self._waiting or self._free == 0:
            return
        batch = dict(list(self._waiting.items())[: self._size])
        for key in batch:
            del self._waiting[key]
        self._free -= 1
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._running.add(task)
        task.add_done_callback(self._finished)
        if self._waiting:
            self._schedule()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free += 1
        if self._waiting:
            self._schedule()

    async def _run(self, batch: dict[Key, asyncio.Future[Value]]) -> None:
        try:
            answers = await self._fetch(list(batch))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            for future in batch.values():
                _fail(future, error)
            return
        for key, future in batch.items():
            if key in answers:
                future.set_result(answers[key])
            else:
                _fail(future, KeyError(key))


def _fail(future: "asyncio.Future[Value]", error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
        return
    future.set_exception(error)
    future.exception()  # retrieved here, in case everybody who waited was cancelled
