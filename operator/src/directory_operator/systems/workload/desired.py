"""The objects that serve a Dedicated tenant, in the order in which they are made. Pure."""

from directory_operator.children import SERVICE_PORT, child_name, metadata, sealed
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.systems.workload.network import network_policy
from directory_operator.systems.workload.pod import CA_KEY, ca_name, pod_labels, pod_template
from directory_operator.tenant.model import Tenant


def workload(tenant: Tenant) -> list[Manifest]:
    """Everything but the two Secrets. Objects that others need come first."""
    objects = [service_account(tenant)]
    if tenant.platform.ca_bundle:
        objects.append(authorities(tenant))
    objects += [network_policy(tenant), service(tenant), deployment(tenant), autoscaler(tenant), disruption(tenant)]
    return [sealed(each) for each in objects]


def workload_refs(tenant: Tenant) -> list[ObjectRef]:
    """Every object that `workload` may have made, in that order."""
    kinds = (
        ("v1", "ServiceAccount", child_name(tenant)),
        ("v1", "ConfigMap", ca_name(tenant)),
        ("networking.k8s.io/v1", "NetworkPolicy", child_name(tenant)),
        ("v1", "Service", child_name(tenant)),
        ("apps/v1", "Deployment", child_name(tenant)),
        ("autoscaling/v2", "HorizontalPodAutoscaler", child_name(tenant)),
        ("policy/v1", "PodDisruptionBudget", child_name(tenant)),
    )
    return [ObjectRef(version, kind, name, tenant.namespace) for version, kind, name in kinds]


def deployment_ref(tenant: Tenant) -> ObjectRef:
    """The tenant's Deployment."""
    return ObjectRef("apps/v1", "Deployment", child_name(tenant), tenant.namespace)


def service_account(tenant: Tenant) -> Manifest:
    """An identity without rights, so that the pods don't run as the namespace's default one."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(tenant, child_name(tenant)),
        "automountServiceAccountToken": False,
    }


def authorities(tenant: Tenant) -> Manifest:
    """The certificate authorities of the backends: pods can't mount what lies in the operator's namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(tenant, ca_name(tenant)),
        "data": {CA_KEY: tenant.platform.ca_bundle},
    }


def service(tenant: Tenant) -> Manifest:
    """The stable address of the pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(tenant, child_name(tenant)),
        "spec": {
            "type": "ClusterIP",
            "selector": pod_labels(tenant),
            "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def deployment(tenant: Tenant) -> Manifest:
    """The API. `replicas` is left out: it is the autoscaler's."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(tenant, child_name(tenant)),
        "spec": {
            "selector": {"matchLabels": pod_labels(tenant)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 300,
            "template": pod_template(tenant),
        },
    }


def autoscaler(tenant: Tenant) -> Manifest:
    """How many pods run. Up at once, down slowly: a pod too many costs less than one too few."""
    autoscaling = tenant.spec.api.autoscaling
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(tenant, child_name(tenant)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": child_name(tenant)},
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": _metrics(tenant),
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 15},
                        {"type": "Pods", "value": 2, "periodSeconds": 15},
                    ],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 180,
                    "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
                },
            },
        },
    }


def _metrics(tenant: Tenant) -> list[Manifest]:
    """CPU and, where somebody serves that metric, requests in flight: waiting for a backend burns no CPU."""
    autoscaling = tenant.spec.api.autoscaling
    cpu = {"type": "Utilization", "averageUtilization": autoscaling.target_cpu_utilization_percentage}
    metrics: list[Manifest] = [{"type": "Resource", "resource": {"name": "cpu", "target": cpu}}]
    if name := tenant.platform.spec.api.in_flight_metric:
        in_flight = {"type": "AverageValue", "averageValue": str(autoscaling.target_requests_in_flight)}
        metrics.append({"type": "Pods", "pods": {"metric": {"name": name}, "target": in_flight}})
    return metrics


def disruption(tenant: Tenant) -> Manifest:
    """How many pods a node's drain may take at a time; pods that don't work anyway never hold one up."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(tenant, child_name(tenant)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": pod_labels(tenant)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
