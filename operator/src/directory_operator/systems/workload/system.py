"""A Dedicated tenant's ServiceAccount, Deployment, Service, autoscaler, disruption budget and NetworkPolicy."""

from collections.abc import Mapping, Sequence
from typing import Final

from directory_operator.children import ChildChange
from directory_operator.errors import NotReady, SpecRejected
from directory_operator.kube import Kube
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.reasons import Reason
from directory_operator.systems.objects import carry_out, live_objects
from directory_operator.systems.workload.desired import deployment_ref, workload, workload_refs
from directory_operator.systems.workload.fleet import fleet_problem
from directory_operator.systems.workload.plan import plan, unavailability
from directory_operator.systems.workload.pod import pod_labels
from directory_operator.tenant.model import Tenant

_FLEET_POLL: Final = 1.0  # second: for so long a process of the fleet remembers that it knew nobody of this host
_ROLLOUT_POLL: Final = 15.0  # seconds; the Deployment's own events come sooner


class PoolMissing(SpecRejected):
    """A Pooled tenant on a platform without a pooled fleet."""

    reason = Reason.POOL_UNAVAILABLE
    retry_after = 60.0  # the platform may get one; nothing in the tenant's spec would tell


class WorkloadSystem:
    """What serves a Dedicated tenant. A Pooled one is served by the platform's fleet and has nothing here."""

    def __init__(self, *, kube: Kube) -> None:
        self._kube = kube

    def desired(self, tenant: Tenant) -> list[Manifest] | None:
        """The objects, or None for a Pooled tenant."""
        return workload(tenant) if tenant.spec.tier == "Dedicated" else None

    async def observe(self, tenant: Tenant) -> dict[ObjectRef, Manifest]:
        """The objects that exist."""
        return await live_objects(self._kube, workload_refs(tenant), expected=tenant.spec.tier == "Dedicated")

    def plan(
        self, tenant: Tenant, desired: Sequence[Manifest] | None, observed: Mapping[ObjectRef, Manifest]
    ) -> list[ChildChange]:
        """What to apply or delete. Pods that a tenant is being led away from stay as they are."""
        return [] if desired is None and tenant.leaving == "Dedicated" else plan(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: ChildChange) -> None:
        """Apply or delete one object."""
        await carry_out(self._kube, change)

    def enrich(self, tenant: Tenant, observed: Mapping[ObjectRef, Manifest]) -> Tenant:
        """Nothing that later steps need."""
        return tenant

    async def check(self, tenant: Tenant) -> str:
        """Raise while nothing serves the tenant."""
        if tenant.spec.tier == "Dedicated":
            await self._check_deployment(tenant)
            return ""
        endpoint = tenant.platform.spec.api.pooled_endpoint
        if not endpoint:
            raise PoolMissing(
                "spec.tier",
                f"DirectoryPlatform {tenant.platform.name} has no spec.api.pooledEndpoint and so no fleet for Pooled "
                "tenants: give it one, or set spec.tier to Dedicated.",
            )
        if tenant.leaving and (problem := await fleet_problem(endpoint, tenant.names.host)):
            raise NotReady(
                f"the pooled API at {endpoint} does not serve {tenant.names.host} yet: {problem}",
                Reason.POOL_UNAVAILABLE,
                _FLEET_POLL,
            )
        return ""

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Nothing: what serves a tenant holds none of its data and is removed whatever the policy says."""

    async def _check_deployment(self, tenant: Tenant) -> None:
        ref = deployment_ref(tenant)
        deployment = await self._kube.get(ref)
        problem = unavailability(deployment) if deployment else "it is gone"
        if problem:
            selector = ",".join(f"{key}={value}" for key, value in pod_labels(tenant).items())
            raise NotReady(
                f"{ref}: {problem}. See kubectl describe pods --namespace {tenant.namespace} --selector {selector}",
                Reason.WORKLOAD_UNAVAILABLE,
                _ROLLOUT_POLL,
            )
