"""Who is looked at after which event: nothing that a user changed is missed, nothing that is gone comes back."""

import random
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from directory_operator.children import TENANT_LABEL
from directory_operator.dispatch import Dispatcher
from directory_operator.metrics import Metrics
from directory_operator.queue import Lane, WorkQueue
from directory_operator.tenant.store import Claims, ObjectStore

Body = dict[str, Any]
KEY = "tenants/acme"


class FakeKube:
    """Knows which versions were written by the operator, and answers lists."""

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.listed: list[Body] = []
        self.while_listing: Callable[[], None] = lambda: None

    def wrote(self, obj: Body) -> bool:
        return obj["metadata"]["resourceVersion"] in self.own

    async def list_objects(self, api_version: str, kind: str, *, missing_ok: bool = False) -> list[Body]:
        self.while_listing()
        return self.listed


class Desk:
    """A dispatcher with everything around it."""

    def __init__(self) -> None:
        self.kube = FakeKube()
        self.store, self.claims = ObjectStore(), Claims()
        self.queue = WorkQueue(concurrency=1, rng=random.Random(1))
        self.dispatcher = Dispatcher(
            kube=self.kube,  # type: ignore[arg-type]
            store=self.store,
            claims=self.claims,
            queue=self.queue,
            metrics=Metrics(CollectorRegistry()),
        )

    def queued(self) -> list[str]:
        """The keys that wait, taken out of the queue."""
        keys = []
        while key := self.queue._pop():
            keys.append(key)
        return keys


def a_tenant(*, version: int, name: str = "acme", uid: str = "one", generation: int = 1, **spec: Any) -> Body:
    metadata = {
        "name": name,
        "namespace": "tenants",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": generation,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"apiVersion": "companydirectory.io/v1beta1", "kind": "DirectoryTenant", "metadata": metadata, "spec": spec}


def a_child(*, version: int, data: str = "x") -> Body:
    metadata = {"namespace": "tenants", "uid": "child", "labels": {TENANT_LABEL: "acme"}}
    return {"kind": "Secret", "metadata": metadata | {"resourceVersion": str(version)}, "data": {"a": data}}


async def test_a_change_is_queued_and_our_own_write_is_not() -> None:
    desk = Desk()
    desk.kube.own = {"2"}
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    assert desk.queued() == [KEY]
    desk.dispatcher.tenant_seen("MODIFIED", a_tenant(version=2))
    assert desk.queued() == []


async def test_a_users_change_that_only_our_own_write_shows_is_queued() -> None:
    """Watch events of one moment are merged, and the write's own answer shows the change before any event does."""
    desk = Desk()
    desk.kube.own = {"3"}
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.queued()
    ours = a_tenant(version=3, generation=2, hosts=["people.example"])
    desk.store.update(KEY, ours)  # as the status writer does
    desk.dispatcher.tenant_seen("MODIFIED", ours)
    assert desk.queued() == [KEY]
    assert desk.claims.remove(KEY) == ()
    desk.dispatcher.tenant_seen("MODIFIED", ours)
    assert desk.queued() == []


async def test_a_late_event_of_a_change_is_queued_though_its_version_is_known() -> None:
    desk = Desk()
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.queued()
    desk.store.update(KEY, a_tenant(version=3, generation=2))
    desk.dispatcher.tenant_seen("MODIFIED", a_tenant(version=2, generation=2))
    assert desk.queued() == [KEY]


async def test_a_tenant_deleted_while_the_sweep_lists_stays_gone() -> None:
    desk = Desk()
    body = a_tenant(version=1)
    desk.dispatcher.tenant_seen("ADDED", body)
    desk.queued()
    desk.kube.listed = [body]
    desk.kube.while_listing = lambda: desk.dispatcher.tenant_seen("DELETED", a_tenant(version=5))
    await desk.dispatcher.sweep()
    assert (desk.store.get(KEY), desk.queued()) == (None, [])


async def test_a_tenant_added_while_the_sweep_lists_is_kept() -> None:
    desk = Desk()
    desk.kube.while_listing = lambda: desk.dispatcher.tenant_seen("ADDED", a_tenant(version=9))
    await desk.dispatcher.sweep()
    assert desk.store.get(KEY) is not None
    assert desk.queued() == [KEY]


async def test_a_sweep_forgets_what_went_while_no_watch_ran() -> None:
    desk = Desk()
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    await desk.dispatcher.sweep()
    assert desk.store.get(KEY) is None


async def test_a_sweep_passes_on_the_claims_of_a_tenant_that_a_read_found_gone() -> None:
    desk = Desk()
    heir = a_tenant(version=2, name="heir", uid="two", slug="acme")
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.dispatcher.tenant_seen("ADDED", heir)
    desk.queued()
    desk.store.remove(KEY, "one")
    desk.kube.listed = [heir]
    await desk.dispatcher.sweep()
    assert desk.claims.rival("tenants/heir") is None
    assert desk.queued() == ["tenants/heir"]


async def test_a_recreated_tenant_outlives_the_late_deletion_of_the_first() -> None:
    desk = Desk()
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=9, uid="two", slug="other"))
    desk.dispatcher.tenant_seen("DELETED", a_tenant(version=8))
    body = desk.store.get(KEY)
    assert body is not None
    assert body["metadata"]["uid"] == "two"
    desk.claims.update("tenants/rival", a_tenant(version=10, uid="zzz", slug="other"))
    assert desk.claims.rival("tenants/rival") == (KEY, "slug other")


async def test_a_child_that_changed_while_no_watch_ran_is_noticed_when_it_is_listed_again() -> None:
    desk = Desk()
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.queued()
    desk.dispatcher.child_seen(None, a_child(version=2))
    assert desk.queued() == []
    desk.dispatcher.child_seen(None, a_child(version=3))
    assert desk.queued() == []
    desk.dispatcher.child_seen(None, a_child(version=4, data="edited"))
    assert desk.queued() == [KEY]


async def test_the_first_list_of_the_watch_queues_nothing_that_the_first_sweep_has_queued() -> None:
    desk = Desk()
    desk.kube.listed = [a_tenant(version=1)]
    await desk.dispatcher.sweep()
    assert desk.queued() == [KEY]
    desk.dispatcher.tenant_seen(None, a_tenant(version=1))
    assert desk.queued() == []


async def test_a_slow_sweep_leaves_urgent_work_in_the_fast_lane() -> None:
    desk = Desk()
    desk.dispatcher.tenant_seen("ADDED", a_tenant(version=1))
    desk.kube.listed = [a_tenant(version=1)]
    await desk.dispatcher.sweep()
    assert (desk.queue.depth(Lane.FAST), desk.queue.depth(Lane.SLOW)) == (1, 0)
