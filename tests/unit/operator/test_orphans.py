"""Only what belongs to tenants of this cluster that are gone is closed."""

from collections.abc import Sequence
from typing import Any

from directory_operator.placement import Placement
from directory_operator.systems.postgres.observed import Registrant
from directory_operator.tenant.orphans import Orphans
from directory_operator.tenant.store import ObjectStore
from tests.support.builders import a_platform
from tests.support.fakes import FakeSystem

ROWS = (Registrant("gone", "uid-gone", "tenants/gone"), Registrant("new", "uid-new", "tenants/new"))


class World:
    def __init__(self, *listed: str) -> None:
        self.diary: list[str] = []
        self.asked: list[tuple[str, list[str]]] = []
        self.listed = [{"metadata": {"uid": uid}} for uid in listed]
        self.store = ObjectStore()
        metadata = {"uid": "uid-known", "name": "known", "namespace": "tenants", "resourceVersion": "1"}
        self.store.update("tenants/known", {"metadata": metadata})
        systems: Any = {name: FakeSystem(name, self.diary) for name in ("postgres", "redis", "s3")}
        self.placement = Placement(a_platform(), systems, "inputs")
        self.rows: Sequence[Registrant] = ROWS

    async def list_objects(self, api_version: str, kind: str) -> list[dict[str, Any]]:
        self.diary.append("list")
        return self.listed

    async def registrants(self, cluster_id: str, besides: Sequence[str]) -> Sequence[Registrant]:
        self.asked.append((cluster_id, list(besides)))
        return self.rows

    async def close(self) -> None:
        orphans = Orphans(self, self.store, "c1")  # type: ignore[arg-type]
        await orphans.close(self.placement, self.registrants)


async def test_what_is_gone_is_released_the_registry_row_last_and_what_lives_is_left_alone() -> None:
    world = World("uid-known", "uid-new")  # `new` came between the store's news and the list
    await world.close()
    assert world.asked == [("c1", ["uid-known"])]
    assert world.diary == ["list", "release redis", "release s3", "release postgres"]


async def test_where_nobody_is_missing_one_query_is_all() -> None:
    world = World()
    world.rows = ()
    await world.close()
    assert world.diary == []
