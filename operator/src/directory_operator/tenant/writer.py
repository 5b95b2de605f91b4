"""Stores a tenant's status when it says something new, and raises the Events that its turns deserve."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from directory_operator.conditions import Condition, merged
from directory_operator.events import transitions
from directory_operator.kube import Kube
from directory_operator.manifests import ObjectRef
from directory_operator.recorder import Recorder
from directory_operator.tenant.status import status_manifest
from directory_operator.tenant.store import Body, ObjectStore


@dataclass(frozen=True, slots=True)
class StatusWriter:
    """The one way in which `status` is written."""

    kube: Kube
    store: ObjectStore
    recorder: Recorder
    now: Callable[[], datetime]

    def conditions(self, body: Body, decided: Iterable[Condition], *, keep_others: bool = False) -> list[Body]:
        """The list to store: what was decided, and on request the stored ones that were not."""
        decided = tuple(decided)
        stored = (body.get("status") or {}).get("conditions", [])
        fresh = merged(stored, decided, generation=body["metadata"]["generation"], now=self.now())
        types = {condition.type for condition in decided}
        return fresh + [each for each in stored if keep_others and each["type"] not in types]

    async def write(self, key: str, body: Body, status: Body) -> Body:
        """Apply `status` if it differs from the stored one; returns the object as it is afterwards.

        ObjectConflict if the object went or is another by now: without the record, nothing may be made.
        """
        before = body.get("status") or {}
        if status == before:
            return body
        written = await self.kube.apply_status(status_manifest(body, status))
        self.store.update(key, written)
        for text in transitions(before.get("conditions", []), status["conditions"]):
            await self.recorder.record(written, text)
        return written

    async def refresh(self, key: str, body: Body) -> bool:
        """Read the object anew after a write of ours was refused; whether that told anything new."""
        fresh = await self.kube.get(ObjectRef.of(body))
        if fresh is None:
            self.store.remove(key, body["metadata"]["uid"])
            return True
        return self.store.update(key, fresh)
