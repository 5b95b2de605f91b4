"""metrics-server: CPU and memory of pods, for `kubectl top` and the HorizontalPodAutoscalers."""

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, read, use_image
from directory_local.addons.programs import METRICS_SERVER

_LABELS = {"k8s-app": "metrics-server"}


def objects() -> list[Changing]:
    base = modules.folder(METRICS_SERVER.home, METRICS_SERVER.module) / "manifests" / "base"
    manifests = read(*(base / f"{name}.yaml" for name in ("apiservice", "rbac", "service", "deployment")))
    for manifest in manifests:
        # The labels that the kustomization beside these files would add.
        manifest["metadata"]["labels"] = {**manifest["metadata"].get("labels", {}), **_LABELS}
    for service in by_kind(manifests, "Service"):
        service["spec"]["selector"] = _LABELS
    for deployment in by_kind(manifests, "Deployment"):
        deployment["spec"]["selector"] = {"matchLabels": _LABELS}
        deployment["spec"]["template"]["metadata"] = {"labels": _LABELS}
        (container,) = containers(deployment)
        use_image(container, METRICS_SERVER.reference)
        # Kubelets of one machine serve certificates that they signed themselves.
        container["args"] = [*container["args"], "--kubelet-insecure-tls"]
        container["resources"] = {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}}
        container["readinessProbe"]["initialDelaySeconds"] = 2
    return manifests
