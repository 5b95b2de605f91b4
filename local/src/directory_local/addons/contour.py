"""Contour and Envoy: Ingress and Gateway API. Envoy's image is ours, its certificates are cert-manager's."""

import hashlib

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, read, restrict, use_image
from directory_local.addons.programs import CONTOUR

NAMESPACE = "projectcontour"
CLASS = "contour"
_FILES = (
    *("00-common", "01-contour-config", "01-crds", "02-rbac", "02-role-contour", "02-service-contour"),
    *("02-service-envoy", "03-contour", "03-envoy"),
)
_CONFIGURATION = """\
# Pooled tenants' own hosts lead to the fleet in another namespace, by a Service of type ExternalName.
enableExternalNameService: true
accesslog-format: json
# Beside Ingresses, the routes of one Gateway.
gateway:
  gatewayRef: {name: directory, namespace: projectcontour}
"""


def objects(envoy: str, base_domain: str, issuer: str) -> list[Changing]:
    """`envoy` is the image of Envoy; `issuer` the ClusterIssuer of the Gateway's certificate for the base domain."""
    examples = modules.folder(CONTOUR.home, CONTOUR.module) / "examples" / "contour"
    manifests = read(*(examples / f"{name}.yaml" for name in _FILES), examples.parent / "gateway" / "00-crds.yaml")
    for configuration in by_kind(manifests, "ConfigMap"):
        configuration["data"]["contour.yaml"] = _CONFIGURATION
    for service in by_kind(manifests, "Service", "envoy"):
        # Reached through the node's ports 80 and 443: nobody here gives out addresses of load balancers.
        service["spec"]["type"] = "ClusterIP"
        service["spec"].pop("externalTrafficPolicy")
    for workload in (*by_kind(manifests, "Deployment"), *by_kind(manifests, "DaemonSet")):
        _adapt(workload, envoy)
    return [*manifests, _ingress_class(), *_certificates(), *_gateway(base_domain, issuer)]


def _adapt(workload: Changing, envoy: str) -> None:
    if workload["kind"] == "Deployment":
        workload["spec"]["replicas"] = 1
    for container in containers(workload):
        use_image(container, envoy if container["name"] == "envoy" else CONTOUR.reference)
        if container["name"] != "envoy-initconfig":
            container["resources"] = _resources(container["name"])
    restrict(workload)
    # Contour reads its configuration when it starts.
    digest = hashlib.sha256(_CONFIGURATION.encode()).hexdigest()[:16]
    workload["spec"]["template"]["metadata"]["annotations"] = {"companydirectory.io/configuration": digest}


def _resources(container: str) -> Changing:
    memory = {"envoy": "512Mi"}.get(container, "192Mi")
    return {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": memory}}


def _ingress_class() -> Changing:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": CLASS},
        "spec": {"controller": "projectcontour.io/ingress-controller"},
    }


def _certificates() -> list[Changing]:
    """What Contour and Envoy know each other by: an authority of their own, so that no other certificate lets in."""
    authority = {"isCA": True, "commonName": "contour", "secretName": "contour-authority"}
    return [
        _issued("Issuer", "contour-self-signed", {"selfSigned": {}}),
        _issued("Certificate", "contour-authority", {**authority, "issuerRef": {"name": "contour-self-signed"}}),
        _issued("Issuer", "contour-authority", {"ca": {"secretName": "contour-authority"}}),
        *(
            _issued(
                "Certificate",
                f"{name}cert",
                {
                    "secretName": f"{name}cert",
                    "dnsNames": [name, f"{name}.{NAMESPACE}", f"{name}.{NAMESPACE}.svc.cluster.local"],
                    "usages": ["server auth", "client auth", "digital signature", "key encipherment"],
                    "issuerRef": {"name": "contour-authority"},
                },
            )
            for name in ("contour", "envoy")
        ),
    ]


def _gateway(base_domain: str, issuer: str) -> list[Changing]:
    """The Gateway that DirectoryPlatforms may name: plain HTTP, and HTTPS for the base domain's hosts."""
    secret, hosts = "directory-wildcard-tls", f"*.{base_domain}"
    group, everywhere = "gateway.networking.k8s.io/v1", {"namespaces": {"from": "All"}}
    secure = {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": secret}]}
    plain: Changing = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": everywhere}
    https = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": hosts, "allowedRoutes": everywhere}
    issued = {"secretName": secret, "dnsNames": [hosts], "issuerRef": {"name": issuer, "kind": "ClusterIssuer"}}
    return [
        _issued("Certificate", "directory-wildcard", issued),
        {
            "apiVersion": group,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": group,
            "kind": "Gateway",
            "metadata": {"name": "directory", "namespace": NAMESPACE},
            "spec": {"gatewayClassName": CLASS, "listeners": [plain, {**https, "tls": secure}]},
        },
    ]


def _issued(kind: str, name: str, spec: Changing) -> Changing:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
