"""Saves ACL users to the server's ACL file, rarely: ACL SAVE stops the server for as long as it takes."""

import asyncio
import logging
import time
from typing import Final

from directory_operator.errors import StepError
from directory_operator.systems.redis.connection import Cache

logger = logging.getLogger(__name__)

DELAY: Final = 2.0  # seconds that changes are collected for
_SHARE: Final = 20  # saving takes at most one part in this many of the server's time
_PATIENCE: Final = 60.0  # seconds until a save that failed is tried again


class AclFile:
    """Debounces ACL SAVE. A server without an ACL file loses its users on restart, and the sweep makes them again."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._dirty = False
        self._task: asyncio.Task[None] | None = None
        self.configured: bool | None = None
        """Whether the server has an ACL file; None until it was asked."""

    async def find(self) -> bool:
        """Ask the server whether it has an ACL file."""
        answer = await self._cache.call("CONFIG", "GET", "aclfile")
        self.configured = bool(dict(zip(answer[::2], answer[1::2], strict=True)).get("aclfile"))
        return self.configured

    def changed(self) -> None:
        """Say that a user was changed."""
        self._dirty = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_saving())

    async def close(self) -> None:
        """Save now what has not been saved yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._dirty:
            await self._save()

    async def _keep_saving(self) -> None:
        pause = DELAY
        while self._dirty:
            await asyncio.sleep(pause)
            started = time.monotonic()
            saved = await self._save()
            pause = max(DELAY, (time.monotonic() - started) * _SHARE) if saved else _PATIENCE

    async def _save(self) -> bool:
        try:
            if self.configured is None:
                await self.find()
            self._dirty = False
            if self.configured:
                await self._cache.everywhere([("ACL", "SAVE")])
        except StepError as error:
            self._dirty = True
            logger.warning("ACL users not saved", extra={"problem": error.message})
            return False
        return True
