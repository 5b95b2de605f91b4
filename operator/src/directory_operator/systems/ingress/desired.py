"""The Ingress of a tenant's hosts, and the Service it leads to where that is the pooled fleet. Pure."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from directory_operator.children import SERVICE_PORT, child_name, metadata, sealed
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.tenant.model import Tenant

ISSUER_ANNOTATION: Final = "cert-manager.io/cluster-issuer"


@dataclass(frozen=True, slots=True)
class Backend:
    """Service, in the tenant's namespace, and port that requests go to."""

    service: str
    port: int


def ingress_objects(tenant: Tenant) -> list[Manifest] | None:
    """The tenant's own route; None for a Pooled tenant without custom hosts: the platform's wildcard route has it."""
    pooled = tenant.spec.tier == "Pooled"
    if pooled and not tenant.spec.hosts:
        return None
    if not pooled:
        return [sealed(_ingress(tenant, tenant.hosts, Backend(child_name(tenant), SERVICE_PORT)))]
    endpoint = urlsplit(tenant.platform.spec.api.pooled_endpoint or "")
    if not endpoint.hostname:
        return None  # nothing to lead to: the workload step says so
    pool = Backend(pool_service_name(tenant), endpoint.port or (443 if endpoint.scheme == "https" else 80))
    # The Service first: a route that is led over must not lead to nothing even for a moment.
    return [sealed(_pool_service(tenant, endpoint.hostname, pool)), sealed(_ingress(tenant, tenant.spec.hosts, pool))]


def ingress_refs(tenant: Tenant) -> list[ObjectRef]:
    """Every object that `ingress_objects` may have made, the route first."""
    return [
        ObjectRef("networking.k8s.io/v1", "Ingress", child_name(tenant), tenant.namespace),
        ObjectRef("v1", "Service", pool_service_name(tenant), tenant.namespace),
    ]


def pool_service_name(tenant: Tenant) -> str:
    """The Service that stands for the pooled fleet in the tenant's namespace."""
    return f"{child_name(tenant)}-pool"


def certificate_secret(tenant: Tenant) -> str | None:
    """Secret with the certificate of the tenant's own: one that it brings, else the one that cert-manager fills.

    None where neither is to be had.
    """
    if tenant.spec.ingress.tls:
        return tenant.spec.ingress.tls.secret_name
    return f"{child_name(tenant)}-tls" if tenant.platform.spec.ingress.cluster_issuer else None


def _ingress(tenant: Tenant, hosts: tuple[str, ...], backend: Backend) -> Manifest:
    own_metadata = metadata(tenant, child_name(tenant))
    issuer = tenant.platform.spec.ingress.cluster_issuer
    if issuer and tenant.certified_hosts and not tenant.spec.ingress.tls:
        own_metadata["annotations"] = {ISSUER_ANNOTATION: issuer}
    service = {"name": backend.service, "port": {"number": backend.port}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": service}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": own_metadata,
        "spec": {
            "ingressClassName": tenant.platform.spec.ingress.class_name,
            "tls": _tls(tenant, hosts),
            "rules": [{"host": host, "http": {"paths": paths}} for host in hosts],
        },
    }


def _tls(tenant: Tenant, hosts: tuple[str, ...]) -> list[Manifest]:
    certified = tenant.certified_hosts
    entries: list[Manifest] = []
    if wildcard := [host for host in hosts if host not in certified]:
        # No Secret: the controller's default certificate is the wildcard one of the base domain.
        entries.append({"hosts": wildcard})
    if certified:
        entries.append({"hosts": list(certified), "secretName": certificate_secret(tenant)})
    return entries


def _pool_service(tenant: Tenant, hostname: str, pool: Backend) -> Manifest:
    """An Ingress reaches Services of its own namespace only, and the fleet runs in another."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(tenant, pool.service),
        "spec": {
            "type": "ExternalName",
            "externalName": hostname,
            "ports": [{"name": "http", "port": pool.port, "protocol": "TCP"}],
        },
    }
