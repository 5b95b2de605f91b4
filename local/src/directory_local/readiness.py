"""What an object of the cluster still waits for, by its kind. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from directory_local.cluster import Manifest


def pending(manifest: Manifest) -> str | None:
    """Why the object is not ready, in a few words; None if it is, or if its kind knows no such thing."""
    judge = _JUDGES.get(manifest["kind"])
    return judge(manifest) if judge else None


def knows(manifest: Manifest) -> bool:
    """True if there is something to wait for in objects of this kind."""
    return manifest["kind"] in _JUDGES


def _deployment(manifest: Manifest) -> str | None:
    wanted, status = manifest["spec"].get("replicas", 1), _status(manifest)
    if status.get("observedGeneration") != manifest["metadata"].get("generation"):
        return "not looked at yet"
    ready = min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return None if ready >= wanted and status.get("replicas", 0) == wanted else f"{ready} of {wanted} pods ready"


def _stateful_set(manifest: Manifest) -> str | None:
    wanted, status = manifest["spec"].get("replicas", 1), _status(manifest)
    if status.get("observedGeneration") != manifest["metadata"].get("generation"):
        return "not looked at yet"
    ready = min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    return None if ready >= wanted else f"{ready} of {wanted} pods ready"


def _daemon_set(manifest: Manifest) -> str | None:
    status = _status(manifest)
    if status.get("observedGeneration") != manifest["metadata"].get("generation"):
        return "not looked at yet"
    wanted = status.get("desiredNumberScheduled", 0)
    ready = min(status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    return None if wanted and ready >= wanted else f"{ready} of {wanted or 'no'} pods ready"


def _database(manifest: Manifest) -> str | None:
    """CloudNativePG: all instances stream, and the phase says that nothing is under way."""
    wanted, status = manifest["spec"]["instances"], _status(manifest)
    ready, phase = status.get("readyInstances", 0), status.get("phase", "not looked at yet")
    return None if ready >= wanted and phase == "Cluster in healthy state" else f"{ready} of {wanted}: {phase}"


def _pooler(manifest: Manifest) -> str | None:
    wanted, ready = manifest["spec"].get("instances", 1), _status(manifest).get("instances", 0)
    return None if ready >= wanted else f"{ready} of {wanted} poolers"


def _condition(name: str) -> Callable[[Manifest], str | None]:
    def judge(manifest: Manifest) -> str | None:
        conditions = {condition["type"]: condition for condition in _status(manifest).get("conditions", [])}
        found = conditions.get(name)
        observed = (found or {}).get("observedGeneration") or _status(manifest).get("observedGeneration")
        if found is None or (observed and observed != manifest["metadata"].get("generation")):
            return "not looked at yet"
        return None if found["status"] == "True" else found.get("message") or found.get("reason") or f"not {name}"

    return judge


def _status(manifest: Manifest) -> Mapping[str, Any]:
    status: Mapping[str, Any] = manifest.get("status") or {}
    return status


_JUDGES: Final[Mapping[str, Callable[[Manifest], str | None]]] = {
    "APIService": _condition("Available"),
    "Certificate": _condition("Ready"),
    "Cluster": _database,
    "ClusterIssuer": _condition("Ready"),
    "CustomResourceDefinition": _condition("Established"),
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "DirectoryPlatform": _condition("Ready"),
    "DirectoryTenant": _condition("Ready"),
    "Gateway": _condition("Programmed"),
    "GitRepository": _condition("Ready"),
    "Issuer": _condition("Ready"),
    "Job": _condition("Complete"),
    "Kustomization": _condition("Ready"),
    "Pooler": _pooler,
    "StatefulSet": _stateful_set,
}
