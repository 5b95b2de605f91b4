"""Notices within seconds when a Redis was restarted or changed its role: it may have forgotten its ACL users."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from directory_operator.errors import AccessDenied, StepError
from directory_operator.systems.backends import Backends

logger = logging.getLogger(__name__)

SECONDS: Final = 2.0
"""Between two looks, which are one INFO to each server."""


@dataclass(slots=True)
class CacheWatch:
    """Looks at the Redis of every platform."""

    connected: Callable[[], Mapping[str, Backends]]
    """Gives the backends by platform."""
    changed: Callable[[str], Awaitable[None]]
    """Awaited with a platform's name when its users should be looked at again."""
    _marks: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _blind: set[str] = field(default_factory=set)
    """Platforms whose Redis does not let us look, which was said once."""

    async def run_forever(self) -> None:
        """Look every `SECONDS`."""
        while True:
            await asyncio.sleep(SECONDS)
            await asyncio.gather(*(self.look(name, backends) for name, backends in self.connected().items()))

    async def look(self, name: str, backends: Backends) -> None:
        """Once, at one platform's. One that is away is left to the platform's own probe, which says so."""
        try:
            marks = await backends.cache_marks()
        except AccessDenied as error:
            if name not in self._blind:
                logger.warning("Redis is not watched", extra={"platform": name, "problem": error.message})
            self._blind.add(name)
            return
        except StepError:
            return
        self._blind.discard(name)
        before = self._marks.get(name)
        self._marks[name] = {**(before or {}), **marks}
        if before and before != self._marks[name]:
            logger.warning("Redis changed", extra={"platform": name, "servers": sorted(marks)})
            await self.changed(name)
