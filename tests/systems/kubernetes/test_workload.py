"""A Dedicated tenant's objects on a real API server: made once, left alone, mended, taken away."""

from dataclasses import replace
from typing import Any

import pytest

from directory_operator.children import DeleteObject
from directory_operator.errors import Conflict, NotReady
from directory_operator.kube import Kube
from directory_operator.manifests import ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.workload.desired import deployment_ref, workload_refs
from directory_operator.systems.workload.system import PoolMissing, WorkloadSystem
from directory_operator.tenant.model import Tenant
from tests.support.builders import PLATFORM_SPEC, a_platform
from tests.support.cluster import Cluster, MakeTenant
from tests.support.eventually import eventually
from tests.systems.kubernetes.settle import settle

PEM = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
ODD_QUANTITIES = {
    "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "1.5Gi"}},
}


@pytest.fixture
def system(kube: Kube) -> WorkloadSystem:
    return WorkloadSystem(kube=kube)


def dedicated(live_tenant: MakeTenant, **options: Any) -> Tenant:
    platform = replace(a_platform(), ca_bundle=PEM)
    return live_tenant(platform=platform, tier="Dedicated", **options)


def ref_of(tenant: Tenant, kind: str) -> ObjectRef:
    return next(ref for ref in workload_refs(tenant) if ref.kind == kind)


async def test_everything_is_made_once(system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster) -> None:
    tenant = dedicated(live_tenant, api=ODD_QUANTITIES)
    made = await settle(system, tenant)
    assert len(made) == 7
    assert made[0].startswith("apply ServiceAccount ")
    before = cluster.writes(tenant.namespace)
    assert await settle(system, tenant) == []
    assert cluster.writes(tenant.namespace) == before == 7


async def test_the_deployment_controller_at_work_is_no_drift(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    eventually(lambda: (cluster.get(deployment_ref(tenant)) or {}).get("status", {}).get("conditions"))
    assert await settle(system, tenant) == []


EDITS: list[tuple[str, Any, str]] = [
    ("ServiceAccount", {"automountServiceAccountToken": True}, "automountServiceAccountToken"),
    ("ConfigMap", {"data": {"ca.crt": "another"}}, "data.ca.crt"),
    ("NetworkPolicy", {"spec": {"egress": [{}]}}, "spec.egress"),
    ("Service", {"spec": {"ports": [{"name": "http", "port": 81}]}}, "spec.ports[http].port"),
    ("Service", {"spec": {"selector": {"app.kubernetes.io/component": "web"}}}, "spec.selector"),
    ("Deployment", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 3}}}}, "maxSurge"),
    ("Deployment", {"spec": {"template": {"spec": {"securityContext": {"runAsUser": 1}}}}}, "runAsUser"),
    ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 50}}, "spec.maxReplicas"),
    ("PodDisruptionBudget", {"spec": {"maxUnavailable": 2}}, "spec.maxUnavailable"),
    ("Deployment", {"metadata": {"labels": {"companydirectory.io/tenant": None}}}, "companydirectory.io/tenant"),
]


