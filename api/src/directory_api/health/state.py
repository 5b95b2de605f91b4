"""Owns whether this process should be started, ready, or drained: schema, database, and that row security binds."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from directory_api.db import Database
from directory_api.errors import Problem
from directory_contract.schema import EXPECTED_MIGRATION, works_on

_LOG: Final = logging.getLogger(__name__)
_READY_SECONDS: Final = 2.0  # probes of several kubelets and proxies must not become load


@dataclass(slots=True)
class Health:
    """What the probes ask. Draining is final: a process that was told to stop never gets ready again."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    draining: bool = False
    _started: bool = False
    _checked: tuple[float, list[str]] = field(default=(-_READY_SECONDS, []))
    _reported: list[str] = field(default_factory=list)

    async def not_started(self) -> list[str]:
        """Why the process cannot begin to work; empty once it could."""
        if not self._started:
            reasons = await self._attempt(self._schema)
            self._report(reasons)
            self._started = not reasons
            return reasons
        return []

    async def not_ready(self) -> list[str]:
        """Why requests should go elsewhere; empty when they should come."""
        if self.draining:
            return ["draining: this process is being stopped"]
        checked_at, reasons = self._checked
        if self.clock() - checked_at >= _READY_SECONDS:
            reasons = await self.not_started() or await self._attempt(self.database.isolation_failures)
            self._checked = (self.clock(), reasons)
            self._report(reasons)
        return reasons

    async def _schema(self) -> list[str]:
        version = await self.database.schema_version()
        if works_on(version):
            return []
        return [f"the schema is at {version}, this version needs {EXPECTED_MIGRATION}: run directory-migrate"]

    async def _attempt(self, check: Callable[[], Awaitable[list[str]]]) -> list[str]:
        try:
            return await check()
        except Problem as problem:
            return [problem.detail]
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer to a probe is "no"
            return [f"the check failed: {type(error).__name__}"]

    def _report(self, reasons: list[str]) -> None:
        """Log when the reasons change, not at every probe."""
        if reasons != self._reported:
            self._reported = reasons
            if reasons:
                _LOG.error("not ready", extra={"fields": {"reasons": reasons}})
            else:
                _LOG.info("ready")
