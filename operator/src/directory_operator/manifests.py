"""Kubernetes objects as plain data, as the API server speaks them: what they are called and where they are found."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

Manifest = dict[str, Any]

GROUP: Final = "companydirectory.io"
API_VERSION: Final = f"{GROUP}/v1beta1"
FIELD_MANAGER: Final = "directory-operator"
TENANT_FINALIZER: Final = f"{GROUP}/tenant"
PLATFORM_FINALIZER: Final = f"{GROUP}/platform"
FINALIZERS: Final = frozenset({TENANT_FINALIZER, PLATFORM_FINALIZER})

_PLURALS: Final = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("v1", "Namespace"): "namespaces",
    ("v1", "Event"): "events",
    ("apps/v1", "Deployment"): "deployments",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "horizontalpodautoscalers",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    ("networking.k8s.io/v1", "Ingress"): "ingresses",
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): "httproutes",
    (API_VERSION, "DirectoryTenant"): "directorytenants",
    (API_VERSION, "DirectoryPlatform"): "directoryplatforms",
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): "customresourcedefinitions",
}


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Which object is meant."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> "ObjectRef":
        """The reference of an object at hand."""
        metadata = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))

    @property
    def path(self) -> str:
        """Path on the API server."""
        return f"{collection_path(self.api_version, self.kind, self.namespace)}/{quote(self.name)}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def collection_path(api_version: str, kind: str, namespace: str | None) -> str:
    """Path of all objects of a kind, in one namespace or in all."""
    root = "/api/" if "/" not in api_version else "/apis/"
    scope = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{root}{api_version}{scope}/{_PLURALS[(api_version, kind)]}"
