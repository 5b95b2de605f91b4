"""From one tier to the other without a gap: who served a tenant goes on until the route has been led over. Pure.

To Dedicated: the pooled fleet serves until the tenant's own pods work and its route leads to them. To Pooled: the pods
stay until the route leads to the fleet. Then both serve for `GRACE`, since proxies learn of a route when they do.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from directory_operator.tenant.model import Tenant

GRACE: Final = timedelta(seconds=15)
"""Longer than proxies need to take up a route, and than a process of the fleet remembers whose a host is."""

Status = dict[str, Any]


def in_handover(tenant: Tenant, status: Status, now: datetime) -> Tenant:
    """The tenant, knowing which other tier has to go on serving it."""
    served_by, handover = status.get("servedBy"), status.get("handover")
    if served_by and served_by != tenant.spec.tier:
        return replace(tenant, leaving=served_by)
    if handover and handover["from"] != tenant.spec.tier and _left(handover, now) > timedelta():
        return replace(tenant, leaving=handover["from"])
    return tenant


def served(tenant: Tenant, status: Status, now: datetime, *, routed: bool) -> Status:
    """What to record: who serves the tenant now and, while a handover lasts, who did before."""
    before, handover = status.get("servedBy"), status.get("handover")
    if not routed:
        return {key: status[key] for key in ("servedBy", "handover") if key in status}
    if before and before != tenant.spec.tier:
        handover = {"from": before, "since": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    lasts = handover is not None and _left(handover, now) > timedelta()
    return {"servedBy": tenant.spec.tier, **({"handover": handover} if lasts else {})}


def handover_ends_in(status: Status, now: datetime) -> float | None:
    """Seconds until the other tier may stop serving; None where no handover is recorded."""
    handover = status.get("handover")
    return max(_left(handover, now).total_seconds(), 0.1) if handover else None


def _left(handover: Status, now: datetime) -> timedelta:
    # One second more: the time of the record is rounded down.
    return datetime.fromisoformat(handover["since"]) + GRACE + timedelta(seconds=1) - now
