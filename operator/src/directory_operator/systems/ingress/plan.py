"""Differences of a tenant's route. Pure."""

from collections.abc import Mapping, Sequence

from directory_operator.children import ChildChange, plan_children
from directory_operator.errors import SpecRejected
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.systems.ingress.desired import certificate_secret
from directory_operator.tenant.model import Tenant


def plan(
    tenant: Tenant, desired: Sequence[Manifest] | None, observed: Mapping[ObjectRef, Manifest]
) -> list[ChildChange]:
    """What brings the route about, or takes it away for None."""
    if desired is not None:
        _require_certificate_source(tenant)
    return plan_children(tenant, desired or (), observed)


def _require_certificate_source(tenant: Tenant) -> None:
    """Custom hosts without a certificate would be served with one that browsers refuse. A Gateway has its own."""
    if tenant.platform.spec.ingress.gateway_ref:
        if tenant.spec.ingress.tls:
            raise SpecRejected(
                "spec.ingress.tls",
                f"DirectoryPlatform {tenant.platform.name} serves by a Gateway, whose listeners hold the certificates: "
                "have one added there for these hosts, and remove this.",
            )
        return
    if tenant.spec.hosts and certificate_secret(tenant) is None:
        raise SpecRejected(
            "spec.ingress.tls",
            f"{', '.join(tenant.spec.hosts)} need a certificate, and DirectoryPlatform {tenant.platform.name} has no "
            "clusterIssuer to get one from: name a Secret of type kubernetes.io/tls in spec.ingress.tls.secretName.",
        )
