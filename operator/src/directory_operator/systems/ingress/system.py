"""A tenant's Ingress or HTTPRoute and, for custom hosts of Pooled tenants, the Service that stands for the fleet."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from directory_operator.children import ChildChange
from directory_operator.errors import NotReady
from directory_operator.kube import Kube
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.ingress.certificate import certificate_problem
from directory_operator.systems.ingress.desired import (
    certificate_secret,
    http_route_ref,
    ingress_objects,
    ingress_refs,
)
from directory_operator.systems.ingress.http_route import route_problem
from directory_operator.systems.ingress.plan import plan
from directory_operator.systems.objects import carry_out, live_objects
from directory_operator.tenant.model import Tenant

_ROUTE_POLL: Final = 3.0  # seconds: its status is no child's that we watch
_CERTIFICATE_POLL: Final = 15.0  # seconds: the Secret is not ours, so nothing tells when it appears


class IngressSystem:
    """How the tenant is reached. A Gateway says whether it took the route; of an Ingress not every controller does."""

    def __init__(self, *, kube: Kube, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._now = now

    def desired(self, tenant: Tenant) -> list[Manifest] | None:
        """The objects, or None where the platform's wildcard route has every host of the tenant."""
        return ingress_objects(tenant)

    async def observe(self, tenant: Tenant) -> dict[ObjectRef, Manifest]:
        """The objects that exist. After a change of spec all are looked for: the last one may have made any of them."""
        expected = ingress_objects(tenant) is not None or tenant.applied_generation < tenant.generation
        return await live_objects(self._kube, ingress_refs(tenant), expected=expected)

    def plan(
        self, tenant: Tenant, desired: Sequence[Manifest] | None, observed: Mapping[ObjectRef, Manifest]
    ) -> list[ChildChange]:
        """What to apply or delete."""
        return plan(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: ChildChange) -> None:
        """Apply or delete one object."""
        await carry_out(self._kube, change)

    def enrich(self, tenant: Tenant, observed: Mapping[ObjectRef, Manifest]) -> Tenant:
        """Nothing that later steps need."""
        return tenant

    async def check(self, tenant: Tenant) -> str:
        """Raise while the Gateway does not take the route, or hosts have no certificate that serves them."""
        if tenant.platform.spec.ingress.gateway_ref:
            await self._check_route(tenant)
            return ""
        name = certificate_secret(tenant)
        if not tenant.certified_hosts or name is None:
            return ""
        secret = await self._kube.get(ObjectRef("v1", "Secret", name, tenant.namespace))
        problem = (
            "does not exist" if secret is None else certificate_problem(secret, tenant.certified_hosts, self._now())
        )
        if problem:
            raise NotReady(
                f"Secret {tenant.namespace}/{name} {problem}; {_remedy(tenant, name)}.",
                Reason.CERTIFICATE_MISSING,
                _CERTIFICATE_POLL,
            )
        return ""

    async def _check_route(self, tenant: Tenant) -> None:
        if ingress_objects(tenant) is None:
            return
        ref = http_route_ref(tenant)
        route = await self._kube.get(ref)
        if problem := route_problem(route) if route else "it is gone":
            raise NotReady(f"{ref}: {problem}.", Reason.ROUTE_NOT_ACCEPTED, _ROUTE_POLL)

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Nothing: a route holds no data and is removed whatever the policy says."""


def _remedy(tenant: Tenant, name: str) -> str:
    if tenant.spec.ingress.tls:
        return f"put a certificate for {', '.join(tenant.certified_hosts)} there (spec.ingress.tls.secretName)"
    issuer = tenant.platform.spec.ingress.cluster_issuer
    return f"cert-manager's ClusterIssuer {issuer} fills it: see kubectl describe certificate {name}"
