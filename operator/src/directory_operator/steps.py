"""THE table: which systems make a tenant, in which order, and what each owns. Deletion is the table backwards."""

from dataclasses import dataclass
from typing import Final

from directory_operator.systems.protocol import SystemName


@dataclass(frozen=True, slots=True)
class Step:
    """One row: the condition it reports, the system that does it, what that system owns."""

    condition: str
    system: SystemName
    owns: str
    needs: tuple[SystemName, ...] = ()
    """Systems that must have been applied in this very run."""
    after: tuple[SystemName, ...] = ()
    """Systems that must have been applied once: an established tenant is repaired here even while those are down."""
    leads_to: tuple[SystemName, ...] = ()
    """Systems that must work, and not only be applied, before people are led there from the other tier."""


STEPS: Final[tuple[Step, ...]] = (
    # The Secret comes first: a password that a backend knows and nobody stored would be lost by a crash.
    Step("CredentialsReady", "credentials", "Secret with every password and key"),
    # The registry row is the claim of slug and hosts: nothing else may be touched by a tenant that lost the claim.
    Step("DatabaseReady", "postgres", "registry row, login role, limits, administrators", needs=("credentials",)),
    Step("CacheReady", "redis", "ACL user limited to the tenant's keys", needs=("credentials",), after=("postgres",)),
    Step("StorageReady", "s3", "bucket, policy, lifecycle, session credentials", after=("postgres",)),
    Step(
        "ApiReady",
        "workload",
        "ServiceAccount, Deployment, Service, HPA, PDB, NetworkPolicy (Dedicated)",
        needs=("credentials",),
        after=("postgres", "redis", "s3"),
    ),
    Step(
        "IngressReady", "ingress", "Ingress or HTTPRoute, TLS", after=("postgres", "workload"), leads_to=("workload",)
    ),
)


def waves(steps: tuple[Step, ...] = STEPS) -> tuple[tuple[Step, ...], ...]:
    """The steps grouped so that each group depends on earlier groups only; a group's steps run side by side."""
    done: set[SystemName] = set()
    left = list(steps)
    groups: list[tuple[Step, ...]] = []
    while left:
        group = tuple(step for step in left if done.issuperset(step.needs + step.after))
        if not group:
            message = f"steps depend on each other in a circle: {[step.system for step in left]}"
            raise ValueError(message)
        groups.append(group)
        done.update(step.system for step in group)
        left = [step for step in left if step not in group]
    return tuple(groups)
