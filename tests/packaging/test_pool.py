"""The pooled fleet looks as a Dedicated tenant's API: the operator's code is asked, with the same platform."""

from collections.abc import Callable
from typing import Any

import pytest

from directory_contract import environment as env
from directory_contract.names import pool_secret
from directory_operator.platform.spec import PlatformSpec
from directory_operator.systems.workload.network import network_policy
from directory_operator.systems.workload.pod import pod_template
from directory_operator.tenant.model import Platform, Tenant
from scripts.packaging.chart import Document
from tests.packaging.conftest import Values, platform_spec, with_platform
from tests.support.builders import a_tenant

Rendered = Callable[[Values], list[Document]]

CA = {"caSecretRef": {"name": "directory-ca"}}
PLATFORMS: dict[str, dict[str, Any]] = {
    "least": {},
    "everything said": {
        "postgres": {"port": 5433, "database": "people", "sslMode": "require", "pooler": {"host": "pooler.example"}},
        "redis": {"port": 6380, "tls": False},
        "objectStorage": {"endpoint": "http://minio.example:9000", "region": "eu-1", "addressingStyle": "path"},
        "ingress": {"port": 8443},
        "network": {
            "clients": [{"namespace": "ingress"}, {"cidr": "10.0.0.0/8"}],
            "dns": [{"cidr": "169.254.20.10/32", "ports": [53]}],
            "backends": [{"namespace": "data", "ports": [5432, 6379]}, {"cidr": "192.0.2.0/24", "ports": [443]}],
        },
    },
    "sentinels": {"redis": {"host": None, "sentinel": {"masterName": "directory", "hosts": [{"host": "s-0"}]}}},
    "authorities": {"postgres": CA, "redis": {"caSecretRef": {"name": "another-ca"}}},
}


def dedicated(parts: dict[str, Any]) -> Tenant:
    spec = without_none(platform_spec(**parts)) | {"api": {"image": "registry.example/api:1"}}
    bundle = "certificates" if any("caSecretRef" in part for part in parts.values()) else ""
    return a_tenant(platform=Platform("default", "uid", PlatformSpec.parse(spec), ca_bundle=bundle))


