"""A tenant's route on a platform with a Gateway: on a real API server with the real CRD of the Gateway API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from directory_local.addons import modules
from directory_operator.errors import NotReady, SpecRejected
from directory_operator.kube import Kube
from directory_operator.manifests import ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.ingress.desired import http_route_ref, ingress_refs
from directory_operator.systems.ingress.system import IngressSystem
from directory_operator.tenant.model import Platform, Tenant
from tests.support.builders import a_platform
from tests.support.cluster import Cluster, MakeTenant
from tests.support.eventually import eventually
from tests.support.tls import NOW
from tests.systems.kubernetes.settle import settle

HOST = "people.acme.example"
CRD = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"


def gateway_platform(**ingress: Any) -> Platform:
    gateway = {"name": "public", "namespace": "gateways", "sectionName": "https"}
    return a_platform(ingress={"baseDomain": "directory.example", "gatewayRef": gateway, **ingress})


@pytest.fixture(scope="module", autouse=True)
def _gateway_api(cluster: Cluster) -> Iterator[None]:
    file = modules.folder("addons/packaging", "sigs.k8s.io/gateway-api") / CRD
    cluster.kubernetes.kubectl("apply", "--server-side", "-f", str(file))
    cluster.kubernetes.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(file))
    eventually(lambda: cluster.http.get("/apis/gateway.networking.k8s.io/v1/httproutes").is_success)
    yield
    cluster.kubernetes.kubectl("delete", "-f", str(file))


@pytest.fixture
def system(kube: Kube) -> IngressSystem:
    return IngressSystem(kube=kube, now=lambda: NOW)


def route_of(cluster: Cluster, tenant: Tenant) -> dict[str, Any]:
    route = cluster.get(http_route_ref(tenant))
    assert route is not None
    return route


def judge(cluster: Cluster, tenant: Tenant, **statuses: str) -> None:
    """What the Gateway's controller writes."""
    route = route_of(cluster, tenant)
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": "Judged",
            "message": "It was looked at.",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind, status in statuses.items()
    ]
    parent = {
        "parentRef": route["spec"]["parentRefs"][0],
        "controllerName": "example.org/gateway",
        "conditions": conditions,
    }
    cluster.merge(http_route_ref(tenant), {"status": {"parents": [parent]}}, subresource="/status")


async def test_a_dedicated_tenant_has_a_route_and_no_ingress(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(platform=gateway_platform(externalDns={"ttlSeconds": 60}), tier="Dedicated", hosts=[HOST])
    assert len(await settle(system, tenant)) == 1
    route = route_of(cluster, tenant)
    assert route["spec"]["hostnames"] == ["acme.directory.example", HOST]
    (parent,) = route["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"], parent["sectionName"]) == ("gateways", "public", "https")
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    assert (backend["name"], backend["port"]) == ("acme-directory", 80)
    annotations = route["metadata"]["annotations"]
    assert annotations["external-dns.alpha.kubernetes.io/hostname"] == f"acme.directory.example,{HOST}"
    assert annotations["external-dns.alpha.kubernetes.io/ttl"] == "60"
    assert [cluster.get(ref) is not None for ref in ingress_refs(tenant)] == [True, False, False]
    assert await settle(system, tenant) == []
    cluster.merge(http_route_ref(tenant), {"spec": {"hostnames": ["evil.example"]}})
    (change,) = await settle(system, tenant)
    assert "spec.hostnames" in change
    cluster.delete(http_route_ref(tenant))
    assert await settle(system, tenant) == [f"apply {http_route_ref(tenant)} (missing)"]


async def test_it_is_ready_when_the_gateway_has_taken_it(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(platform=gateway_platform(), tier="Dedicated")
    await settle(system, tenant)
    with pytest.raises(NotReady, match="no Gateway has taken it up") as refused:
        await system.check(tenant)
    assert refused.value.reason is Reason.ROUTE_NOT_ACCEPTED
    judge(cluster, tenant, Accepted="False", ResolvedRefs="True")
    with pytest.raises(NotReady, match=r"example.org/gateway says Judged: It was looked at\.$"):
        await system.check(tenant)
    judge(cluster, tenant, Accepted="True", ResolvedRefs="True")
    assert await system.check(tenant) == ""
    moved = replace(tenant, spec=tenant.spec.model_copy(update={"hosts": (HOST,)}))
    await settle(system, moved)
    with pytest.raises(NotReady, match="has not judged the newest version yet"):
        await system.check(moved)


async def test_pooled_tenants_have_one_for_custom_hosts_only(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    plain = live_tenant("globex", platform=gateway_platform())
    assert await settle(system, plain) == []
    assert await system.check(plain) == ""
    tenant = live_tenant(platform=gateway_platform(), hosts=[HOST])
    made = await settle(system, tenant)
    assert [change.split()[1] for change in made] == ["Service", "HTTPRoute"]
    (backend,) = route_of(cluster, tenant)["spec"]["rules"][0]["backendRefs"]
    assert backend["name"] == "acme-directory-pool"
    gone = await settle(system, tenant, wanted=False)
    assert len(gone) == 2
    assert [cluster.get(ref) for ref in ingress_refs(tenant)] == [None, None, None]


async def test_a_platform_may_change_from_one_kind_of_route_to_the_other(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    before = live_tenant(tier="Dedicated")
    await settle(system, before)
    after = replace(before, platform=gateway_platform())
    changes = await settle(system, after)
    ingress = ObjectRef("networking.k8s.io/v1", "Ingress", "acme-directory", before.namespace)
    assert [str(each) for each in changes] == [f"apply {http_route_ref(after)} (missing)", f"delete {ingress}"]
    assert len(await settle(system, before)) == 2
    assert cluster.get(http_route_ref(after)) is None


async def test_certificates_are_the_gateways(system: IngressSystem, live_tenant: MakeTenant) -> None:
    own = {"hosts": [HOST], "ingress": {"tls": {"secretName": "mine"}}}
    tenant = live_tenant(platform=gateway_platform(), **own)
    with pytest.raises(SpecRejected, match=r"^spec\.ingress\.tls: .*serves by a Gateway"):
        system.plan(tenant, system.desired(tenant), await system.observe(tenant))
