"""The HTTPRoute of a tenant's hosts (Gateway API v1), and what its Gateway makes of it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from directory_operator.manifests import Manifest
from directory_operator.platform.spec import GatewayRef

API_VERSION: Final = "gateway.networking.k8s.io/v1"
_AWAITED: Final = ("Accepted", "ResolvedRefs")


def route_spec(gateway: GatewayRef, hosts: Sequence[str], service: str, port: int) -> Manifest:
    """`spec`: every path of the hosts leads to the Service. What the server would default is said here too."""
    section = {"sectionName": gateway.section_name} if gateway.section_name else {}
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.name}
    backend = {"group": "", "kind": "Service", "name": service, "port": port, "weight": 1}
    return {
        "parentRefs": [{**parent, "namespace": gateway.namespace, **section}],
        "hostnames": list(hosts),
        "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [backend]}],
    }


def route_problem(route: Manifest) -> str | None:
    """Why the Gateway does not lead requests along the route, in words for the condition; None when it does."""
    parents = route.get("status", {}).get("parents", [])
    if not parents:
        return "no Gateway has taken it up: does the one that the platform names exist, and let this namespace attach?"
    return next(_problems(parents, route["metadata"]["generation"]), None)


def _problems(parents: Sequence[dict[str, Any]], generation: int) -> Iterator[str]:
    for parent in parents:
        conditions = {each["type"]: each for each in parent.get("conditions", [])}
        for kind in _AWAITED:
            condition = conditions.get(kind, {})
            if condition.get("observedGeneration", generation) < generation or not condition:
                yield f"{parent['controllerName']} has not judged the newest version yet"
            elif condition["status"] != "True":
                yield f"{parent['controllerName']} says {condition['reason']}: {condition['message'].rstrip('.')}"
