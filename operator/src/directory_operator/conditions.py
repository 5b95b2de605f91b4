"""From what the steps report to `status.conditions`, as kstatus, Argo CD and `kubectl wait` read them. Pure.

`lastTransitionTime` moves only when a status flips, and nothing changes while nothing changes: a status equal to the
stored one is never written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from directory_operator.errors import StepError
from directory_operator.reasons import Reason

Status = Literal["True", "False", "Unknown"]
WAITS_FOR_OTHERS: Final = "waits for the spec or its rival to change"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as decided now, before it is compared with the stored one."""

    type: str
    status: Status
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the whole attempt comes to."""

    ready: Condition
    progressing: Condition
    stalled: Condition


def verdict(steps: Sequence[Condition], *, terminal: bool, url: str) -> Verdict:
    """`Ready`, `Progressing` and `Stalled` from the steps' conditions, in the order of the table.

    `terminal` says that only a changed spec (or another object's owner) can help: then nothing progresses.
    """
    failed = next((step for step in steps if step.status != "True"), None)
    if failed is None:
        return Verdict(
            Condition("Ready", "True", Reason.READY, f"served at {url}"),
            Condition("Progressing", "False", Reason.READY, "everything is as the spec asks"),
            Condition("Stalled", "False", Reason.NOT_STALLED),
        )
    message = f"{failed.type}: {failed.message}"
    ready = Condition("Ready", "False", failed.reason, message)
    if terminal:
        progressing = Condition("Progressing", "False", failed.reason, WAITS_FOR_OTHERS)
        return Verdict(ready, progressing, Condition("Stalled", "True", failed.reason, message))
    retrying = Condition("Progressing", "True", Reason.RETRYING, message)
    return Verdict(ready, retrying, Condition("Stalled", "False", Reason.NOT_STALLED))


def gated(error: StepError) -> tuple[Condition, ...]:
    """What is written when no step was taken. The steps' own conditions stay, at the generation they are from."""
    ready = Condition("Ready", "False", error.reason, error.message)
    if error.terminal:
        progressing = Condition("Progressing", "False", error.reason, WAITS_FOR_OTHERS)
        return (ready, progressing, Condition("Stalled", "True", error.reason, error.message))
    retrying = Condition("Progressing", "True", Reason.RETRYING, error.message)
    return (ready, retrying, Condition("Stalled", "False", Reason.NOT_STALLED))


def reconciling(message: str) -> tuple[Condition, ...]:
    """What is written before the first side effect of a new generation."""
    return (
        Condition("Ready", "False", Reason.RECONCILING, message),
        Condition("Progressing", "True", Reason.RECONCILING, message),
        Condition("Stalled", "False", Reason.NOT_STALLED),
    )


def merged(
    stored: Iterable[dict[str, Any]], decided: Iterable[Condition], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The list to store: each decided condition, keeping the stored transition time where the status is the same."""
    before = {condition["type"]: condition for condition in stored}
    return [_rendered(condition, before.get(condition.type), generation, now) for condition in decided]


def _rendered(condition: Condition, before: dict[str, Any] | None, generation: int, now: datetime) -> dict[str, Any]:
    since = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if before is not None and before["status"] == condition.status:
        since = before["lastTransitionTime"]
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": str(condition.reason),
        "message": condition.message[:32768],  # the API's own limit
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def status_of(conditions: Iterable[dict[str, Any]], condition_type: str) -> Status | None:
    """The stored status of one condition."""
    return next((each["status"] for each in conditions if each["type"] == condition_type), None)
