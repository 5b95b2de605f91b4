"""Where a tenant can be made: a platform, and the systems that make tenants there."""

from dataclasses import dataclass

from directory_operator.reconcile import Systems
from directory_operator.tenant.model import Platform


@dataclass(frozen=True, slots=True)
class Placement:
    """A platform that takes tenants."""

    platform: Platform
    systems: Systems
    inputs: str
    """Digest of everything besides a tenant's own spec that decides what is made for it."""