@pytest.mark.parametrize(("kind", "edit", "where"), EDITS, ids=[f"{kind}-{where}" for kind, _, where in EDITS])
async def test_what_is_edited_by_hand_is_put_back(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster, kind: str, edit: Any, where: str
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    cluster.merge(ref_of(tenant, kind), edit)
    (change,) = await settle(system, tenant)
    assert change.startswith(f"apply {kind} ")
    assert where in change


async def test_a_container_that_was_replaced_is_put_back(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    container = {"name": "api", "image": "evil.example/x", "ports": [{"name": "http", "containerPort": 9999}]}
    cluster.merge(deployment_ref(tenant), {"spec": {"template": {"spec": {"containers": [container], "volumes": []}}}})
    (change,) = await settle(system, tenant)
    assert "containers[api].image differs" in change


async def test_what_others_add_is_theirs(system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    cluster.merge(
        deployment_ref(tenant),
        {
            "metadata": {"annotations": {"example.org/note": "restarted"}},
            "spec": {
                "replicas": 4,
                "template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}},
            },
        },
    )
    assert await settle(system, tenant) == []
    live = cluster.get(deployment_ref(tenant))
    assert live is not None
    assert live["spec"]["replicas"] == 4


async def test_what_is_deleted_by_hand_is_made_anew(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    for ref in workload_refs(tenant):
        cluster.delete(ref)
        (change,) = await settle(system, tenant)
        assert change == f"apply {ref} (missing)"


async def test_a_field_that_we_stop_setting_goes(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    without = replace(tenant, platform=replace(tenant.platform, ca_bundle=""))
    changes = await settle(system, without)
    assert [change.split()[:2] for change in changes] == [["apply", "Deployment"], ["delete", "ConfigMap"]]
    live = cluster.get(deployment_ref(tenant))
    assert live is not None
    template = live["spec"]["template"]
    assert "companydirectory.io/ca-digest" not in template["metadata"].get("annotations", {})
    assert len(template["spec"]["volumes"][0]["projected"]["sources"]) == 2


async def test_a_tenant_that_becomes_pooled_loses_it_all(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    pooled = replace(tenant, spec=tenant.spec.model_copy(update={"tier": "Pooled"}))
    changes = await settle(system, pooled)
    assert changes[-1].startswith("delete ServiceAccount ")
    assert [ref for ref in workload_refs(tenant) if cluster.get(ref)] == []
    assert await settle(system, pooled) == []


async def test_leftovers_of_a_half_done_removal_are_found(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    pooled = replace(tenant, spec=tenant.spec.model_copy(update={"tier": "Pooled"}))
    changes = system.plan(pooled, None, await system.observe(pooled))
    for change in changes[:3]:
        await system.apply(pooled, change)
    await settle(system, pooled)
    assert [ref for ref in workload_refs(tenant) if cluster.get(ref)] == []


async def test_on_deletion_everything_goes(system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    await settle(system, tenant, wanted=False)
    assert [ref for ref in workload_refs(tenant) if cluster.get(ref)] == []


async def test_a_strangers_object_is_neither_taken_nor_deleted(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    account = ref_of(tenant, "ServiceAccount")
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/serviceaccounts", {"metadata": {"name": account.name}})
    observed = await system.observe(tenant)
    with pytest.raises(Conflict, match="does not belong to this tenant: delete or rename it"):
        system.plan(tenant, system.desired(tenant), observed)
    assert system.plan(tenant, None, observed) == []


async def test_a_predecessors_object_is_replaced(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    heir = replace(tenant, uid="11111111-1111-4111-8111-111111111111")
    changes = system.plan(heir, system.desired(heir), await system.observe(heir))
    assert [isinstance(change, DeleteObject) for change in changes] == [True, False] * 7


async def test_an_object_held_by_a_finalizer_is_waited_for(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    service = ref_of(tenant, "Service")
    cluster.merge(service, {"metadata": {"finalizers": ["example.org/hold"]}})
    cluster.http.delete(service.path).raise_for_status()
    for desired in (system.desired(tenant), None):
        with pytest.raises(NotReady, match=r"being deleted, held by its finalizers example\.org/hold") as refused:
            system.plan(tenant, desired, await system.observe(tenant))
        assert refused.value.reason is Reason.WAITING_FOR_DEPENDENCY
    cluster.merge(service, {"metadata": {"finalizers": None}})


async def test_pods_that_do_not_run_are_reported(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    eventually(lambda: (cluster.get(deployment_ref(tenant)) or {}).get("status", {}).get("conditions"))
    with pytest.raises(NotReady, match=r"0 of 1 pods available.*minimum availability.*kubectl describe pods") as raised:
        await system.check(tenant)
    assert raised.value.reason is Reason.WORKLOAD_UNAVAILABLE


async def test_a_quota_that_forbids_pods_is_named(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/resourcequotas", quota)
    await settle(system, tenant)

    def named() -> bool:
        live = cluster.get(deployment_ref(tenant)) or {}
        conditions: list[dict[str, str]] = live.get("status", {}).get("conditions", [])
        return any(each["type"] == "ReplicaFailure" for each in conditions)

    eventually(named)
    with pytest.raises(NotReady, match="exceeded quota: none"):
        await system.check(tenant)


async def test_a_quota_that_forbids_an_object_is_named(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    quota = {"metadata": {"name": "no-services"}, "spec": {"hard": {"services": "0"}}}
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/resourcequotas", quota)
    path = f"/api/v1/namespaces/{tenant.namespace}/resourcequotas/no-services"
    eventually(lambda: cluster.kubernetes.get(path)["status"].get("hard"))
    with pytest.raises(NotReady, match=r"apply Service .* was refused: .*exceeded quota: no-services") as raised:
        await settle(system, tenant)
    assert raised.value.reason is Reason.OBJECT_REFUSED


async def test_a_deployment_that_serves_passes(
    system: WorkloadSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = dedicated(live_tenant)
    await settle(system, tenant)
    ref = deployment_ref(tenant)
    # No kubelet runs here, so that no pod ever works; a Deployment that wants none has all it wants.
    cluster.merge(ref, {"spec": {"replicas": 0}})

    def settled() -> bool:
        status = (cluster.get(ref) or {})["status"]
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        return bool(status.get("observedGeneration") == 2 and conditions["Available"] == "True")

    eventually(settled)
    assert await system.check(tenant) == ""


async def test_a_pooled_tenant_needs_a_pool(system: WorkloadSystem, live_tenant: MakeTenant) -> None:
    poolless = a_platform(api={"image": PLATFORM_SPEC["api"]["image"]})
    with pytest.raises(
        PoolMissing, match=r"^spec\.tier: DirectoryPlatform default has no spec\.api\.pooledEndpoint"
    ) as e:
        await system.check(live_tenant(platform=poolless))
    assert e.value.terminal
    assert e.value.reason is Reason.POOL_UNAVAILABLE
    assert await system.check(live_tenant("globex")) == ""


async def test_restricted_pod_security_admits_the_pods(
    live_tenant: MakeTenant, cluster: Cluster, system: WorkloadSystem
) -> None:
    tenant = dedicated(live_tenant)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.merge(ObjectRef("v1", "Namespace", tenant.namespace), {"metadata": {"labels": labels}})
    await settle(system, tenant)
    pods = f"/api/v1/namespaces/{tenant.namespace}/pods"
    eventually(lambda: cluster.http.get(pods).json()["items"])
