"""Every plain schema keyword holds on a real API server: what is at the bound is taken, what is beyond is refused.

The cases come from the CRDs themselves. `LONGEST` and `ITEMS` say what a valid value of a given size looks like.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from directory_operator.platform.spec import PlatformSpec
from directory_operator.tenant.spec import TenantSpec
from tests.crds.examples import BASES, GONE, PLATFORM, TENANT, base_of, changed
from tests.crds.schema import Node, spec_nodes
from tests.support.cluster import CUSTOM, Cluster

PATHS = {
    "DirectoryTenant": f"{CUSTOM}/namespaces/default/directorytenants",
    "DirectoryPlatform": f"{CUSTOM}/directoryplatforms",
}

Sized = Callable[[int], Any]


def dns_name(size: int) -> str:
    """Labels of at most 63 characters, the last of letters."""
    labels = ["a" * 60] * (size // 61)
    rest = size - 61 * len(labels)
    return ".".join([*labels, "b" * rest] if rest else [*labels[:-1], "a" * 59 + "b"])


def word(size: int) -> str:
    return "a" * size


CIDRS = {1: "10.0.0.0/8", 0: "", 43: "2001:0db8:0000:0000:0000:0000:0000:0000/128", 44: "a" * 44}
"""A valid one of each length that is asked for; there is none of 44."""

LONGEST: dict[str, Sized] = {
    "metadata.name": word,
    "spec.displayName": word,
    "spec.admins[0].email": lambda size: word(size - 13) + "@acme.example",
    "spec.slug": word,
    "spec.platformRef": word,
    "spec.hosts[0]": dns_name,
    "spec.ingress.tls.secretName": word,
    "spec.api.image": word,
    "spec.cors.allowedOrigins[0]": lambda size: "https://" + word(size - 8),
    "spec.postgres.host": word,
    "spec.postgres.database": word,
    "spec.postgres.caSecretRef.name": word,
    "spec.postgres.adminSecretRef.name": word,
    "spec.redis.host": word,
    "spec.redis.caSecretRef.name": word,
    "spec.redis.adminSecretRef.name": word,
    "spec.objectStorage.endpoint": lambda size: "https://" + word(size - 8),
    "spec.objectStorage.region": word,
    "spec.objectStorage.bucketPrefix": word,
    "spec.objectStorage.credentialsSecretRef.name": word,
    "spec.objectStorage.caSecretRef.name": word,
    "spec.objectStorage.sessionRoleArn": lambda size: "arn:aws:iam::123456789012:role/" + word(size - 31),
    "spec.ingress.className": word,
    "spec.ingress.baseDomain": dns_name,
    "spec.ingress.clusterIssuer": word,
    "spec.postgres.pooler.host": word,
    "spec.redis.sentinel.masterName": word,
    "spec.redis.sentinel.hosts[0].host": word,
    "spec.redis.sentinel.credentialsSecretRef.name": word,
    "spec.ingress.gatewayRef.name": word,
    "spec.ingress.gatewayRef.namespace": word,
    "spec.ingress.gatewayRef.sectionName": word,
    **{f"spec.network.{peers}[0].namespace": word for peers in ("clients", "dns", "backends")},
    **{f"spec.network.{peers}[0].cidr": lambda size: CIDRS[size] for peers in ("clients", "dns", "backends")},
    "spec.api.imagePullSecrets[0].name": word,
    "spec.api.inFlightMetric": word,
    "spec.api.pooledEndpoint": lambda size: "https://" + word(size - 8),
}

ITEMS: dict[str, Sized] = {
    "spec.admins": lambda size: [{"email": f"admin{number}@acme.example"} for number in range(size)],
    "spec.hosts": lambda size: [f"host{number}.acme.example" for number in range(size)],
    "spec.cors.allowedOrigins": lambda size: [f"https://host{number}.acme.example" for number in range(size)],
    "spec.api.imagePullSecrets": lambda size: [{"name": f"registry-{number}"} for number in range(size)],
    "spec.redis.sentinel.hosts": lambda size: [{"host": f"sentinel-{number}"} for number in range(size)],
    "spec.network.clients": lambda size: [{"namespace": f"namespace-{number}"} for number in range(size)],
    **{
        f"spec.network.{peers}": lambda size: [{"cidr": f"10.0.{number}.0/24", "ports": [53]} for number in range(size)]
        for peers in ("dns", "backends")
    },
    **{f"spec.network.{peers}[0].ports": lambda size: list(range(1, size + 1)) for peers in ("dns", "backends")},
}
"""Distinct items."""


@dataclass(frozen=True)
class Bound:
    """One keyword of one field."""

    kind: str
    path: str
    keyword: str
    accepted: dict[str, Any]
    refused: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind}-{self.path}-{self.keyword}"


def bounds(kind: str) -> Iterator[Bound]:
    for node in spec_nodes(kind):
        for keyword, accepted, refused in _pairs(node):
            yield Bound(kind, node.path, keyword, {node.path: accepted}, {node.path: refused})
        for name in node.schema.get("required", []):
            path = f"{node.path}.{name}".lstrip(".")
            yield Bound(kind, path, "required", {}, {path: GONE})


def _pairs(node: Node) -> Iterator[tuple[str, Any, Any]]:
    """(keyword, value it takes, value it refuses)."""
    schema, path = node.schema, node.path
    for keyword, beyond in (("minimum", -1), ("maximum", 1)):
        if keyword in schema:
            yield keyword, schema[keyword], schema[keyword] + beyond
    for value in schema.get("enum", []):
        yield f"enum-{value}", value, "Bogus"
    if schema.get("type") == "string":
        yield from _sizes(schema, LONGEST.get(path), word, "Length", _shortest(path))
    if schema.get("type") == "array":
        yield from _sizes(schema, ITEMS[path], ITEMS[path], "Items", 1)
        if schema.get("x-kubernetes-list-type") in {"set", "map"}:
            yield "unique", ITEMS[path](2), ITEMS[path](1) * 2


def _sizes(
    schema: dict[str, Any], valid: Sized | None, any_of_size: Sized, suffix: str, shortest: int
) -> Iterator[tuple[str, Any, Any]]:
    if f"min{suffix}" in schema:
        assert valid
        least = schema[f"min{suffix}"]
        yield f"min{suffix}", valid(max(least, shortest)), any_of_size(least - 1)
    if f"max{suffix}" in schema:
        assert valid, "say in LONGEST what a valid value of a given length looks like"
        most = schema[f"max{suffix}"]
        yield f"max{suffix}", valid(most), valid(most + 1)


def _shortest(path: str) -> int:
    """Length of the shortest valid value, where the field's form needs more than the schema's least."""
    return {"spec.objectStorage.endpoint": 9, "spec.api.pooledEndpoint": 9}.get(path, 1)


BOUNDS = [bound for kind in BASES for bound in bounds(kind)]
# The deletion policies, and TLS with its certificate, belong together: the other fields follow.
COMPANIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("spec.tier", "enum-Pooled"): {"spec.api": GONE},
    ("spec.storage.deletionPolicy", "enum-Delete"): {},
    ("spec.database.deletionPolicy", "enum-Retain"): {"spec.storage.deletionPolicy": "Retain"},
    ("spec.postgres.sslMode", "enum-disable"): {"spec.postgres.caSecretRef": GONE},
    ("spec.postgres.sslMode", "enum-require"): {"spec.postgres.caSecretRef": GONE},
}


@pytest.mark.parametrize("kind", BASES)
def test_the_examples_set_every_field_and_are_taken(cluster: Cluster, kind: str) -> None:
    assert cluster.refusal(PATHS[kind], BASES[kind]) is None
    for node in spec_nodes(kind):
        if node.path.startswith("spec"):
            target: Any = base_of(kind, node.path)
            for part in node.path.replace("[0]", ".0").split("."):
                target = target[int(part)] if part.isdigit() else target[part]


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_at_the_bound_it_is_taken(cluster: Cluster, bound: Bound) -> None:
    body = changed(base_of(bound.kind, bound.path), bound.accepted | COMPANIONS.get((bound.path, bound.keyword), {}))
    assert cluster.refusal(PATHS[bound.kind], body) is None


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_beyond_the_bound_it_is_refused_by_field(cluster: Cluster, bound: Bound) -> None:
    status = cluster.refusal(PATHS[bound.kind], changed(base_of(bound.kind, bound.path), bound.refused))
    assert status is not None
    fields = [cause["field"] for cause in status["details"]["causes"]]
    wanted = bound.path + ("[1]" if bound.keyword == "unique" else "")
    assert wanted in fields


@pytest.mark.parametrize("path", ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"])
def test_quantities_are_integers_or_short_strings(cluster: Cluster, path: str) -> None:
    field = f"spec.api.resources.{path}"
    kind = "DirectoryTenant"
    for value in (True, 1.5, "1" * 21):
        status = cluster.refusal(PATHS[kind], changed(TENANT, {field: value}))
        assert status is not None
        assert field in [cause["field"] for cause in status["details"]["causes"]]


@pytest.mark.parametrize(
    ("kind", "field"), [("DirectoryTenant", "spec.quota"), ("DirectoryPlatform", "spec.redis.cluster")]
)
def test_unknown_fields_are_refused_where_the_client_asks(cluster: Cluster, kind: str, field: str) -> None:
    status = cluster.refusal(PATHS[kind], changed(BASES[kind], {field: 1}))
    assert status is not None
    assert f'unknown field "{field}"' in status["message"]


def test_the_server_and_the_models_default_the_same(cluster: Cluster) -> None:
    tenant = changed(TENANT, {"spec": {"displayName": "Acme", "admins": [{"email": "a@acme.example"}]}})
    answer = cluster.http.post(PATHS["DirectoryTenant"], params={"dryRun": "All"}, json=tenant)
    assert TenantSpec.model_validate(answer.json()["spec"]) == TenantSpec.model_validate(tenant["spec"])

    platform = changed(
        PLATFORM,
        {
            "spec": {
                "postgres": {"host": "a", "adminSecretRef": {"name": "a"}},
                "redis": {"host": "a", "adminSecretRef": {"name": "a"}},
                "objectStorage": {"endpoint": "http://a", "credentialsSecretRef": {"name": "a"}},
                "ingress": {"baseDomain": "a.example"},
                "api": {"image": "a"},
            }
        },
    )
    answer = cluster.http.post(PATHS["DirectoryPlatform"], params={"dryRun": "All"}, json=platform)
    assert PlatformSpec.model_validate(answer.json()["spec"]) == PlatformSpec.model_validate(platform["spec"])
