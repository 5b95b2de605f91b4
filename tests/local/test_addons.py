"""What is installed into a cluster: manifests of other projects as they are changed here, and the waiting for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory_local import redis_users, rollout
from directory_local.addons import contour, flux, manifests, metrics_server, monitoring
from directory_local.addons.cloudnative_pg import objects as cloudnative_pg
from directory_local.backends import platform_spec
from directory_local.images.backends import VERSIONS
from directory_local.images.debian import LOCAL
from directory_local.parts.kubernetes import Kubernetes
from directory_local.readiness import pending
from directory_local.repository import root

KINDS = ("Deployment", "DaemonSet", "StatefulSet", "Job")
OURS = "companydirectory.io/"


def addons(kubectl: Path) -> Iterator[Any]:
    yield from metrics_server.objects()
    yield from cloudnative_pg()
    yield from contour.objects(f"{OURS}local/envoy:1", "directory.localhost", "directory-ca")
    yield from flux.objects(kubectl, f"{OURS}local/git:1")
    yield from monitoring.objects()


def test_pods_of_addons_run_images_of_ours_and_meet_the_restricted_standard(kubernetes_api: Kubernetes) -> None:
    seen = 0
    for workload in (item for item in addons(kubernetes_api.cluster.binary) if item["kind"] in KINDS):
        name, spec = workload["metadata"]["name"], manifests.pod_spec(workload)
        pod = spec.get("securityContext", {})
        for container in manifests.containers(workload):
            seen += 1
            assert container["image"].startswith(OURS), (name, container["image"])
            assert container["imagePullPolicy"] == "IfNotPresent", name
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"]["drop"] == ["ALL"], name
            assert own.get("runAsNonRoot") or pod.get("runAsNonRoot"), name
            assert "RuntimeDefault" in str(own.get("seccompProfile")) + str(pod.get("seccompProfile")), name
            # Only the ingress listens on the node.
            assert name == "envoy" or not any("hostPort" in port for port in container.get("ports", [])), name
    assert seen >= 8


def test_the_applier_of_git_repositories_is_no_administrator(kubernetes_api: Kubernetes) -> None:
    roles = [item["roleRef"]["name"] for item in flux.objects(kubernetes_api.cluster.binary, "x") if "roleRef" in item]
    assert "flux-tenants" in roles
    assert "cluster-admin" not in roles


def test_images_move_to_a_registry_and_other_values_stay() -> None:
    pod = {"image": f"{OURS}local/redis:8", "args": [f"{OURS}x"], "env": [{"name": "A", "value": "b"}]}
    (moved,) = manifests.relocated([{"kind": "Pod", "spec": {"containers": [pod]}}], "registry.example/directory")
    assert moved["spec"]["containers"] == [{**pod, "image": "registry.example/directory/local/redis:8"}]
    (named,) = manifests.with_images([{"spec": pod}], [f"{OURS}local/redis:8.0"])
    assert named["spec"]["image"] == f"{OURS}local/redis:8.0"


@pytest.mark.parametrize("variant", ["base", "sentinel"])
def test_no_backend_file_holds_a_password_and_each_render_is_whole(kubernetes_api: Kubernetes, variant: str) -> None:
    folder = root() / "manifests" / "backends" / variant
    objects = manifests.parsed(kubernetes_api.cluster.kubectl("kustomize", str(folder)))
    assert not [item for item in objects if item["kind"] == "Secret"]
    names = {(item["kind"], item["metadata"]["name"]) for item in objects}
    assert {("Cluster", "directory-db"), ("Pooler", "directory-db-pooler"), ("StatefulSet", "directory-redis")} <= names
    pods = [item["spec"]["template"]["spec"] for item in objects if item["kind"] in {"StatefulSet", "Pooler"}]
    images = {container["image"] for pod in pods for container in pod["containers"]}
    images |= {item["spec"]["imageName"] for item in objects if item["kind"] == "Cluster"}
    assert {f"{LOCAL}/{name}:{VERSIONS[name]}" for name in ("postgresql", "pgbouncer", "redis")} < images
    redis = platform_spec("directory.localhost", "contour", "sentinel" if variant == "sentinel" else "base")["redis"]
    host = redis["sentinel"]["hosts"][0]["host"] if variant == "sentinel" else redis["host"]
    assert ("Service", host.split(".")[0]) in names


def test_redis_is_told_digests_of_its_clients_passwords() -> None:
    internal = {name: f"{name}-word" for name in redis_users.INTERNAL}
    files = redis_users.with_sentinel("admin-word", "discovery-word", internal)
    for name in ("users.acl", "sentinel-users.acl"):
        assert "-word" not in files[name]
        assert "user default off" in files[name]


@pytest.mark.parametrize(
    ("kind", "spec", "status", "reason"),
    [
        ("Deployment", {"replicas": 2}, {"observedGeneration": 1}, "not looked at yet"),
        ("Deployment", {"replicas": 2}, {"observedGeneration": 2, "replicas": 2}, "0 of 2 pods ready"),
        (
            "Deployment",
            {"replicas": 1},
            {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            None,
        ),
        # The old pod is still there beside the new one.
        (
            "Deployment",
            {"replicas": 1},
            {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
            "1 of 1 pods ready",
        ),
        ("Cluster", {"instances": 2}, {"readyInstances": 2, "phase": "Switchover in progress"}, "2 of 2: Switchover"),
        ("Cluster", {"instances": 2}, {"readyInstances": 2, "phase": "Cluster in healthy state"}, None),
        ("Certificate", {}, {"conditions": [{"type": "Ready", "status": "False", "message": "no CA"}]}, "no CA"),
        (
            "DirectoryTenant",
            {},
            {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]},
            "not looked at yet",
        ),
        ("ConfigMap", {}, {}, None),
    ],
)
def test_what_an_object_waits_for(kind: str, spec: Any, status: Any, reason: str | None) -> None:
    found = pending({"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status})
    assert (found or "").startswith(reason) if reason else found is None


def test_waiting_in_vain_says_for_what(kubernetes_api: Kubernetes) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "nobody-runs-this", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}},
        },
    }
    cluster = kubernetes_api.cluster
    cluster.apply([deployment])
    try:
        with pytest.raises(rollout.NotReady, match="Deployment default/nobody-runs-this"):
            rollout.wait(cluster, [deployment], 2, lambda _line: None)
    finally:
        cluster.kubectl("delete", "deployment", "nobody-runs-this", "--namespace=default")
