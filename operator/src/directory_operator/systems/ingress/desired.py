"""The route of a tenant's hosts, Ingress or HTTPRoute, and the Service it leads to where that is the fleet. Pure."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from directory_operator.children import SERVICE_PORT, child_name, metadata, sealed
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.systems.ingress.http_route import API_VERSION, route_spec
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
        return [sealed(_route(tenant, tenant.hosts, Backend(child_name(tenant), SERVICE_PORT)))]
    endpoint = urlsplit(tenant.platform.spec.api.pooled_endpoint or "")
    if not endpoint.hostname:
        return None  # nothing to lead to: the workload step says so
    pool = Backend(pool_service_name(tenant), endpoint.port or (443 if endpoint.scheme == "https" else 80))
    # The Service first: a route that is led over must not lead to nothing even for a moment.
    return [sealed(_pool_service(tenant, endpoint.hostname, pool)), sealed(_route(tenant, tenant.spec.hosts, pool))]


def ingress_refs(tenant: Tenant) -> list[ObjectRef]:
    """Every object that `ingress_objects` may have made, the platform's kind of route first."""
    ingress = ObjectRef("networking.k8s.io/v1", "Ingress", child_name(tenant), tenant.namespace)
    routes = [ingress, http_route_ref(tenant)]
    if tenant.platform.spec.ingress.gateway_ref:
        routes.reverse()
    return [*routes, ObjectRef("v1", "Service", pool_service_name(tenant), tenant.namespace)]


def http_route_ref(tenant: Tenant) -> ObjectRef:
    """The tenant's HTTPRoute, on a platform that names a Gateway."""
    return ObjectRef(API_VERSION, "HTTPRoute", child_name(tenant), tenant.namespace)


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


def _route(tenant: Tenant, hosts: tuple[str, ...], backend: Backend) -> Manifest:
    gateway = tenant.platform.spec.ingress.gateway_ref
    if gateway is None:
        return _ingress(tenant, hosts, backend)
    own_metadata = _annotated(metadata(tenant, child_name(tenant)), _records(tenant, hosts))
    spec = route_spec(gateway, hosts, backend.service, backend.port)
    return {"apiVersion": API_VERSION, "kind": "HTTPRoute", "metadata": own_metadata, "spec": spec}


def _annotated(own_metadata: Manifest, annotations: dict[str, str]) -> Manifest:
    # The server drops an empty map, and wanting one would be a difference for ever.
    return {**own_metadata, "annotations": annotations} if annotations else own_metadata


def _records(tenant: Tenant, hosts: tuple[str, ...]) -> dict[str, str]:
    """Annotations that ask external-dns for a record of each host."""
    wanted = tenant.platform.spec.ingress.external_dns
    if wanted is None:
        return {}
    prefix = "external-dns.alpha.kubernetes.io"
    return {f"{prefix}/hostname": ",".join(hosts), f"{prefix}/ttl": str(wanted.ttl_seconds)}


def _ingress(tenant: Tenant, hosts: tuple[str, ...], backend: Backend) -> Manifest:
    issuer = tenant.platform.spec.ingress.cluster_issuer
    asks = issuer and tenant.certified_hosts and not tenant.spec.ingress.tls
    annotations = ({ISSUER_ANNOTATION: issuer} if issuer and asks else {}) | _records(tenant, hosts)
    own_metadata = _annotated(metadata(tenant, child_name(tenant)), annotations)
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
