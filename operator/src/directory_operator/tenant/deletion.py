"""Taking a DirectoryTenant away: never more than its policy allows, never stuck without saying why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from directory_operator.conditions import Condition
from directory_operator.errors import DeletionRefused, NotReady, StepError
from directory_operator.events import EventText
from directory_operator.manifests import TENANT_FINALIZER, ObjectRef
from directory_operator.metrics import Metrics
from directory_operator.placement import Placement
from directory_operator.queue import Retry
from directory_operator.reasons import EventReason, Reason
from directory_operator.reconcile import Outcome, dismantle, retained
from directory_operator.release import kind_is_going
from directory_operator.steps import STEPS
from directory_operator.tenant.model import Tenant
from directory_operator.tenant.parse import parse_tenant
from directory_operator.tenant.store import Body
from directory_operator.tenant.writer import StatusWriter

SEAL_PATIENCE: Final = timedelta(seconds=30)
"""How long a deletion that keeps its data waits for a backend in which the tenant's access should be closed."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Deletes tenants that carry our finalizer."""

    writer: StatusWriter
    placement: Callable[[str], Placement]
    cluster_id: str
    metrics: Metrics

    async def run(self, key: str, body: Body) -> Retry | None:
        """Take the next step; the finalizer goes last."""
        if TENANT_FINALIZER not in body["metadata"].get("finalizers", []):
            return None
        try:
            farewell = await self._dismantle(await self._as_meant(body))
            await self._let_go(key, body)
        except StepError as error:
            return await self._blocked(key, body, error)
        await self.writer.recorder.record(body, farewell)  # afterwards, or a refused write would have it said twice
        self.metrics.deleted()
        return None

    async def _as_meant(self, body: Body) -> Body:
        """The object. Where its CRD is being deleted, nobody asked for this tenant's data to go: it is retained."""
        spec = body["spec"]
        if _keeps_everything(spec) or not await kind_is_going(self.writer.kube, "DirectoryTenant"):
            return body
        parts = {part: {**spec.get(part, {}), "deletionPolicy": "Retain"} for part in ("database", "storage")}
        return {**body, "spec": {**spec, **parts, "deletionPolicy": "Retain"}}

    async def _dismantle(self, body: Body) -> EventText:
        """Take away what the policy lets go; returns what to say of it, raises what is in the way."""
        if not (body.get("status") or {}).get("database"):
            # Identities are written before anything is made: none written, none made.
            return EventText(EventReason.DELETED, "nothing had been made for this tenant")
        try:
            placement = self.placement(body["spec"].get("platformRef", "default"))
        except StepError as error:
            return self._without_platform(body, error)
        tenant = parse_tenant(body, placement.platform, self.cluster_id)
        outcome = await dismantle(tenant, placement.systems)
        if not outcome.errors:
            return _farewell(tenant)
        if _only_seals_missing(tenant, outcome):
            return self._unsealed(body, outcome.errors[0])
        raise outcome.errors[0]

    def _without_platform(self, body: Body, error: StepError) -> EventText:
        if not _keeps_everything(body["spec"]):
            way_out = (
                "Deleting data needs the platform; to leave the data where it is, set spec.deletionPolicy to Retain."
            )
            raise DeletionRefused(error.reason, f"{error.message} {way_out}", error.tenant_retry) from error
        return self._unsealed(body, error, patience=error.reason is not Reason.PLATFORM_NOT_FOUND)

    def _unsealed(self, body: Body, error: StepError, *, patience: bool = True) -> EventText:
        """Let go of what is kept though it could not be closed: at once, or when patience is over."""
        left = _deleted_at(body) + SEAL_PATIENCE - self.writer.now()
        if patience and left > timedelta():
            raise DeletionRefused(error.reason, error.message, left.total_seconds()) from error
        message = f"kept, but not closed yet: {error.message} It is closed once that is mended."
        return EventText(EventReason.RELEASED_UNSEALED, message, "Warning")

    async def _blocked(self, key: str, body: Body, error: StepError) -> Retry:
        message = f"deletion waits: {error.message}"
        moving = isinstance(error, NotReady)  # a large bucket is being emptied, say
        decided = (
            Condition("Ready", "False", Reason.DELETING, message),
            Condition("Progressing", "True" if moving else "False", Reason.DELETING, message),
            Condition("DeletionBlocked", "False" if moving else "True", error.reason, message),
        )
        conditions = self.writer.conditions(body, decided, keep_others=True)
        await self.writer.write(key, body, {**(body.get("status") or {}), "conditions": conditions})
        return Retry(error.tenant_retry)

    async def _let_go(self, key: str, body: Body) -> None:
        """Take our finalizer off; those of others stay."""
        kube, ref = self.writer.kube, ObjectRef.of(body)
        fresh = await kube.get(ref)
        if fresh is None or fresh["metadata"]["uid"] != body["metadata"]["uid"]:
            return
        left = [each for each in fresh["metadata"].get("finalizers", []) if each != TENANT_FINALIZER]
        version = fresh["metadata"]["resourceVersion"]
        changed = await kube.set_finalizers(ref, resource_version=version, finalizers=left)
        if changed is not None:
            self.writer.store.update(key, changed)


def _keeps_everything(spec: Body) -> bool:
    policies = (spec.get(part, {}).get("deletionPolicy") for part in ("database", "storage"))
    return all((policy or spec.get("deletionPolicy", "Retain")) == "Retain" for policy in policies)


def _only_seals_missing(tenant: Tenant, outcome: Outcome) -> bool:
    """Whether all that failed is closing what is kept (and dropping a cache): the data is as the policy wants it."""
    failed = [report.step.system for report in outcome.reports if report.error]
    return _keeps_everything(tenant.spec.model_dump(by_alias=True)) and all(
        retained(tenant, system) or system == "redis" for system in failed
    )


def _deleted_at(body: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(body["metadata"]["deletionTimestamp"])


def _farewell(tenant: Tenant) -> EventText:
    kept = [step.owns for step in STEPS if retained(tenant, step.system)]
    if not kept:
        return EventText(EventReason.DELETED, "everything of this tenant was deleted, as its policy asks")
    names = f"role {tenant.names.login_role}, bucket {tenant.names.bucket}"
    message = f"kept and closed: {'; '.join(kept)} ({names}); apply the tenant again to have it back"
    return EventText(EventReason.RETAINED, message)
