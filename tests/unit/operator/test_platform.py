"""A platform as its controller sees it: who may be placed, and when tenants are looked at again."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from directory_operator.errors import NotReady, StepError, SystemUnavailable
from directory_operator.manifests import PLATFORM_FINALIZER, Manifest, ObjectRef
from directory_operator.platform.controller import PlatformController
from directory_operator.recorder import Recorder
from directory_operator.tenant.orphans import Orphans
from directory_operator.tenant.store import ObjectStore
from tests.support.builders import PLATFORM_SPEC

NOBODY_LISTENS = {
    "postgres": {**PLATFORM_SPEC["postgres"], "port": 1},
    "redis": {**PLATFORM_SPEC["redis"], "port": 1},
    "objectStorage": {**PLATFORM_SPEC["objectStorage"], "endpoint": "http://127.0.0.1:1"},
    "ingress": PLATFORM_SPEC["ingress"],
    "api": {"image": "registry.example/directory-api:1.0.0"},
}
ADMIN = ("username", "password", "access-key-id", "secret-access-key")


class FakeKube:
    """Has every admin Secret, keeps what is applied, and fails when told to."""

    def __init__(self) -> None:
        self.down = False
        self.secret = "first"
        self.applied: dict[str, Manifest] = {}

    async def get(self, ref: ObjectRef) -> Manifest | None:
        self._answer()
        if ref.name.endswith("-admin"):
            return {"data": {key: b64encode(self.secret.encode()).decode() for key in ADMIN}}
        return self.applied.get(ref.name)

    async def apply(self, manifest: Manifest) -> Manifest:
        self._answer()
        manifest["metadata"]["resourceVersion"] = "1"
        self.applied[manifest["metadata"]["name"]] = manifest
        return manifest

    async def apply_status(self, manifest: Manifest) -> Manifest:
        self._answer()
        return a_body(version=2, status=manifest["status"])

    async def set_finalizers(self, ref: ObjectRef, *, resource_version: str, finalizers: list[str]) -> Manifest:
        self._answer()
        return a_body(version=int(resource_version), finalizers=finalizers)

    async def create(self, manifest: Manifest) -> None:
        self._answer()

    def wrote(self, obj: Manifest) -> bool:
        return False

    def _answer(self) -> None:
        if self.down:
            raise SystemUnavailable("Kubernetes API", "x", "it answered 503")


class Desk:
    """A controller with one platform whose backends are all down."""

    def __init__(self) -> None:
        self.kube: Any = FakeKube()
        self.changed: list[str] = []
        store = ObjectStore()
        store.update("default", a_body())
        self.controller = PlatformController(
            kube=self.kube,
            store=store,
            recorder=Recorder(self.kube, now=now, suffix=lambda: "x"),
            object_systems={},
            namespace="directory-system",
            now=now,
            changed=self.changed.append,
            orphans=Orphans(self.kube, ObjectStore(), "cluster"),
            build="one",
        )

    async def look(self) -> None:
        await self.controller.reconcile("default")


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def a_body(
    *, version: int = 1, generation: int = 1, finalizers: Sequence[str] = (PLATFORM_FINALIZER,), **fields: Any
) -> Manifest:
    metadata: Manifest = {"name": "default", "uid": "one", "resourceVersion": str(version), "generation": generation}
    metadata["finalizers"] = list(finalizers)
    body = {"apiVersion": "companydirectory.io/v1beta1", "kind": "DirectoryPlatform", "metadata": metadata}
    return body | {"spec": NOBODY_LISTENS} | fields


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.look()
    made.changed.clear()
    yield made
    await made.controller.close()


async def test_a_platform_whose_backends_are_down_leaves_it_to_each_step_to_say_so(desk: Desk) -> None:
    assert desk.controller.placement("default").platform.name == "default"


async def test_a_kubernetes_api_that_stumbles_sends_no_tenant_away(desk: Desk) -> None:
    before = desk.controller.placement("default")
    desk.kube.down = True
    await desk.look()
    assert desk.controller.placement("default") == before
    assert desk.changed == []


async def test_nothing_changed_wakes_nobody(desk: Desk) -> None:
    await desk.look()
    assert desk.changed == []


async def test_a_changed_spec_wakes_the_tenants_and_leaves_connections_to_those_who_use_them(desk: Desk) -> None:
    before = desk.controller.placement("default").systems["postgres"]
    moved = NOBODY_LISTENS | {"ingress": {"baseDomain": "people.example"}}
    desk.controller.store.update("default", a_body(version=9, generation=2, spec=moved))
    await desk.look()
    assert desk.changed == ["default"]
    placement = desk.controller.placement("default")
    assert placement.platform.spec.ingress.base_domain == "people.example"
    assert placement.systems["postgres"] is not before
    with pytest.raises(StepError, match="nobody listens there"):  # and not that its pool is closed
        await before._roles("dt_acme")


async def test_a_changed_password_is_taken_up(desk: Desk) -> None:
    desk.kube.secret = "second"
    await desk.look()
    assert desk.changed == ["default"]


async def test_a_missing_admin_secret_is_named(desk: Desk) -> None:
    spec = {**NOBODY_LISTENS, "redis": {**NOBODY_LISTENS["redis"], "adminSecretRef": {"name": "gone"}}}
    desk.controller.store.update("default", a_body(version=9, generation=2, spec=spec))
    await desk.look()
    with pytest.raises(NotReady, match="Secret directory-system/gone does not exist"):
        desk.controller.placement("default")


async def test_a_deleted_platform_takes_no_tenants(desk: Desk) -> None:
    desk.controller.store.remove("default", "one")
    await desk.look()
    with pytest.raises(NotReady, match="does not exist"):
        desk.controller.placement("default")
    assert desk.changed == ["default"]
