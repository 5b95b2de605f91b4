"""A tenant's route on a real API server, by tier and by custom hosts, and the certificate those need."""

from dataclasses import replace
from typing import Any

import pytest

from directory_operator.errors import Conflict, NotReady, SpecRejected
from directory_operator.kube import Kube
from directory_operator.manifests import ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.ingress.desired import ingress_refs
from directory_operator.systems.ingress.system import IngressSystem
from directory_operator.tenant.model import Tenant
from tests.support.builders import a_platform
from tests.support.cluster import Cluster, MakeTenant
from tests.support.tls import NOW, tls_pair
from tests.systems.kubernetes.settle import settle

HOSTS = ["people.acme.example", "directory.acme.example"]
OWN_CERTIFICATE = {"hosts": HOSTS, "ingress": {"tls": {"secretName": "acme-certificate"}}}
WITH_ISSUER = a_platform(ingress={"baseDomain": "directory.example", "clusterIssuer": "letsencrypt"})


@pytest.fixture
def system(kube: Kube) -> IngressSystem:
    return IngressSystem(kube=kube, now=lambda: NOW)


def live(cluster: Cluster, tenant: Tenant) -> list[dict[str, Any] | None]:
    return [cluster.get(ref) for ref in ingress_refs(tenant)]


async def test_a_pooled_tenant_without_custom_hosts_has_nothing(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    assert await settle(system, tenant) == []
    assert await system.check(tenant) == ""
    assert cluster.writes(tenant.namespace) == 0


async def test_a_dedicated_tenants_host_leads_to_its_service(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(tier="Dedicated")
    assert len(await settle(system, tenant)) == 1
    ingress, _, pool = live(cluster, tenant)
    assert pool is None
    assert ingress is not None
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"hosts": ["acme.directory.example"]}]
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "acme.directory.example"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "acme-directory", "port": {"number": 80}}
    assert await settle(system, tenant) == []
    assert await system.check(tenant) == ""


