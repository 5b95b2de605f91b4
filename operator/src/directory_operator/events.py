"""Which turns of a tenant's life become Kubernetes Events, and in which words. Pure.

Events are for transitions only: a tenant that stays as it is, good or bad, raises none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from directory_operator.manifests import FIELD_MANAGER, Manifest
from directory_operator.reasons import EventReason
from directory_operator.systems.protocol import Change

MESSAGE_LIMIT: Final = 1024  # characters, the API's own limit


@dataclass(frozen=True, slots=True)
class EventText:
    """What is to be said."""

    reason: EventReason
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


def transitions(before: Iterable[dict[str, Any]], after: Iterable[dict[str, Any]]) -> list[EventText]:
    """Events for `Ready` and `Stalled` flipping between two lists of stored conditions."""
    old = {condition["type"]: condition["status"] for condition in before}
    said: list[EventText] = []
    for condition in after:
        kind, status, message = condition["type"], condition["status"], condition["message"]
        if old.get(kind) == status:
            continue
        if kind == "Ready" and status == "True":
            said.append(EventText(EventReason.READY, message))
        elif kind == "Ready" and condition["reason"] not in {"Reconciling", "Deleting"}:
            said.append(EventText(EventReason.NOT_READY, message, "Warning"))
        elif kind == "Stalled" and status == "True":
            said.append(EventText(EventReason.STALLED, message, "Warning"))
        elif kind == "DeletionBlocked" and status == "True":
            said.append(EventText(EventReason.DELETION_BLOCKED, message, "Warning"))
    return said


def drift(changes: Sequence[Change]) -> EventText:
    """One Event for everything that had been changed behind the operator's back, and is repaired."""
    return EventText(EventReason.DRIFT_DETECTED, f"repaired: {'; '.join(map(str, changes))}", "Warning")


def update(changes: Sequence[Change]) -> EventText:
    """One Event for everything that was changed because the platform, or the operator itself, is another."""
    return EventText(EventReason.UPDATED, f"brought up to its platform: {'; '.join(map(str, changes))}")


def manifest(subject: dict[str, Any], text: EventText, *, namespace: str, now: datetime, suffix: str) -> Manifest:
    """The Event object about `subject`; `suffix` makes its name unique."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = subject["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{suffix}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": subject["apiVersion"],
            "kind": subject["kind"],
            "name": metadata["name"],
            "namespace": metadata.get("namespace"),
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": text.type,
        "reason": str(text.reason),
        "message": text.message[:MESSAGE_LIMIT],
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
