"""One step of the loop, for one system."""

from typing import Any

from directory_operator.systems.protocol import System
from directory_operator.tenant.model import Tenant


async def settle(system: System[Any, Any, Any], tenant: Tenant, *, wanted: bool = True) -> list[str]:
    """Plan, apply, and require the next plan to be empty. Returns what was done."""
    desired = system.desired(tenant) if wanted else None
    changes = system.plan(tenant, desired, await system.observe(tenant))
    for change in changes:
        await system.apply(tenant, change)
    left = system.plan(tenant, desired, await system.observe(tenant))
    assert [str(change) for change in left] == []
    return [str(change) for change in changes]
