"""Prometheus, and the adapter that lets HorizontalPodAutoscalers ask it how many requests a pod has in flight."""

import json

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, read, restrict, use_image
from directory_local.addons.programs import PROMETHEUS, PROMETHEUS_ADAPTER
from directory_local.repository import root

NAMESPACE = "monitoring"
IN_FLIGHT = "directory_api_requests_in_flight"
_FILES = (
    *("service-account", "cluster-role", "cluster-role-binding", "cluster-role-binding-delegator", "config-map"),
    *("role-binding-auth-reader", "cluster-role-binding-hpa-custom-metrics", "service", "deployment"),
)
_RULE = {
    "seriesQuery": f'{IN_FLIGHT}{{namespace!="",pod!=""}}',
    "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
    # Two scrapes' worth: one request more or less says nothing.
    "metricsQuery": "sum(avg_over_time(<<.Series>>{<<.LabelMatchers>>}[15s])) by (<<.GroupBy>>)",
}


def objects() -> list[Changing]:
    prometheus = read(root() / "local" / "addons" / "prometheus" / "prometheus.yaml")
    for deployment in by_kind(prometheus, "Deployment"):
        containers(deployment)[0]["image"] = PROMETHEUS.reference
    return [*prometheus, *_adapter()]


def _adapter() -> list[Changing]:
    published = modules.folder(PROMETHEUS_ADAPTER.home, PROMETHEUS_ADAPTER.module) / "deploy" / "manifests"
    manifests = read(*(published / f"{name}.yaml" for name in _FILES))
    for configuration in by_kind(manifests, "ConfigMap"):
        # JSON is YAML. Pods' CPU and memory stay metrics-server's.
        configuration["data"]["config.yaml"] = json.dumps({"rules": [_RULE]})
    for binding in by_kind(manifests, "ClusterRoleBinding"):
        binding["metadata"].pop("namespace", None)
    for deployment in by_kind(manifests, "Deployment"):
        _adapt(deployment)
    return [*manifests, _reader(), *(_service_of(version) for version in ("v1beta1", "v1beta2"))]


def _adapt(deployment: Changing) -> None:
    deployment["spec"]["replicas"] = 1
    (container,) = containers(deployment)
    use_image(container, PROMETHEUS_ADAPTER.reference)
    told = {"--prometheus-url": f"http://prometheus.{NAMESPACE}.svc:9090/", "--metrics-relist-interval": "10s"}
    kept = [argument for argument in container["args"] if argument.split("=")[0] not in {*told, "--tls-cipher-suites"}]
    container["args"] = [*kept, *(f"{name}={value}" for name, value in told.items())]
    container["resources"] = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}}
    container["readinessProbe"]["initialDelaySeconds"] = 3
    restrict(deployment)


def _reader() -> Changing:
    """The role that the published binding gives to the autoscaler's controller, and that no published file makes."""
    rule = {"apiGroups": ["custom.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]}
    metadata = {"name": "custom-metrics-server-resources"}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": [rule]}


def _service_of(version: str) -> Changing:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.custom.metrics.k8s.io"},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": version,
            "service": {"name": "prometheus-adapter", "namespace": NAMESPACE},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 200 if version == "v1beta2" else 100,
        },
    }
