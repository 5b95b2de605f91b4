"""Waiting for what happens soon, instead of sleeping for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], *, timeout: float = 10, every: float = 0.05, what: str = "it") -> T:
    """The first true answer of `ask`. While it raises AssertionError or answers falsely, it is asked again.

    `what` is awaited, for whoever reads that it never came.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = ask()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            if answer:
                return answer
            assert time.monotonic() <= deadline, f"{what}: still {answer!r} after {timeout} s"
        time.sleep(every)
