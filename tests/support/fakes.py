"""An outside system in memory, complete enough to run the real loop on it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Tenant


@dataclass(frozen=True, slots=True)
class Turn:
    """Set or clear the one thing that the fake holds."""

    to: str | None
    routine: bool = False

    def __str__(self) -> str:
        return f"turn to {self.to}"


@dataclass(slots=True)
class FakeSystem:
    """Holds one string per tenant and keeps a diary; `broken` maps a verb to what it raises."""

    name: SystemName
    diary: list[str]
    broken: dict[str, Exception] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)
    routine: bool = False
    deaf: bool = False
    """Apply is accepted and has no effect."""
    remark: str = ""
    gate: asyncio.Event | None = None
    """Apply waits for it."""

    def desired(self, tenant: Tenant) -> str | None:
        return tenant.spec.display_name

    async def observe(self, tenant: Tenant) -> str | None:
        self._do("observe")
        return self.holds.get(tenant.uid)

    def plan(self, tenant: Tenant, desired: str | None, observed: str | None) -> Sequence[Turn]:
        self._do("plan", silent=True)
        return () if desired == observed else (Turn(desired, self.routine),)

    async def apply(self, tenant: Tenant, change: Turn) -> None:
        if self.gate:
            await self.gate.wait()
        self._do("apply")
        if self.deaf:
            return
        if change.to is None:
            self.holds.pop(tenant.uid, None)
        else:
            self.holds[tenant.uid] = change.to

    def enrich(self, tenant: Tenant, observed: str | None) -> Tenant:
        return tenant

    async def check(self, tenant: Tenant) -> str:
        self._do("check")
        return self.remark

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        self._do("release" if entirely else "close")

    def _do(self, verb: str, *, silent: bool = False) -> None:
        if not silent:
            self.diary.append(f"{verb} {self.name}")
        if verb in self.broken:
            raise self.broken[verb]
