"""What a Deployment's status comes to."""

from typing import Any

import pytest

from directory_operator.systems.workload.plan import unavailability

SERVING: dict[str, Any] = {
    "observedGeneration": 3,
    "updatedReplicas": 2,
    "availableReplicas": 2,
    "conditions": [{"type": "Available", "status": "True", "message": ""}, {"type": "Progressing", "status": "True"}],
}


def a_deployment(**status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": SERVING | status}


def a_condition(kind: str, status: str, message: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "message": message}]


def test_one_that_serves_has_no_problem() -> None:
    assert unavailability(a_deployment()) is None


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        ({"metadata": {"generation": 1}, "spec": {}}, "has not seen the newest Deployment"),
        (a_deployment(observedGeneration=2), "has not seen the newest Deployment"),
        (a_deployment(updatedReplicas=1), "2 of 2 pods available, 1 updated: the rollout is under way"),
        (a_deployment(availableReplicas=1), "1 of 2 pods available"),
        (
            a_deployment(conditions=a_condition("Available", "False", "no minimum availability")),
            "no minimum availability",
        ),
        (a_deployment(conditions=a_condition("Progressing", "False", "has timed out")), "has timed out"),
        (a_deployment(conditions=a_condition("ReplicaFailure", "True", "exceeded quota")), "exceeded quota"),
    ],
)
def test_what_is_missing_is_said(deployment: dict[str, Any], said: str) -> None:
    problem = unavailability(deployment)
    assert problem is not None
    assert said in problem
