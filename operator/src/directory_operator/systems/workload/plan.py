"""Differences of a Dedicated tenant's workload, and whether it works. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from directory_operator.children import ChildChange, plan_children
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.tenant.model import Tenant


def plan(
    tenant: Tenant, desired: Sequence[Manifest] | None, observed: Mapping[ObjectRef, Manifest]
) -> list[ChildChange]:
    """What brings the objects about, or takes them away for None."""
    return plan_children(tenant, desired or (), observed)


def unavailability(deployment: Manifest) -> str | None:
    """Why the Deployment does not serve as specified, in words for the condition; None when it does."""
    status: dict[str, Any] = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "the Deployment controller has not seen the newest Deployment yet"
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    wanted = deployment["spec"].get("replicas", 1)
    counts = (
        f"{status.get('availableReplicas', 0)} of {wanted} pods available, {status.get('updatedReplicas', 0)} updated"
    )
    for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False"), ("Available", "False")):
        condition = conditions.get(kind)
        if condition and condition["status"] == bad:
            return f"{counts}: {condition['message'].rstrip('.')}"
    if status.get("updatedReplicas", 0) < wanted or status.get("availableReplicas", 0) < wanted:
        return f"{counts}: the rollout is under way"
    return None
