"""The verbs by which the platform's own share of a backend is kept: the same shape as a tenant's System."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from directory_operator.platform.credentials import PoolCredentials
from directory_operator.systems.protocol import Change

ObservedT = TypeVar("ObservedT")
ChangeT = TypeVar("ChangeT", bound=Change)


class PlatformPart(Protocol[ObservedT, ChangeT]):
    """One backend of a platform. `observe` is also the probe that says whether tenants can be placed there."""

    async def observe(self, pool: PoolCredentials) -> ObservedT:
        """What is. Reads only."""
        ...

    def plan(self, pool: PoolCredentials, observed: ObservedT) -> Sequence[ChangeT]:
        """What to change, in order; empty means converged. Pure."""
        ...

    async def apply(self, pool: PoolCredentials, change: ChangeT) -> None:
        """Make one change. Doing it twice is the same as doing it once."""
        ...

    def remark(self, observed: ObservedT) -> str:
        """What the condition's message should say besides that all is well, or ""."""
        ...
