"""What is done with one DirectoryTenant: deletion before any gate, the gates, the finalizer, the loop, the report."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from directory_operator.conditions import gated, reconciling, status_of, verdict
from directory_operator.errors import Conflict, ObjectRefused, StepError
from directory_operator.events import drift, update
from directory_operator.kube import NamespaceTerminating, ObjectConflict
from directory_operator.manifests import TENANT_FINALIZER, ObjectRef
from directory_operator.metrics import Metrics
from directory_operator.placement import Placement
from directory_operator.queue import Retry
from directory_operator.reconcile import Outcome, converge
from directory_operator.tenant.deletion import Deletion
from directory_operator.tenant.handover import handover_ends_in, in_handover, served
from directory_operator.tenant.model import Tenant
from directory_operator.tenant.parse import parse_tenant, refuse_platform_hosts
from directory_operator.tenant.status import identities
from directory_operator.tenant.store import Body, Claims
from directory_operator.tenant.writer import StatusWriter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TenantController:
    """Reconciles tenants by key."""

    writer: StatusWriter
    claims: Claims
    placement: Callable[[str], Placement]
    """Gives a platform by name, or raises why tenants can't be placed there."""
    pool_problem: Callable[[str], StepError | None]
    """Gives what keeps a platform's pooled API from serving."""
    closing: Callable[[str], StepError | None]
    """Gives why a platform takes nobody new."""
    deletion: Deletion
    metrics: Metrics
    cluster_id: str

    async def reconcile(self, key: str) -> Retry | None:
        """Bring one tenant closer to its spec; says when to come back if it isn't there."""
        body = self.writer.store.get(key)
        if body is None:
            return None
        try:
            try:
                if "deletionTimestamp" in body["metadata"]:
                    return await self.deletion.run(key, body)
                return await self._converge(key, body)
            except ObjectConflict:
                return Retry(0.1 if await self.writer.refresh(key, body) else None)
        except NamespaceTerminating:
            return Retry(2.0)  # our own deletion is on its way: the namespace's controller asks for it
        except StepError as error:
            logger.warning("reconcile not finished", extra={"tenant": key, "problem": error.message})
            return Retry(error.tenant_retry)

    async def _converge(self, key: str, body: Body) -> Retry | None:
        try:
            tenant, placement = self._placed(key, body)
        except StepError as error:
            return await self._gated(key, body, error)
        try:
            body = await self._with_finalizer(key, body)
        except ObjectRefused as error:
            return await self._gated(key, body, error)
        body = await self._announce(key, body, tenant)
        started = self.writer.now()
        outcome = await converge(tenant, placement.systems)
        reported = await self._report(key, body, tenant, outcome, placement.inputs)
        self.metrics.reconciled(outcome, (self.writer.now() - started).total_seconds())
        if outcome.errors:
            return Retry(outcome.retry_after)
        self.metrics.became_ready(body, self.writer.now())
        ends_in = handover_ends_in(reported, self.writer.now())
        return None if ends_in is None else Retry(ends_in)

    def _placed(self, key: str, body: Body) -> tuple[Tenant, Placement]:
        placement = self.placement(body["spec"].get("platformRef", "default"))
        tenant = parse_tenant(body, placement.platform, self.cluster_id)
        tenant = in_handover(tenant, body.get("status") or {}, self.writer.now())
        refuse_platform_hosts(tenant)
        if not _is_registered(body) and (rival := self.claims.rival(key)):
            elder, claim = rival
            raise Conflict(
                f"{claim} is claimed by the older DirectoryTenant {elder}: choose another, or delete that tenant"
            )
        if not _is_registered(body) and (last_call := self.closing(placement.platform.name)):
            raise last_call
        problem = self.pool_problem(placement.platform.name)
        new_to_the_pool = tenant.leaving == "Dedicated" or not tenant.applied_generation
        if problem and tenant.spec.tier == "Pooled" and new_to_the_pool:
            raise problem  # a tenant that it served before keeps its own conditions: its platform says what is wrong
        return tenant, placement

    async def _gated(self, key: str, body: Body, error: StepError) -> Retry:
        """Nothing was touched; say why."""
        conditions = self.writer.conditions(body, gated(error), keep_others=True)
        finished = {"observedGeneration": body["metadata"]["generation"], "conditions": conditions}
        await self.writer.write(key, body, {**(body.get("status") or {}), **finished})
        return Retry(error.tenant_retry)

    async def _with_finalizer(self, key: str, body: Body) -> Body:
        finalizers = body["metadata"].get("finalizers", [])
        if TENANT_FINALIZER in finalizers:
            return body
        version = body["metadata"]["resourceVersion"]
        changed = await self.writer.kube.set_finalizers(
            ObjectRef.of(body), resource_version=version, finalizers=[*finalizers, TENANT_FINALIZER]
        )
        if changed is None:
            raise ObjectConflict(key)
        self.writer.store.update(key, changed)
        return changed

    async def _announce(self, key: str, body: Body, tenant: Tenant) -> Body:
        """Before the first side effect of a generation: what will be owned, and that work is under way."""
        status = body.get("status") or {}
        seen = {status.get("observedGeneration")} | {
            each["observedGeneration"] for each in status.get("conditions", [])
        }
        if tenant.generation in seen and identities(tenant).keys() <= status.keys():
            return body
        decided = reconciling(f"generation {tenant.generation} is being applied")
        conditions = self.writer.conditions(body, decided, keep_others=True)
        return await self.writer.write(key, body, {**status, **identities(tenant), "conditions": conditions})

    async def _report(self, key: str, body: Body, tenant: Tenant, outcome: Outcome, inputs: str) -> dict[str, Any]:
        steps = [report.condition for report in outcome.reports]
        state = verdict(steps, terminal=outcome.terminal, url=tenant.url)
        before = body.get("status") or {}
        status: dict[str, Any] = {
            **identities(tenant),
            **served(tenant, before, self.writer.now(), routed=outcome.works("workload", "ingress")),
            "observedGeneration": tenant.generation,
            "conditions": self.writer.conditions(body, (state.ready, state.progressing, state.stalled, *steps)),
        }
        if applied := tenant.applied_generation if outcome.errors else tenant.generation:
            status["lastAppliedGeneration"] = applied
        inputs += f"+{tenant.leaving}" if tenant.leaving else ""
        if known := before.get("lastAppliedInputs") if outcome.errors else inputs:
            status["lastAppliedInputs"] = known
        if tenant.applied_generation == tenant.generation and outcome.drift:
            await self._told(body, outcome, expected=before.get("lastAppliedInputs") != inputs)
        await self.writer.write(key, body, status)
        return status

    async def _told(self, body: Body, outcome: Outcome, *, expected: bool) -> None:
        """Say what was changed though the spec was not: drift, unless the platform or the operator is another."""
        await self.writer.recorder.record(body, update(outcome.drift) if expected else drift(outcome.drift))
        if not expected:
            self.metrics.drifted(outcome)


def _is_registered(body: Body) -> bool:
    """Whether the registry has taken its claims already: an elder tenant that asks for the same now comes too late."""
    status = body.get("status") or {}
    registered = status_of(status.get("conditions", []), "DatabaseReady") == "True"
    return registered or bool(status.get("lastAppliedGeneration"))
