"""Deletion: never more than the policy allows, never stuck without saying why."""

import pytest

from tests.support.eventually import eventually
from tests.support.traces import Traces
from tests.support.world import World, condition


def test_retain_keeps_the_data_and_closes_the_doors(world: World) -> None:
    world.apply("kept")
    world.ready("kept")
    traces = Traces(world, "kept")
    traces.add_person_and_photo()
    world.delete("kept")
    assert traces.rows() == 1
    assert traces.objects() == 1
    assert traces.registry() == "Released"
    assert traces.role() == "cannot log in"
    assert traces.redis_user() is None
    assert traces.kubernetes_objects() == []
    assert "Retained" in [reason for reason, _ in world.events("kept")]


def test_a_retained_tenant_comes_back_with_its_data(world: World) -> None:
    world.apply("returning")
    first = world.ready("returning")
    traces = Traces(world, "returning")
    traces.add_person_and_photo()
    tenant_id = traces.tenant_id()
    world.delete("returning")
    world.apply("returning")
    second = world.ready("returning")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert (traces.tenant_id(), traces.registry(), traces.role()) == (tenant_id, "Active", "can log in")
    assert (traces.rows(), traces.objects()) == (1, 1)


def test_delete_leaves_nothing(world: World) -> None:
    world.apply("gone", deletionPolicy="Delete")
    world.ready("gone")
    traces = Traces(world, "gone")
    traces.add_person_and_photo()
    traces.add_key()
    world.delete("gone")
    eventually(lambda: traces.everything() == Traces.NOTHING, timeout=15)


def test_a_policy_of_one_system_goes_before_the_general_one(world: World) -> None:
    """The schema refuses the other way round: rows without their photos."""
    world.apply("partly", deletionPolicy="Delete", storage={"deletionPolicy": "Retain"})
    world.ready("partly")
    traces = Traces(world, "partly")
    traces.add_person_and_photo()
    world.delete("partly")
    assert (traces.rows(), traces.objects()) == (0, 1)


@pytest.mark.parametrize("program", ["postgres", "minio"])
def test_delete_with_a_backend_down_says_so_and_goes_on_when_it_is_back(world: World, program: str) -> None:
    name = f"blocked-{program}"
    world.apply(name, deletionPolicy="Delete")
    world.ready(name)
    world.machine.supervisor.stop_program(program)
    try:
        world.delete(name, wait=False)
        blocked = eventually(
            lambda: (found := condition(world.tenant(name), "DeletionBlocked")).get("status") == "True" and found,
            timeout=40,
        )
        assert blocked["reason"] == "BackendUnreachable"
        assert "can't be reached" in blocked["message"]
    finally:
        world.machine.supervisor.start_program(program)
    eventually(lambda: world.tenant(name) is None, timeout=60)
    assert Traces(world, name).everything() == Traces.NOTHING
    assert "DeletionBlocked" in [reason for reason, _ in world.events(name)]


def test_retain_does_not_wait_for_ever_and_what_was_left_open_is_closed_later(world: World) -> None:
    for name in ("released", "unsealed"):
        world.apply(name)
        world.ready(name)
    released, unsealed = Traces(world, "released"), Traces(world, "unsealed")
    unsealed.add_person_and_photo()
    world.machine.supervisor.stop_program("redis")
    try:
        world.delete("released", wait=False)
        eventually(lambda: condition(world.tenant("released"), "DeletionBlocked").get("status") == "True", timeout=20)
        assert (released.registry(), released.role()) == ("Released", "cannot log in")  # PostgreSQL was there
        world.machine.supervisor.stop_program("postgres")
        world.delete("unsealed")  # within a minute
        assert world.tenant("released") is None
    finally:
        world.machine.start("postgres", "redis")
    for name in ("released", "unsealed"):
        assert "ReleasedUnsealed" in [reason for reason, _ in world.events(name)]
    owners = "select count(*) from registry.tenants where slug in ('released', 'unsealed') and owner_uid is not null"
    eventually(lambda: world.sql(owners) == "0", timeout=30)
    for traces in (released, unsealed):
        assert (traces.registry(), traces.role(), traces.redis_user()) == ("Released", "cannot log in", None)
    for name in ("released", "unsealed"):
        world.apply(name)
        world.ready(name)
    assert (unsealed.rows(), unsealed.objects()) == (1, 1)


def test_what_could_not_be_closed_keeps_its_slug_until_it_is(world: World) -> None:
    world.apply("lingering")
    world.ready("lingering")
    world.machine.supervisor.stop_program("minio")
    try:
        world.delete("lingering")  # within a minute
        assert Traces(world, "lingering").registry() == "Released"
        world.apply("lingering")
        told = eventually(
            lambda: (found := condition(world.tenant("lingering"), "DatabaseReady")).get("status") == "False" and found,
            timeout=20,
        )
        assert (told["reason"], "could not be closed yet" in told["message"]) == ("WaitingForDependency", True)
    finally:
        world.machine.start("minio")
    world.ready("lingering", timeout=60)
    assert Traces(world, "lingering").rows() == 0


def test_a_tenant_whose_finalizer_was_taken_away_by_hand_is_closed_at_the_next_start(world: World) -> None:
    for name in ("torn-out", "beside-it"):
        world.apply(name, deletionPolicy="Delete")
        world.ready(name)
    traces = Traces(world, "torn-out")
    traces.add_person_and_photo()
    world.stop_operator()
    world.delete("torn-out", wait=False)
    world.kubectl("patch", "dt", "torn-out", "-n", "tenants", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    world.start_operator()
    eventually(lambda: traces.registry() == "Released", timeout=15)
    assert (traces.role(), traces.redis_user()) == ("cannot log in", None)
    assert (traces.rows(), traces.objects()) == (1, 1)  # never more than closed
    assert Traces(world, "beside-it").registry() == "Active"
    world.ready("beside-it")


def test_a_namespace_takes_its_tenants_along(world: World) -> None:
    world.kubectl("create", "namespace", "doomed")
    world.apply("inside-a", namespace="doomed", deletionPolicy="Delete")
    world.apply("inside-b", namespace="doomed")
    world.ready("inside-a", namespace="doomed")
    world.ready("inside-b", namespace="doomed")
    world.kubectl("delete", "namespace", "doomed", "--timeout=60s")
    assert Traces(world, "inside-a").everything() == Traces.NOTHING
    assert Traces(world, "inside-b").registry() == "Released"


def test_deleting_the_loser_of_a_conflict_leaves_the_winner_alone(world: World) -> None:
    world.apply("winner")
    world.ready("winner")
    world.apply("loser", slug="winner", deletionPolicy="Delete")
    eventually(lambda: condition(world.tenant("loser"), "Stalled").get("status") == "True")
    before = Traces(world, "winner").everything()
    world.delete("loser")
    assert Traces(world, "winner").everything() == before
    assert world.tenant("winner") == world.ready("winner")


def test_a_tenant_deleted_before_anything_was_made_just_goes(world: World) -> None:
    world.apply("stillborn", platformRef="nowhere")
    eventually(lambda: condition(world.tenant("stillborn"), "Ready").get("reason") == "PlatformNotFound")
    world.delete("stillborn")
    assert Traces(world, "stillborn").everything() == Traces.NOTHING