async def test_custom_hosts_of_a_pooled_tenant_lead_to_the_pool(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    assert len(await settle(system, tenant)) == 2
    ingress, _, pool = live(cluster, tenant)
    assert ingress is not None
    assert pool is not None
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == HOSTS
    assert ingress["spec"]["tls"] == [{"hosts": HOSTS, "secretName": "acme-certificate"}]
    backends = {rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in ingress["spec"]["rules"]}
    assert backends == {pool["metadata"]["name"]} == {"acme-directory-pool"}
    assert pool["spec"]["externalName"] == "directory-api.directory-system.svc"
    assert pool["spec"]["ports"][0]["port"] == 8080
    assert await settle(system, tenant) == []


async def test_the_platforms_issuer_is_asked_where_the_tenant_has_no_certificate(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(platform=WITH_ISSUER, tier="Dedicated", hosts=HOSTS)
    await settle(system, tenant)
    ingress, *_ = live(cluster, tenant)
    assert ingress is not None
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert ingress["spec"]["tls"][1] == {"hosts": HOSTS, "secretName": "acme-directory-tls"}


async def test_where_no_default_certificate_is_to_be_had_one_of_the_tenants_own_covers_all_its_hosts(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    ingress_spec = {"baseDomain": "directory.example", "clusterIssuer": "ca", "hostCertificates": "PerTenant"}
    tenant = live_tenant(platform=a_platform(ingress=ingress_spec), tier="Dedicated", hosts=HOSTS)
    await settle(system, tenant)
    ingress, *_ = live(cluster, tenant)
    assert ingress is not None
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "ca"
    hosts = ["acme.directory.example", *HOSTS]
    assert ingress["spec"]["tls"] == [{"hosts": hosts, "secretName": "acme-directory-tls"}]
    with pytest.raises(NotReady, match="does not exist"):
        await system.check(tenant)
    pooled = live_tenant("globex", platform=a_platform(ingress=ingress_spec))
    assert await settle(system, pooled) == []
    assert await system.check(pooled) == ""


async def test_the_issuer_is_not_asked_for_what_the_tenant_brings(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(platform=WITH_ISSUER, **OWN_CERTIFICATE)
    await settle(system, tenant)
    ingress, *_ = live(cluster, tenant)
    assert ingress is not None
    assert "cert-manager.io/cluster-issuer" not in ingress["metadata"]["annotations"]


async def test_custom_hosts_without_any_certificate_are_refused(system: IngressSystem, live_tenant: MakeTenant) -> None:
    tenant = live_tenant(hosts=HOSTS)
    with pytest.raises(SpecRejected, match=r"^spec\.ingress\.tls: .*no clusterIssuer.*name a Secret of type"):
        system.plan(tenant, system.desired(tenant), await system.observe(tenant))


EDITS: list[tuple[int, Any, str]] = [
    (0, {"spec": {"rules": [{"host": "evil.example"}]}}, "spec.rules"),
    (0, {"spec": {"ingressClassName": "other"}}, "spec.ingressClassName"),
    (0, {"spec": {"tls": None}}, "spec.tls"),
    (2, {"spec": {"externalName": "evil.example"}}, "spec.externalName"),
    (2, {"spec": {"ports": [{"name": "http", "port": 1}]}}, "spec.ports"),
]


@pytest.mark.parametrize(("which", "edit", "where"), EDITS, ids=[where for _, _, where in EDITS])
async def test_what_is_edited_by_hand_is_put_back(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster, which: int, edit: Any, where: str
) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    await settle(system, tenant)
    cluster.merge(ingress_refs(tenant)[which], edit)
    (change,) = await settle(system, tenant)
    assert where in change


async def test_a_route_without_its_owner_is_a_strangers(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    await settle(system, tenant)
    cluster.merge(ingress_refs(tenant)[0], {"metadata": {"ownerReferences": None}})
    observed = await system.observe(tenant)
    with pytest.raises(Conflict, match="does not belong to this tenant"):
        system.plan(tenant, system.desired(tenant), observed)


async def test_hosts_that_are_no_longer_wanted_go(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    await settle(system, tenant)
    bare = replace(tenant, spec=tenant.spec.model_copy(update={"hosts": (), "ingress": type(tenant.spec.ingress)()}))
    changes = await settle(system, bare)
    assert [change.split()[:2] for change in changes] == [["delete", "Service"], ["delete", "Ingress"]]
    assert live(cluster, tenant) == [None, None, None]


async def test_a_change_of_tier_moves_the_route(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    await settle(system, tenant)
    dedicated = replace(tenant, spec=tenant.spec.model_copy(update={"tier": "Dedicated"}))
    changes = await settle(system, dedicated)
    assert [change.split()[:2] for change in changes] == [["apply", "Ingress"], ["delete", "Service"]]
    assert await settle(system, tenant) != []


async def test_deletion_takes_the_route_away(system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster) -> None:
    tenant = live_tenant(**OWN_CERTIFICATE)
    await settle(system, tenant)
    await settle(system, tenant, wanted=False)
    assert live(cluster, tenant) == [None, None, None]


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (OWN_CERTIFICATE, "put a certificate for people.acme.example, directory.acme.example there"),
        (
            {"hosts": HOSTS, "platform": WITH_ISSUER},
            "ClusterIssuer letsencrypt fills it: see kubectl describe certificate",
        ),
    ],
    ids=["own", "issuer"],
)
async def test_a_certificate_is_waited_for(
    system: IngressSystem, live_tenant: MakeTenant, cluster: Cluster, options: Any, remedy: str
) -> None:
    tenant = live_tenant(**options)
    name = "acme-certificate" if "platform" not in options else "acme-directory-tls"
    with pytest.raises(NotReady, match=f"Secret .*/{name} does not exist; .*{remedy}") as raised:
        await system.check(tenant)
    assert raised.value.reason is Reason.CERTIFICATE_MISSING
    secret = {"metadata": {"name": name}, "type": "kubernetes.io/tls", "stringData": tls_pair(*HOSTS)}
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/secrets", secret)
    assert await system.check(tenant) == ""
    cluster.delete(ObjectRef("v1", "Secret", name, tenant.namespace))
