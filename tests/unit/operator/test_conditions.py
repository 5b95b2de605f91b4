"""From step reports to conditions, by kstatus' rules."""

from datetime import UTC, datetime

from directory_operator.conditions import Condition, merged, reconciling, verdict
from directory_operator.reasons import Reason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, tzinfo=UTC)
DATABASE = Condition("DatabaseReady", "True", Reason.READY)
CACHE_DOWN = Condition("CacheReady", "False", Reason.BACKEND_UNREACHABLE, "redis is down")


def test_all_steps_done_is_ready() -> None:
    state = verdict([DATABASE], terminal=False, url="https://acme.example")
    assert (state.ready.status, state.progressing.status, state.stalled.status) == ("True", "False", "False")
    assert state.ready.message == "served at https://acme.example"


def test_the_first_failed_step_names_the_reason_and_is_retried() -> None:
    state = verdict([DATABASE, CACHE_DOWN], terminal=False, url="")
    assert state.ready == Condition("Ready", "False", Reason.BACKEND_UNREACHABLE, "CacheReady: redis is down")
    assert (state.progressing.status, state.stalled.status) == ("True", "False")


def test_a_terminal_failure_is_stalled_and_no_longer_progressing() -> None:
    state = verdict([CACHE_DOWN], terminal=True, url="")
    assert (state.ready.status, state.progressing.status, state.stalled.status) == ("False", "False", "True")


def test_a_new_generation_is_not_ready_before_its_first_side_effect() -> None:
    assert {each.type: each.status for each in reconciling("…")} == {
        "Ready": "False",
        "Progressing": "True",
        "Stalled": "False",
    }


def test_transition_time_moves_only_when_the_status_flips() -> None:
    first = merged([], [DATABASE, CACHE_DOWN], generation=1, now=NOON)
    up = Condition("CacheReady", "True", Reason.READY)
    second = merged(first, [Condition("DatabaseReady", "True", Reason.READY, "new words"), up], generation=2, now=LATER)
    assert [each["lastTransitionTime"] for each in second] == ["2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"]
    assert [each["observedGeneration"] for each in second] == [2, 2]


def test_the_same_decision_later_is_the_same_list() -> None:
    first = merged([], [DATABASE, CACHE_DOWN], generation=1, now=NOON)
    assert merged(first, [DATABASE, CACHE_DOWN], generation=1, now=LATER) == first
