"""Owns how many requests a tenant may make: a sliding window of one minute, counted in the tenant's Redis keys."""

import math
from dataclasses import dataclass
from typing import Final

from directory_api.keyspace import Command

WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left. `resets_in` is in seconds."""

    limit: int
    used: int
    resets_in: int

    @property
    def exhausted(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """RateLimit fields (draft-ietf-httpapi-ratelimit-headers), and Retry-After once nothing is left."""
        remaining = max(0, self.limit - self.used)
        fields = {
            "RateLimit-Policy": f'"tenant";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"tenant";r={remaining};t={self.resets_in}',
        }
        return fields | ({"Retry-After": str(self.resets_in)} if self.exhausted else {})


def counting(now: float) -> tuple[Command, ...]:
    """What to ask Redis: count this request in the present window, and look at the one before."""
    window = int(now) // WINDOW_SECONDS
    return (
        ("INCR", f"rate:{window}"),
        ("EXPIRE", f"rate:{window}", 2 * WINDOW_SECONDS),
        ("GET", f"rate:{window - 1}"),
    )


def budget(limit: int, now: float, counted: int, before: bytes | None) -> Budget:
    """The window before counts in proportion to how much of it lies in the last minute."""
    elapsed = now % WINDOW_SECONDS
    carried = int(before or 0) * (1 - elapsed / WINDOW_SECONDS)
    return Budget(limit, counted + math.floor(carried), max(1, math.ceil(WINDOW_SECONDS - elapsed)))
