"""The loop, run on systems in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import get_args

import pytest

from directory_operator.errors import Conflict, Interrupted, NotReady, StepError, SystemUnavailable
from directory_operator.reasons import Reason
from directory_operator.reconcile import Outcome, Systems, converge, dismantle
from directory_operator.steps import STEPS, Step, waves
from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Tenant
from tests.support.builders import a_tenant
from tests.support.fakes import FakeSystem

DOWN = SystemUnavailable("Redis", "redis.example:6379", "connection refused")


class World:
    def __init__(self) -> None:
        self.diary: list[str] = []
        self.systems: dict[SystemName, FakeSystem] = {
            name: FakeSystem(name, self.diary) for name in get_args(SystemName)
        }

    def did(self, verb: str) -> list[str]:
        return [entry.split()[1] for entry in self.diary if entry.startswith(verb)]


def statuses(outcome: Outcome) -> dict[str, str]:
    return {report.step.system: str(report.condition.reason) for report in outcome.reports}


def test_every_system_has_one_row() -> None:
    assert [step.system for step in STEPS] == list(get_args(SystemName))


def test_the_order_follows_from_the_table() -> None:
    assert [[step.system for step in wave] for wave in waves(STEPS)] == [
        ["credentials"],
        ["postgres"],
        ["redis", "s3"],
        ["workload"],
        ["ingress"],
    ]


def test_a_circle_in_the_table_is_refused() -> None:
    circle = (Step("A", "redis", "", needs=("s3",)), Step("B", "s3", "", needs=("redis",)))
    with pytest.raises(ValueError, match="circle"):
        waves(circle)


async def test_everything_is_applied_in_order_and_read_back() -> None:
    world = World()
    outcome = await converge(a_tenant(), world.systems)
    assert world.did("apply") == ["credentials", "postgres", "redis", "s3", "workload", "ingress"]
    assert set(statuses(outcome).values()) == {"Ready"}
    assert world.did("observe").count("postgres") == 2


async def test_a_converged_tenant_is_only_looked_at() -> None:
    world = World()
    await converge(a_tenant(), world.systems)
    world.diary.clear()
    outcome = await converge(a_tenant(), world.systems)
    assert world.did("apply") == []
    assert outcome.drift == ()
    assert world.did("observe").count("postgres") == 1


async def test_a_new_tenant_waits_for_the_claim_in_the_registry() -> None:
    world = World()
    world.systems["postgres"].broken["observe"] = SystemUnavailable("PostgreSQL", "db.example:5432", "refused")
    outcome = await converge(a_tenant(), world.systems)
    assert statuses(outcome) == {
        "credentials": "Ready",
        "postgres": "BackendUnreachable",
        "redis": "WaitingForDependency",
        "s3": "WaitingForDependency",
        "workload": "WaitingForDependency",
        "ingress": "WaitingForDependency",
    }


async def test_an_established_tenant_is_repaired_elsewhere_while_a_backend_is_down() -> None:
    world = World()
    world.systems["postgres"].broken["observe"] = SystemUnavailable("PostgreSQL", "db.example:5432", "refused")
    outcome = await converge(a_tenant(applied_generation=1), world.systems)
    assert world.did("apply") == ["credentials", "redis", "s3", "workload", "ingress"]
    assert [error.reason for error in outcome.errors] == [Reason.BACKEND_UNREACHABLE]


async def test_a_lost_claim_stops_even_an_established_tenant() -> None:
    world = World()
    world.systems["postgres"].broken["plan"] = Conflict("slug acme belongs to another")
    outcome = await converge(a_tenant(applied_generation=1), world.systems)
    assert world.did("apply") == ["credentials"]
    assert outcome.terminal
    assert outcome.retry_after == 60.0


async def test_without_credentials_nothing_goes_on() -> None:
    world = World()
    world.systems["credentials"].broken["apply"] = SystemUnavailable("Kubernetes API", "x", "refused")
    outcome = await converge(a_tenant(applied_generation=1), world.systems)
    assert world.did("apply") == ["credentials", "s3", "ingress"]
    assert statuses(outcome)["postgres"] == "WaitingForDependency"


async def test_nobody_is_led_from_one_tier_to_another_that_does_not_work_yet() -> None:
    world = World()
    world.systems["workload"].broken["check"] = NotReady("0 of 2 pods available", Reason.WORKLOAD_UNAVAILABLE)
    settled = replace(a_tenant(applied_generation=1), leaving=None)
    assert statuses(await converge(settled, world.systems))["ingress"] == "Ready"
    moving = replace(settled, leaving="Pooled")
    assert statuses(await converge(moving, world.systems))["ingress"] == "WaitingForDependency"
    del world.systems["workload"].broken["check"]
    assert statuses(await converge(moving, world.systems))["ingress"] == "Ready"


async def test_a_change_without_effect_is_not_ready() -> None:
    world = World()
    world.systems["s3"].deaf = True
    outcome = await converge(a_tenant(), world.systems)
    assert outcome.errors[0].message == "still to do after applying: turn to Acme"


async def test_what_works_not_yet_still_lets_later_steps_run() -> None:
    world = World()
    world.systems["workload"].broken["check"] = NotReady("no pod is available", Reason.WORKLOAD_UNAVAILABLE, 5.0)
    outcome = await converge(a_tenant(), world.systems)
    assert statuses(outcome)["workload"] == "WorkloadUnavailable"
    assert statuses(outcome)["ingress"] == "Ready"
    assert outcome.retry_after == 5.0


async def test_a_backend_that_is_down_leaves_the_pace_to_the_back_off() -> None:
    """Its own pause is some seconds: thousands of tenants at the end of each would never let the operator rest."""
    world = World()
    down = SystemUnavailable("Redis", "redis.example:6379", "connection refused")
    down.retry_after = 0.5
    world.systems["redis"].broken["observe"] = down
    outcome = await converge(a_tenant(), world.systems)
    assert outcome.errors
    assert outcome.retry_after is None


async def test_routine_upkeep_is_no_drift() -> None:
    world = World()
    world.systems["s3"].routine = True
    outcome = await converge(a_tenant(), world.systems)
    assert [str(change) for change in outcome.drift].count("turn to Acme") == 5


async def test_a_remark_is_told_in_the_condition() -> None:
    world = World()
    world.systems["s3"].remark = "the store has no CORS API"
    outcome = await converge(a_tenant(), world.systems)
    assert next(each for each in outcome.reports if each.step.system == "s3").condition.message == (
        "the store has no CORS API"
    )


async def test_deletion_is_the_table_backwards_and_keeps_what_is_retained() -> None:
    world = World()
    await converge(a_tenant(), world.systems)
    world.diary.clear()
    outcome = await dismantle(a_tenant(), world.systems)
    assert outcome.errors == ()
    assert world.did("apply") == ["ingress", "workload", "redis", "credentials"]
    assert world.did("release") == ["s3", "postgres"]


async def test_deletion_removes_everything_when_the_policy_says_so() -> None:
    world = World()
    tenant = a_tenant(deletionPolicy="Delete")
    await converge(tenant, world.systems)
    world.diary.clear()
    await dismantle(tenant, world.systems)
    assert world.did("apply") == ["ingress", "workload", "redis", "s3", "postgres", "credentials"]
    assert world.did("release") == []
    assert not any(system.holds for system in world.systems.values())


async def test_a_policy_of_one_system_overrides_the_general_one() -> None:
    world = World()
    tenant = a_tenant(deletionPolicy="Delete", storage={"deletionPolicy": "Retain"})
    await converge(tenant, world.systems)
    await dismantle(tenant, world.systems)
    assert world.did("release") == ["s3"]
    assert not world.systems["postgres"].holds


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_a_stuck_removal_keeps_the_claim_but_never_the_sealing(policy: str) -> None:
    world = World()
    tenant = a_tenant(deletionPolicy=policy)
    await converge(tenant, world.systems)
    world.systems["redis"].broken["observe"] = DOWN
    world.diary.clear()
    outcome = await dismantle(tenant, world.systems)
    assert [error.message for error in outcome.errors] == [DOWN.message]
    assert world.did("release") == (["s3"] if policy == "Retain" else [])
    assert world.did("close") == (["postgres"] if policy == "Retain" else []), "whose it was stays on record"
    assert "postgres" not in world.did("apply")
    assert "credentials" not in world.did("apply")


@pytest.mark.parametrize("attempt", [converge, dismantle])
async def test_a_surprise_is_told_in_the_steps_own_condition(
    attempt: Callable[[Tenant, Systems], Awaitable[Outcome]],
) -> None:
    world = World()
    world.systems["s3"].broken["observe"] = RuntimeError("password=hunter2")
    outcome = await attempt(a_tenant(deletionPolicy="Delete"), world.systems)
    assert statuses(outcome)["s3"] == "InternalError"
    assert statuses(outcome)["redis"] == "Ready"
    assert [error.message for error in outcome.errors] == [
        "RuntimeError surprised the operator: its log says where. This is retried by itself; please report it"
    ]


async def test_an_interrupted_attempt_ends_only_when_none_of_its_steps_runs_any_more() -> None:
    """Else the next attempt at the same tenant, which may be its deletion, would race with what this one left."""
    world = World()
    world.systems["s3"].broken["observe"] = Interrupted("namespace goes away")
    gate = asyncio.Event()
    world.systems["redis"].gate = gate
    attempt = asyncio.create_task(converge(a_tenant(), world.systems))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not attempt.done()
    gate.set()
    with pytest.raises(Interrupted):
        await attempt
    assert "redis" in world.did("apply")


async def test_every_crash_point_converges_on_the_next_run() -> None:
    """Each apply in turn fails once; a second run ends where an undisturbed one does."""
    for name in get_args(SystemName):
        world = World()
        world.systems[name].broken["apply"] = StepError("killed")
        await converge(a_tenant(), world.systems)
        del world.systems[name].broken["apply"]
        outcome = await converge(a_tenant(), world.systems)
        assert set(statuses(outcome).values()) == {"Ready"}
