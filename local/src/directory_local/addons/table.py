"""THE table of add-ons: what each is, and whether a cluster already has it from somebody else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from directory_local.addons import cert_manager, cloudnative_pg, contour, flux, metrics_server, monitoring
from directory_local.addons.manifests import Changing
from directory_local.cluster import FIELD_MANAGER, Cluster


@dataclass(frozen=True, slots=True)
class Sources:
    """What manifests are rendered with."""

    helm: Path
    kubectl: Path
    base_domain: str
    issuer: str
    """The ClusterIssuer that certificates are asked of."""
    images: Mapping[str, str]
    """Reference of each image that is no Go program's, by its name."""


@dataclass(frozen=True, slots=True)
class Addon:
    """One add-on. `mark` is an object (kind, name) that every installation of it has, whoever made it."""

    name: str
    mark: tuple[str, str]
    objects: Callable[[Sources], list[Changing]]


FIRST = (
    Addon("metrics-server", ("apiservice", "v1beta1.metrics.k8s.io"), lambda _sources: metrics_server.objects()),
    Addon("cert-manager", ("crd", "certificates.cert-manager.io"), lambda sources: cert_manager.objects(sources.helm)),
    Addon("CloudNativePG", ("crd", "clusters.postgresql.cnpg.io"), lambda _sources: cloudnative_pg.objects()),
)
"""Those that need nothing of each other."""

SECOND = (
    Addon(
        "Contour",
        ("crd", "httpproxies.projectcontour.io"),
        lambda sources: contour.objects(sources.images["envoy"], sources.base_domain, sources.issuer),
    ),
)
"""Those whose certificates cert-manager issues."""

LAST = (
    Addon(
        "Flux",
        ("crd", "kustomizations.kustomize.toolkit.fluxcd.io"),
        lambda sources: flux.objects(sources.kubectl, sources.images["git"]),
    ),
)
"""Those that work with the platform, and are not worked with by it."""

WATCHING = Addon(
    "Prometheus and its adapter", ("apiservice", "v1beta2.custom.metrics.k8s.io"), lambda _sources: monitoring.objects()
)
"""For those who want to see figures, and scale on requests in flight."""


def is_elsewhere(addon: Addon, cluster: Cluster) -> bool:
    """True if the cluster has the add-on from somebody else, who then goes on keeping it."""
    found = cluster.find(*addon.mark)
    # kubectl leaves managedFields out of its output unless asked.
    if not found:
        return False
    kind, name = addon.mark
    managers = cluster.kubectl(
        "get", kind, name, "--show-managed-fields", "--output=jsonpath={.metadata.managedFields[*].manager}"
    )
    return FIELD_MANAGER not in managers.split()
