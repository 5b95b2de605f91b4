"""The four verbs every outside system offers to the reconcile loop."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

from directory_operator.tenant.model import Tenant

SystemName = Literal["credentials", "postgres", "redis", "s3", "workload", "ingress"]


class Change(Protocol):
    """One planned difference. `str(change)` is its log line and Event text, and holds no secret."""

    @property
    def routine(self) -> bool:
        """True for planned upkeep (say, renewing session credentials) that is no drift."""
        ...


DesiredT = TypeVar("DesiredT")
ObservedT = TypeVar("ObservedT")
ChangeT = TypeVar("ChangeT", bound=Change)


class System(Protocol[DesiredT, ObservedT, ChangeT]):
    """One outside system. Only `observe` and `apply` touch it, and every verb may be repeated."""

    def desired(self, tenant: Tenant) -> DesiredT | None:
        """What should be, or None where this tenant has nothing here (as Pooled tenants have no Deployment)."""
        ...

    async def observe(self, tenant: Tenant) -> ObservedT:
        """What is. Reads only."""
        ...

    def plan(self, tenant: Tenant, desired: DesiredT | None, observed: ObservedT) -> Sequence[ChangeT]:
        """What to change, in order; None as `desired` removes it all. Empty means converged. Pure.

        Raises Conflict when what is there belongs to somebody else, SpecRejected when it can't be had.
        """
        ...

    async def apply(self, tenant: Tenant, change: ChangeT) -> None:
        """Make one change. Doing it twice is the same as doing it once."""
        ...

    def enrich(self, tenant: Tenant, observed: ObservedT) -> Tenant:
        """The tenant as later steps should see it: the credentials step adds what its Secret holds."""
        ...

    async def check(self, tenant: Tenant) -> str:
        """Raise NotReady while what was applied does not work yet (pods not up, no answer).

        Returns a remark for the condition's message, empty when there is nothing to say.
        """
        ...

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Take access away and keep the data: what `deletionPolicy: Retain` does on deletion.

        Not `entirely`: another system could not be closed yet, and whose it was has to stay on record until it is.
        """
        ...
