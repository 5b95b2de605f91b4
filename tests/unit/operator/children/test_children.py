"""Whose an object is, whether it is as wanted, and what follows."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_operator.children import (
    DIGEST_ANNOTATION,
    ApplyObject,
    DeleteObject,
    difference,
    metadata,
    plan_children,
    sealed,
)
from directory_operator.errors import Conflict, NotReady
from directory_operator.manifests import Manifest, ObjectRef
from tests.support.builders import a_tenant

TENANT = a_tenant()


def a_service(name: str = "acme-directory", **spec: Any) -> Manifest:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(TENANT, name),
        "spec": {"type": "ClusterIP"} | spec,
    }
    return sealed(body)


def live(manifest: Manifest, **extra: Any) -> Manifest:
    """As the server has it: with a uid and defaults."""
    copy = deepcopy(manifest)
    copy["metadata"] |= {"uid": "u-1", "resourceVersion": "7"} | extra
    copy["spec"]["sessionAffinity"] = "None"
    return copy


def plan(wanted: list[Manifest], *present: Manifest) -> list[str]:
    return [str(change) for change in plan_children(TENANT, wanted, {ObjectRef.of(each): each for each in present})]


SAME: list[tuple[object, object]] = [
    ({"a": 1}, {"a": 1, "defaulted": 2}),
    ({"a": {}}, {"a": {"defaulted": 2}}),
    ([], []),
    (["x", "y"], ["x", "y"]),
    ([{"name": "http", "port": 80}], [{"name": "http", "port": 80, "protocol": "TCP"}]),
    ([{"name": "ours"}], [{"name": "side-car"}, {"name": "ours", "image": "x"}]),
    ([{"mountPath": "/a"}], [{"mountPath": "/b"}, {"mountPath": "/a"}]),
    ({"resources": {"limits": {"cpu": "0.5"}}}, {"resources": {"limits": {"cpu": "500m"}}}),
    ({"resources": {"limits": {"memory": "1024Mi"}}}, {"resources": {"limits": {"memory": "1Gi"}}}),
]

DIFFERENT: list[tuple[object, object, str]] = [
    ({"a": 1}, {}, ".a"),
    ({"a": 1}, {"a": None}, ".a"),
    ({"a": 1}, {"a": "1"}, ".a"),
    ({"a": {"b": 1}}, {"a": 3}, ".a"),
    ({"a": ["x"]}, {"a": ["y"]}, ".a[0]"),
    ({"a": ["x"]}, {"a": ["x", "y"]}, ".a"),
    ({"a": []}, {}, ".a"),
    ({"a": [{"to": 1}]}, {"a": [{"to": 1}, {"to": 2}]}, ".a"),
    ({"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "x", "v": 2}]}, ".a[x].v"),
    ({"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "y", "v": 1}]}, ".a[x]"),
    ({"a": [{"name": "x"}]}, {"a": []}, ".a[x]"),
    ({"resources": {"limits": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "2"}}}, ".resources.limits.cpu"),
    ({"value": "1000m"}, {"value": "1"}, ".value"),
]


@pytest.mark.parametrize(("wanted", "present"), SAME)
def test_what_others_and_the_server_add_is_no_difference(wanted: object, present: object) -> None:
    assert difference(wanted, present) is None


@pytest.mark.parametrize(("wanted", "present", "path"), DIFFERENT)
def test_a_difference_is_named_by_its_path(wanted: object, present: object, path: str) -> None:
    assert difference(wanted, present) == path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_an_object_never_differs_from_itself(value: object) -> None:
    assert difference(value, deepcopy(value)) is None


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.dictionaries(st.text(min_size=6, max_size=8), JSON))
def test_more_fields_never_make_a_difference(wanted: dict[str, object], more: dict[str, object]) -> None:
    assert difference(wanted, more | wanted) is None


def test_what_is_missing_is_applied_in_order() -> None:
    assert plan([a_service("a"), a_service("b")]) == [
        "apply Service tenants/a (missing)",
        "apply Service tenants/b (missing)",
    ]


def test_what_is_as_wanted_is_left_alone() -> None:
    assert plan([a_service()], live(a_service())) == []


def test_a_difference_in_the_body_is_told_rather_than_the_digest() -> None:
    assert plan([a_service(type="NodePort")], live(a_service())) == [
        "apply Service tenants/acme-directory (spec.type differs)"
    ]


def test_a_field_we_no_longer_set_counts() -> None:
    (change,) = plan([a_service()], live(a_service(externalTrafficPolicy="Local")))
    assert DIGEST_ANNOTATION in change


def test_leftovers_go_last_and_the_first_made_the_very_last() -> None:
    old = [live(a_service(name), uid=name) for name in "abc"]
    changes = plan([a_service("d")], *old)
    assert changes == [
        "apply Service tenants/d (missing)",
        "delete Service tenants/c",
        "delete Service tenants/b",
        "delete Service tenants/a",
    ]


def test_a_strangers_object_is_left_alone_unless_it_is_in_the_way() -> None:
    theirs = live(a_service(), ownerReferences=[])
    assert plan([], theirs) == []
    with pytest.raises(Conflict, match="acme-directory exists already and does not belong to this tenant"):
        plan([a_service()], theirs)


def test_another_tenants_object_is_a_strangers() -> None:
    other = replace(TENANT, name="globex", uid="another")
    theirs = live(a_service(), ownerReferences=metadata(other, "x")["ownerReferences"])
    with pytest.raises(Conflict):
        plan([a_service()], theirs)


def test_a_predecessors_object_is_replaced() -> None:
    before = replace(TENANT, uid="an-older-uid")
    theirs = live(a_service(), ownerReferences=metadata(before, "x")["ownerReferences"])
    changes = plan_children(TENANT, [a_service()], {ObjectRef.of(theirs): theirs})
    assert [type(change) for change in changes] == [DeleteObject, ApplyObject]
    assert isinstance(changes[0], DeleteObject)
    assert changes[0].uid == "u-1"


def test_what_is_being_deleted_is_waited_for() -> None:
    going = live(a_service(), deletionTimestamp="2026-01-01T00:00:00Z")
    for wanted in ([a_service()], []):
        with pytest.raises(NotReady, match="is being deleted"):
            plan(wanted, going)
