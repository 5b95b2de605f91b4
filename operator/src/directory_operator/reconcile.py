"""The one loop: observe, plan and apply every step of the table; backwards to take a tenant away.

It knows the System protocol only, so that it runs the same on real systems and on fakes. Create, update, resume, drift
and sweep are the same call.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from directory_operator.conditions import Condition
from directory_operator.errors import Interrupted, NotReady, StepError, Unexpected
from directory_operator.reasons import Reason
from directory_operator.steps import STEPS, Step, waves
from directory_operator.systems.protocol import Change, System, SystemName
from directory_operator.tenant.model import Tenant

logger = logging.getLogger(__name__)

Systems = Mapping[SystemName, System[Any, Any, Any]]

Result = TypeVar("Result")

_WAVES: Final = waves(STEPS)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What became of one step."""

    step: Step
    applied: tuple[Change, ...] = ()
    error: StepError | None = None
    waits_for: tuple[SystemName, ...] = ()
    remark: str = ""
    settled: bool = True
    """The plan is empty: what the step owns is as desired, whether or not it works yet."""

    @property
    def works(self) -> bool:
        """Nothing is left to do or to wait for."""
        return self.error is None and not self.waits_for

    @property
    def condition(self) -> Condition:
        """The step's condition, decided now."""
        if self.waits_for:
            message = f"waits for {', '.join(self.waits_for)}"
            return Condition(self.step.condition, "False", Reason.WAITING_FOR_DEPENDENCY, message)
        if self.error:
            return Condition(self.step.condition, "False", self.error.reason, self.error.message)
        return Condition(self.step.condition, "True", Reason.READY, self.remark)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the whole attempt."""

    reports: tuple[StepReport, ...] = ()

    @property
    def errors(self) -> tuple[StepError, ...]:
        """Why it isn't finished, in the order of the table."""
        return tuple(report.error for report in self.reports if report.error)

    def works(self, *systems: SystemName) -> bool:
        """Whether these do what they are there for."""
        return all(report.works for report in self.reports if report.step.system in systems)

    @property
    def terminal(self) -> bool:
        """Trying again can't help: the spec, or another object, has to change first."""
        return any(error.terminal for error in self.errors)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the earliest retry that an error asks for; None leaves it to the back-off."""
        return min((error.tenant_retry for error in self.errors if error.tenant_retry is not None), default=None)

    @property
    def drift(self) -> tuple[Change, ...]:
        """Changes that were not planned upkeep."""
        return tuple(change for report in self.reports for change in report.applied if not change.routine)


async def converge(tenant: Tenant, systems: Systems) -> Outcome:
    """Make everything of the tenant as its spec asks; steps that don't depend on a failed one still run."""
    reports: dict[SystemName, StepReport] = {}
    for wave in _WAVES:
        results = await _together(_run(step, systems, tenant, reports) for step in wave)
        for tenant_after, report in results:
            reports[report.step.system] = report
            if tenant_after is not None:
                tenant = tenant_after
    return Outcome(tuple(reports[step.system] for step in STEPS))


async def dismantle(tenant: Tenant, systems: Systems) -> Outcome:
    """Take the tenant away, the table backwards: what its policy deletes is removed, what it retains is closed."""
    reports: list[StepReport] = []
    for wave in reversed(_WAVES):
        stuck = tuple(report.step.system for report in reports if report.error)
        # What comes earlier in the table is still needed by what could not be removed; closing what is kept never is.
        going = [step for step in wave if retained(tenant, step.system) or not stuck]
        reports += [StepReport(step, waits_for=stuck, settled=False) for step in wave if step not in going]
        reports += await _together(_remove(step, systems[step.system], tenant, entirely=not stuck) for step in going)
    return Outcome(tuple(reports))


def retained(tenant: Tenant, system: SystemName) -> bool:
    """Whether deletion of the tenant leaves this system's data in place."""
    if system == "postgres":
        return tenant.spec.database_deletion_policy == "Retain"
    return system == "s3" and tenant.spec.storage_deletion_policy == "Retain"


async def _run(
    step: Step, systems: Systems, tenant: Tenant, earlier: Mapping[SystemName, StepReport]
) -> tuple[Tenant | None, StepReport]:
    if missing := _missing(step, tenant, earlier):
        return None, StepReport(step, waits_for=missing, settled=False)
    applied: list[Change] = []
    system = systems[step.system]
    try:
        observed = await _settle(system, tenant, applied, wanted=True)
        enriched = system.enrich(tenant, observed)
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the step's condition
        return None, StepReport(step, tuple(applied), _told(tenant, step, error), settled=False)
    try:
        remark = await system.check(enriched)
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the step's condition
        return enriched, StepReport(step, tuple(applied), _told(tenant, step, error))
    return enriched, StepReport(step, tuple(applied), remark=remark)


def _missing(step: Step, tenant: Tenant, earlier: Mapping[SystemName, StepReport]) -> tuple[SystemName, ...]:
    established = tenant.applied_generation > 0

    def blocks(report: StepReport, *, first_time_only: bool) -> bool:
        lost_claim = report.error is not None and report.error.terminal
        return not report.settled and (lost_claim or not (first_time_only and established))

    unfinished = [
        name
        for names, first_time_only in ((step.needs, False), (step.after, True))
        for name in names
        if blocks(earlier[name], first_time_only=first_time_only)
    ]
    failing = [name for name in step.leads_to if tenant.leaving and not earlier[name].works]
    return tuple(dict.fromkeys([*unfinished, *failing]))


async def _remove(step: Step, system: System[Any, Any, Any], tenant: Tenant, *, entirely: bool) -> StepReport:
    applied: list[Change] = []
    try:
        if retained(tenant, step.system):
            await system.release(tenant, entirely=entirely)
        else:
            await _settle(system, tenant, applied, wanted=False)
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the step's condition
        return StepReport(step, tuple(applied), _told(tenant, step, error), settled=False)
    return StepReport(step, tuple(applied))


async def _settle(system: System[Any, Any, Any], tenant: Tenant, applied: list[Change], *, wanted: bool) -> Any:
    """Apply the plan and read back: a step counts as done only when its plan has become empty."""
    desired = system.desired(tenant) if wanted else None
    observed = await system.observe(tenant)
    changes = system.plan(tenant, desired, observed)
    for change in changes:
        await system.apply(tenant, change)
        applied.append(change)
        logger.info("change applied", extra={"tenant": tenant.key, "change": str(change)})
    if not changes:
        return observed
    observed = await system.observe(tenant)
    if left := system.plan(tenant, desired, observed):
        raise NotReady(f"still to do after applying: {'; '.join(map(str, left))}", Reason.PROGRESSING)
    return observed


async def _together(attempts: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run side by side. What one raises is raised when all have ended: nothing goes on behind the next attempt."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def _told(tenant: Tenant, step: Step, error: Exception) -> StepError:
    """Log the error; a surprise becomes a condition that says so."""
    fields = {"tenant": tenant.key, "step": step.system}
    if not isinstance(error, StepError):
        logger.error("step failed unexpectedly", extra=fields, exc_info=error)
        return Unexpected(error)
    logger.warning("step not finished", extra={**fields, "reason": str(error.reason), "problem": error.message})
    return error
