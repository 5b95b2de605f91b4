"""Every CEL rule of both CRDs, by server-side dry run on a real API server: taken, and refused with its message."""

from typing import Any

import pytest

from directory_operator.manifests import API_VERSION, ObjectRef
from tests.crds.cases import CASES, Case, Changes
from tests.crds.examples import BASES, base_of, changed
from tests.crds.schema import CelRule, cel_rules
from tests.support.cluster import CUSTOM, Cluster

COLLECTIONS = {
    "DirectoryTenant": f"{CUSTOM}/namespaces/default/directorytenants",
    "DirectoryPlatform": f"{CUSTOM}/directoryplatforms",
}
RULES = [rule for kind in BASES for rule in cel_rules(kind)]
REASONS = {"FieldValueInvalid", "FieldValueForbidden"}


def named(rule: CelRule) -> str:
    return f"{rule.kind}-{rule.path or 'root'}-{rule.message[:30]}"


def case_of(rule: CelRule) -> Case:
    found = [case for key, case in CASES[rule.kind].items() if key[0] == rule.path and rule.message.startswith(key[1])]
    assert len(found) == 1, f"{named(rule)} needs one case in tests/crds/cases.py, and has {len(found)}"
    return found[0]


def attempts(which: str) -> list[Any]:
    return [
        pytest.param(rule, changes, id=f"{named(rule)}-{number}")
        for rule in RULES
        for number, changes in enumerate(getattr(case_of(rule), which))
    ]


@pytest.mark.parametrize("kind", BASES)
def test_no_case_is_without_its_rule(kind: str) -> None:
    rules = cel_rules(kind)
    lost = [key for key in CASES[kind] if not any(r.path == key[0] and r.message.startswith(key[1]) for r in rules)]
    assert lost == []


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_says_what_to_do(cluster: Cluster, rule: CelRule) -> None:
    live = cluster.kubernetes.get(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{rule.kind.lower()}s.companydirectory.io"
    )
    conditions = {each["type"]: each["status"] for each in live["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert len(rule.message.split()) > 3


def verdict(cluster: Cluster, rule: CelRule, changes: Changes) -> Any:
    """What the API server says to the change: of the object itself, or of the stored one's update."""
    base, case, path = base_of(rule.kind, rule.path), case_of(rule), COLLECTIONS[rule.kind]
    if not rule.is_transition:
        return cluster.refusal(path, changed(base, changes))
    assert case.before is not None, "a rule about changes says what the object was before"
    stored = cluster.create(path, changed(base, case.before))
    ref = ObjectRef(API_VERSION, rule.kind, stored["metadata"]["name"], stored["metadata"].get("namespace"))
    try:
        return cluster.refusal(ref.path, changed(stored, changes), method="PUT")
    finally:
        cluster.delete(ref)


@pytest.mark.parametrize(("rule", "changes"), attempts("taken"))
def test_what_is_right_is_taken(cluster: Cluster, rule: CelRule, changes: Changes) -> None:
    assert verdict(cluster, rule, changes) is None


@pytest.mark.parametrize(("rule", "changes"), attempts("refused"))
def test_what_is_wrong_is_refused_with_the_way_out(cluster: Cluster, rule: CelRule, changes: Changes) -> None:
    status = verdict(cluster, rule, changes)
    assert status is not None, "it was taken"
    causes = status["details"]["causes"]
    said = [cause for cause in causes if cause["message"].endswith(rule.message)]
    assert said, causes
    assert said[0]["field"] == case_of(rule).field
    assert said[0]["reason"] in REASONS
