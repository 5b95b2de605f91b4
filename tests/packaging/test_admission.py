"""A real API server takes every object, in namespaces that admit restricted pods alone, and has nothing to warn of."""

import json
import subprocess
from typing import Any

import pytest
import yaml

from directory_local.cluster import Cluster
from scripts.packaging.chart import NAMESPACE, Document, render
from scripts.packaging.overlays import ENVIRONMENTS
from tests.packaging.conftest import REPOSITORY, with_platform

EVERYTHING: dict[str, Any] = {
    **with_platform(ingress={"clusterIssuer": "letsencrypt"}),
    "imagePullSecrets": [{"name": "registry"}],
    "commonLabels": {"team": "directory"},
    "commonAnnotations": {"example.com/contact": "directory@example.com"},
    "bootstrap": {"enabled": True, "image": {"repository": "registry.example/postgresql", "tag": "18"}},
    "operator": {
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/operator"}},
        "podLabels": {"azure.workload.identity/use": "true"},
        "podAnnotations": {"example.com/note": "operator"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
    "pool": {
        "autoscaling": {
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}},
            "extraMetrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
        "podDisruptionBudget": {"maxUnavailable": "10%"},
        "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}],
    },
    "route": {"annotations": {"example.com/rate-limit": "100"}, "certificate": {"enabled": True}},
    "networkPolicy": {
        "kubernetesApi": [{"cidr": "192.0.2.1/32", "ports": [6443]}],
        "metricsClients": [{"namespace": "monitoring"}],
        "otherBackends": [{"cidr": "198.51.100.0/24", "ports": [5432]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}
GATEWAY: dict[str, Any] = with_platform(ingress={"gatewayRef": {"name": "public", "namespace": "gateways"}})


@pytest.fixture(params=[*ENVIRONMENTS, "everything", "gateway"], name="documents")
def _documents(request: pytest.FixtureRequest, helm: Any, rendered: Any) -> list[Document]:
    if request.param in ENVIRONMENTS:
        files = [REPOSITORY / "charts/company-directory/examples" / f"{name}.yaml" for name in ("base", request.param)]
        return render(helm, *files)
    documents: list[Document] = rendered(EVERYTHING if request.param == "everything" else GATEWAY)
    return documents


def dry_run(cluster: Cluster, objects: list[Any]) -> str:
    """What the API server says against them, and what it warns of."""
    done = subprocess.run(
        [str(cluster.binary), "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"],
        env=cluster.client_environment(),
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def pods(documents: list[Document]) -> list[Any]:
    """Every pod that the objects would make: admission refuses pods, and only warns of what makes them."""
    found = []
    for each in (document.object for document in documents):
        if each["kind"] == "Pod":
            found.append(each)
        elif template := each.get("spec", {}).get("template"):
            metadata = {**template["metadata"], "name": each["metadata"]["name"], "namespace": NAMESPACE}
            found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return found


def with_default_account(pod: Any) -> Any:
    """The pod with an account that is there: a dry run makes none, and admission looks for it."""
    return {**pod, "spec": {**pod["spec"], "serviceAccountName": "default"}}


def test_every_object_is_taken_without_a_warning(api_server: Cluster, documents: list[Document]) -> None:
    # Pods have a test of their own.
    assert dry_run(api_server, [each.object for each in documents if each.object["kind"] != "Pod"]) == ""


def test_every_pod_is_admitted_where_pods_have_to_be_restricted(api_server: Cluster, documents: list[Document]) -> None:
    templates = [with_default_account(pod) for pod in pods(documents)]
    assert len(templates) >= 6
    assert dry_run(api_server, templates) == ""


def test_a_pod_that_is_not_restricted_is_refused(api_server: Cluster, documents: list[Document]) -> None:
    pod = with_default_account(pods(documents)[0])
    del pod["spec"]["securityContext"]
    assert 'violates PodSecurity "restricted' in dry_run(api_server, [pod])


def test_no_object_of_a_namespace_is_left_without_one(documents: list[Document]) -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "DirectoryPlatform"}
    lost = [
        each["kind"]
        for each in (document.object for document in documents)
        if (each["kind"] in cluster_wide) == ("namespace" in each["metadata"])
    ]
    assert lost == []


def test_every_container_says_what_it_needs(documents: list[Document]) -> None:
    for pod in pods(documents):
        for container in pod["spec"]["containers"]:
            assert set(container["resources"]) == {"requests", "limits"}
            assert "memory" in container["resources"]["limits"]


def test_the_values_that_users_expect_arrive(rendered: Any) -> None:
    documents = rendered(EVERYTHING)
    for pod in pods(documents):
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert pod["metadata"]["labels"]["team"] == "directory" or pod["metadata"]["name"] == "default-test"
    for each in (document.object for document in documents):
        assert each["metadata"]["labels"]["team"] == "directory"
        assert each["metadata"]["annotations"]["example.com/contact"] == "directory@example.com"
    (operator,) = [pod for pod in pods(documents) if pod["metadata"]["name"] == "directory-operator"]
    assert {"nodeSelector", "tolerations", "affinity", "priorityClassName"} <= set(operator["spec"])
    assert operator["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert operator["metadata"]["annotations"] == {"example.com/note": "operator"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"} in operator["spec"]["containers"][0]["env"]


def test_the_bootstrap_runs_the_script_of_the_repository(rendered: Any) -> None:
    (config,) = [
        each.object
        for each in rendered(EVERYTHING)
        if each.object["metadata"]["name"] == "default-bootstrap" and each.object["kind"] == "ConfigMap"
    ]
    script = (REPOSITORY / "infrastructure" / "database" / "bootstrap.sql").read_text()
    assert config["data"]["bootstrap.sql"].strip() == script.strip()


def test_hooks_run_in_their_order(rendered: Any) -> None:
    def weights(event: str) -> list[str]:
        hooks = [
            (int(each["metadata"]["annotations"]["helm.sh/hook-weight"]), each["metadata"]["name"])
            for each in (document.object for document in rendered(EVERYTHING))
            if event in each["metadata"].get("annotations", {}).get("helm.sh/hook", "") and each["kind"] == "Job"
        ]
        return [name for _, name in sorted(hooks)]

    assert weights("pre-install") == ["default-bootstrap", "default-migrate"]
    assert weights("pre-upgrade") == ["directory-crds", "default-bootstrap", "default-migrate"]
    assert weights("pre-delete") == ["directory-release"]


def test_hooks_leave_nothing_behind_when_they_succeeded(rendered: Any) -> None:
    for each in (document.object for document in rendered(EVERYTHING)):
        annotations = each["metadata"].get("annotations", {})
        if "helm.sh/hook" in annotations:
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


def test_the_crds_of_the_upgrade_are_those_of_the_repository(rendered: Any) -> None:
    (config,) = [
        each.object
        for each in rendered(with_platform())
        if (each.object["kind"], each.object["metadata"]["name"]) == ("ConfigMap", "directory-crds")
    ]
    brought = {name.removesuffix(".json"): json.loads(text) for name, text in config["data"].items()}
    assert brought == {path.stem: yaml.safe_load(path.read_text()) for path in (REPOSITORY / "crds").glob("*.yaml")}
