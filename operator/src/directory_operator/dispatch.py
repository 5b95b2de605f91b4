"""From watch events and the clock to the work queue. It decides who is to be looked at, never what is to be done."""

import asyncio
import json
import logging
from hashlib import blake2b
from typing import Any, Final

from directory_operator.children import TENANT_LABEL
from directory_operator.kube import Kube
from directory_operator.manifests import API_VERSION
from directory_operator.metrics import Metrics
from directory_operator.queue import Lane, WorkQueue
from directory_operator.tenant.store import Body, Claims, ObjectStore, key_of

logger = logging.getLogger(__name__)

_NOISE: Final = ("status",)
_METADATA_NOISE: Final = ("resourceVersion", "managedFields", "generation")


class Dispatcher:
    """Feeds the queue of tenants."""

    def __init__(self, *, kube: Kube, store: ObjectStore, claims: Claims, queue: WorkQueue, metrics: Metrics) -> None:
        self._kube = kube
        self._store = store
        self._claims = claims
        self._queue = queue
        self._metrics = metrics
        self._children: dict[str, bytes] = {}
        self._generations: dict[str, tuple[str, int]] = {}
        """By key, uid and generation that were queued last."""

    def tenant_seen(self, event: str | None, body: Body) -> None:
        """A DirectoryTenant was listed, added, changed or deleted."""
        key = key_of(body)
        if event == "DELETED":
            self._forget(key, body["metadata"]["uid"])
            return
        own = self._kube.wrote(body)
        fresh = self._store.update(key, body)
        if (newest := self._store.get(key)) is None:
            return  # late news of a tenant that is gone
        self._claims.update(key, newest)
        # Our own status write may be the first to show what a user changed meanwhile: a generation is always news.
        if (fresh and not own) or self._generations.get(key) != _generation(newest):
            self._generations[key] = _generation(newest)
            self._queue.add(key, Lane.FAST)
        self._metrics.tenants.set(len(self._store))

    def child_seen(self, event: str | None, child: Body) -> None:
        """An object that a tenant owns was listed, added, changed or deleted."""
        metadata = child["metadata"]
        uid, known = metadata["uid"], self._children.get(metadata["uid"])
        if event == "DELETED":
            self._children.pop(uid, None)
        else:
            self._children[uid] = _fingerprint(child)
        # A child met for the first time in a list is left to the sweep; one that changed while no watch ran is not.
        listed_first = event is None and known is None
        ours = listed_first or self._kube.wrote(child) or known == self._children.get(uid)
        if event == "DELETED" or not ours:
            self.enqueue(f"{metadata['namespace']}/{metadata['labels'][TENANT_LABEL]}")

    def enqueue(self, key: str, lane: Lane = Lane.FAST) -> None:
        """Look at a tenant, if there is one of this name."""
        if self._store.get(key):
            self._queue.add(key, lane)

    def enqueue_platform(self, platform: str) -> None:
        """Look at every tenant of a platform whose readiness changed."""
        for key, body in self._store.items():
            if body["spec"].get("platformRef", "default") == platform:
                self._queue.add(key, Lane.SLOW)

    async def sweep(self, *, missing_ok: bool = False) -> None:
        """List every tenant anew, notice those that went while the watch was broken, and queue all of them."""
        before = {body["metadata"]["uid"] for _, body in self._store.items()}
        listed = await self._kube.list_objects(API_VERSION, "DirectoryTenant", missing_ok=missing_ok)
        for item in listed:
            # A list leaves out each item's own type.
            body = {"apiVersion": API_VERSION, "kind": "DirectoryTenant", **item}
            if self._store.update(key_of(body), body):
                self._claims.update(key_of(body), body)
        # The list is as old as its first page: what came since is missing from it and not gone.
        gone = before - {item["metadata"]["uid"] for item in listed}
        for key, body in self._store.items():
            if body["metadata"]["uid"] in gone:
                self._forget(key, body["metadata"]["uid"])
            else:
                self._generations[key] = _generation(body)
                self._queue.add(key, Lane.SLOW)
        for key in self._claims.claimants():
            if self._store.get(key) is None:  # it was found gone by a read, and no event said so
                self._drop(key)
        self._metrics.tenants.set(len(self._store))
        self._metrics.last_sweep.set_to_current_time()

    async def sweep_forever(self, interval: float) -> None:
        """Sweep every `interval` seconds; one that fails is logged and tried again at the next turn."""
        while True:
            await asyncio.sleep(interval)
            try:
                await self.sweep()
            except Exception:  # the edge of a background task: the next turn tries again
                logger.exception("sweep failed")

    def _forget(self, key: str, uid: str) -> None:
        self._store.remove(key, uid)
        if self._store.get(key):
            return  # a new tenant of that name is known already
        self._drop(key)
        self._metrics.tenants.set(len(self._store))

    def _drop(self, key: str) -> None:
        self._queue.forget(key)
        self._generations.pop(key, None)
        for heir in self._claims.remove(key):
            self.enqueue(heir)


def _generation(body: Body) -> tuple[str, int]:
    return body["metadata"]["uid"], body["metadata"]["generation"]


def _fingerprint(child: Body) -> bytes:
    """What of a child concerns us: all but its status, of which only the conditions of a Deployment count."""
    metadata = {key: value for key, value in child["metadata"].items() if key not in _METADATA_NOISE}
    rest: dict[str, Any] = {key: value for key, value in child.items() if key not in {*_NOISE, "metadata"}}
    conditions = (child.get("status") or {}).get("conditions", []) if child.get("kind") == "Deployment" else []
    facts = [(each["type"], each["status"], each.get("reason")) for each in conditions]
    return blake2b(json.dumps([metadata, rest, facts], sort_keys=True, default=str).encode(), digest_size=16).digest()