def without_none(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {name: without_none(each) for name, each in tree.items() if each is not None}


def one(documents: list[Document], kind: str, name: str = "default-pool") -> Any:
    (found,) = [
        each.object for each in documents if (each.object["kind"], each.object["metadata"]["name"]) == (kind, name)
    ]
    return found


def variables(container: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.fixture(params=PLATFORMS, name="parts")
def _parts(request: pytest.FixtureRequest) -> dict[str, Any]:
    return PLATFORMS[request.param]


def test_the_same_environment(rendered: Rendered, parts: dict[str, Any]) -> None:
    (container,) = pod_template(dedicated(parts))["spec"]["containers"]
    deployment = one(rendered(without_none(with_platform(**parts))), "Deployment")
    ours = variables(deployment["spec"]["template"]["spec"]["containers"][0])
    theirs = variables(container)
    assert ours.pop(env.TIER) == "Pooled"
    assert ours.pop("DIRECTORY_LOG_LEVEL") == "INFO"
    del theirs[env.TIER], theirs[env.TENANT_SLUG]
    assert ours == theirs


def test_the_same_pod(rendered: Rendered) -> None:
    theirs = pod_template(dedicated({}))["spec"]
    ours = one(rendered(with_platform()), "Deployment")["spec"]["template"]["spec"]
    same = ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds", "securityContext")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    (our, their) = ours["containers"][0], theirs["containers"][0]
    same = ("name", "ports", "startupProbe", "readinessProbe", "livenessProbe", "securityContext", "volumeMounts")
    assert {name: our[name] for name in same} == {name: their[name] for name in same}
    assert set(our) == set(their) | {"imagePullPolicy"}
    assert [each["name"] for each in ours["volumes"]] == [each["name"] for each in theirs["volumes"]]
    spread = [{**each, "labelSelector": None} for each in theirs["topologySpreadConstraints"]]
    assert [{**each, "labelSelector": None} for each in ours["topologySpreadConstraints"]] == spread


def test_the_pools_secret_is_mounted_under_the_name_that_the_operator_gives_it(rendered: Rendered) -> None:
    values = with_platform()
    values["platform"]["name"] = "eu-1"
    deployment = one(rendered(values), "Deployment", "eu-1-pool")
    volume = deployment["spec"]["template"]["spec"]["volumes"][0]
    assert volume["projected"] == {"defaultMode": 0o440, "sources": [{"secret": {"name": pool_secret("eu-1")}}]}


def test_no_pod_starts_before_the_authorities_are_there(rendered: Rendered) -> None:
    deployment = one(rendered(with_platform(**PLATFORMS["authorities"])), "Deployment")
    needed = {"name": "default-pool", "items": [{"key": env.CA_FILE_KEY, "path": "ca.crt"}]}
    assert {"secret": needed} in deployment["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]


def test_the_same_ways_out(rendered: Rendered, parts: dict[str, Any]) -> None:
    theirs = network_policy(dedicated(parts))["spec"]
    ours = one(rendered(without_none(with_platform(**parts))), "NetworkPolicy")["spec"]
    assert ours["egress"] == theirs["egress"]
    assert ours["policyTypes"] == theirs["policyTypes"]


def test_the_same_ways_in_and_besides_them_the_operators_probe(rendered: Rendered, parts: dict[str, Any]) -> None:
    (theirs,) = network_policy(dedicated(parts))["spec"]["ingress"]
    (ours,) = one(rendered(without_none(with_platform(**parts))), "NetworkPolicy")["spec"]["ingress"]
    assert ours["ports"] == theirs["ports"]
    if "from" not in theirs:
        assert "from" not in ours
        return
    assert ours["from"][: len(theirs["from"])] == theirs["from"]
    others = [each["podSelector"]["matchLabels"] for each in ours["from"][len(theirs["from"]) :]]
    assert {"app.kubernetes.io/name": "directory-operator"} in others


def test_the_platform_is_passed_through_and_told_where_the_fleet_is(rendered: Rendered, parts: dict[str, Any]) -> None:
    spec = without_none(platform_spec(**parts))
    made = one(rendered(without_none(with_platform(**parts))), "DirectoryPlatform", "default")["spec"]
    assert {name: made[name] for name in spec} == spec
    assert made["api"]["pooledEndpoint"] == "http://default-pool.directory-system.svc.cluster.local"


def test_what_the_platform_says_of_the_api_wins(rendered: Rendered) -> None:
    made = one(rendered(with_platform(api={"image": "mine/api:2"})), "DirectoryPlatform", "default")["spec"]["api"]
    assert made["image"] == "mine/api:2"


def test_an_operator_alone_can_be_installed(rendered: Rendered) -> None:
    off = {"enabled": False}
    documents = rendered({"platform": off, "pool": off, "migrations": off})
    kinds = {each.object["kind"] for each in documents}
    assert "DirectoryPlatform" not in kinds
    assert one(documents, "NetworkPolicy", "directory-operator")["spec"]["policyTypes"] == ["Ingress"]


def test_a_second_release_adds_a_platform_without_a_second_operator(rendered: Rendered) -> None:
    values = {**with_platform(), "operator": {"enabled": False}}
    values["platform"]["name"] = "eu"
    names = {(each.object["kind"], each.object["metadata"]["name"]) for each in rendered(values)}
    assert ("Deployment", "eu-pool") in names
    assert not any(name == "directory-operator" for _, name in names)


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({"tag": "2.0.0"}, "companydirectory.io/api:2.0.0"),
        ({"tag": "2.0.0", "digest": "sha256:" + "a" * 64}, "companydirectory.io/api@sha256:" + "a" * 64),
        ({"repository": "registry.example:5000/api"}, "registry.example:5000/api:0.1.0"),
    ],
)
def test_one_image_for_the_fleet_the_migrations_and_dedicated_tenants(
    rendered: Rendered, image: dict[str, str], reference: str
) -> None:
    documents = rendered({**with_platform(), "api": {"image": image}})
    for kind, name in (("Deployment", "default-pool"), ("Job", "default-migrate")):
        (container,) = one(documents, kind, name)["spec"]["template"]["spec"]["containers"]
        assert container["image"] == reference
    assert one(documents, "DirectoryPlatform", "default")["spec"]["api"]["image"] == reference


def test_a_gateway_instead_of_an_ingress(rendered: Rendered) -> None:
    gateway = {"name": "public", "namespace": "gateways", "sectionName": "https"}
    documents = rendered(with_platform(ingress={"gatewayRef": gateway}))
    route = one(documents, "HTTPRoute")["spec"]
    assert route["parentRefs"] == [gateway]
    assert route["hostnames"] == ["*.directory.example"]
    assert "Ingress" not in {each.object["kind"] for each in documents}


@pytest.mark.parametrize("gateway", [{}, {"gatewayRef": {"name": "public", "namespace": "gateways"}}])
def test_external_dns_is_asked_for_the_wildcard_record(rendered: Rendered, gateway: dict[str, Any]) -> None:
    values = with_platform(ingress={"externalDns": {}, **gateway})
    values["route"] = {"annotations": {"example.com/rate-limit": "100"}}
    route = one(rendered(values), "HTTPRoute" if gateway else "Ingress")
    assert route["metadata"]["annotations"] == {
        "external-dns.alpha.kubernetes.io/hostname": "*.directory.example",
        "external-dns.alpha.kubernetes.io/ttl": "300",
        "example.com/rate-limit": "100",
    }


def test_the_fleet_scales_on_requests_in_flight_where_there_is_a_metric_of_them(rendered: Rendered) -> None:
    scaler = one(rendered(with_platform(api={"inFlightMetric": "in_flight"})), "HorizontalPodAutoscaler")
    metrics = {each["type"]: each for each in scaler["spec"]["metrics"]}
    assert metrics["Pods"]["pods"]["metric"] == {"name": "in_flight"}
    assert set(metrics) == {"Pods", "Resource"}
