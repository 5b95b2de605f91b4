"""The rights that the operator is granted in the cluster are those that the API server's audit log shows it use."""

import json
from collections.abc import Iterator

import pytest

from e2e.support.installation import SYSTEM, TENANTS, Installation
from e2e.support.report import Report

OPERATOR = f"system:serviceaccount:{SYSTEM}:directory-operator"

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""

# Granted for what this run can't bring about; each says what would use it.
UNUSED: dict[Right, str] = {
    **{
        (group, kind, "list"): "servers that can't stream a list (before 1.34) are asked for it instead"
        for group, kind in (
            ("", "configmaps"),
            ("", "secrets"),
            ("", "serviceaccounts"),
            ("", "services"),
            ("apps", "deployments"),
            ("autoscaling", "horizontalpodautoscalers"),
            ("gateway.networking.k8s.io", "httproutes"),
            ("networking.k8s.io", "ingresses"),
            ("networking.k8s.io", "networkpolicies"),
            ("policy", "poddisruptionbudgets"),
        )
    },
    **{
        ("gateway.networking.k8s.io", "httproutes", verb): "platforms with a gatewayRef"
        for verb in ("create", "patch", "delete")
    },
    (
        "companydirectory.io",
        "directorytenants/finalizers",
        "update",
    ): "OwnerReferencesPermissionEnforcement (OpenShift)",
}


def granted(installation: Installation) -> set[Right]:
    """Every right that a ClusterRole or Role bound to the operator's service account gives."""
    rights: set[Right] = set()
    for binding in _bindings(installation):
        reference = binding["roleRef"]
        namespace = binding["metadata"].get("namespace") if reference["kind"] == "Role" else None
        role = installation.get(reference["kind"], reference["name"], namespace)
        assert role, reference
        for rule in role["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]), rule
            rights |= {
                (group, resource, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return rights


def _bindings(installation: Installation) -> Iterator[dict]:  # type: ignore[type-arg]
    for kind in ("clusterrolebindings", "rolebindings"):
        text = installation.kubectl("get", kind, "-A", "-o", "json")
        for binding in json.loads(text)["items"]:
            if any(
                subject["kind"] == "ServiceAccount"
                and subject["name"] == "directory-operator"
                and subject.get("namespace") == SYSTEM
                for subject in binding.get("subjects", [])
            ):
                yield binding


@pytest.fixture(scope="module")
def used(installation: Installation) -> set[tuple[Right, str]]:
    """What the operator asked for, with what the authorizer said: `allow` or `forbid`.

    The status code alone won't do: a write into a namespace that is being deleted is answered 403 as well.
    """
    found: set[tuple[Right, str]] = set()
    for log in sorted(installation.audit_logs()):
        for line in log.read_text().splitlines():
            if f'"username":"{OPERATOR}"' not in line:
                continue
            entry = json.loads(line)
            reference = entry.get("objectRef")
            if reference is None:
                continue
            resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
            group, code = reference.get("apiGroup", ""), entry.get("responseStatus", {}).get("code", 0)
            said = entry.get("annotations", {}).get("authorization.k8s.io/decision", "")
            found.add(((group, resource, entry["verb"]), said))
            if (entry["verb"], code) == ("patch", 201):  # a server-side apply that made something needs both rights
                found.add(((group, resource, "create"), said))
    return found


def test_nothing_that_it_asked_for_was_forbidden(used: set[tuple[Right, str]]) -> None:
    assert len(used) > 20, "the audit log doesn't show the operator at work"
    assert {right for right, said in used if said == "forbid"} == set()


def test_every_right_is_used(installation: Installation, used: set[tuple[Right, str]], report: Report) -> None:
    rights = granted(installation)
    asked = {right for right, _said in used}
    report.fact("rights granted to the operator, and used", f"{len(rights)}, {len(rights & asked)}")
    assert rights - asked - set(UNUSED) == set()
    assert set(UNUSED) - rights == set(), "an exception for a right that isn't granted"


def test_it_may_not_do_what_it_never_does(installation: Installation) -> None:
    """Asked of the authorizer itself, for what would hurt most."""
    for verb, resource, where in (
        ("create", "clusterrolebindings.rbac.authorization.k8s.io", "default"),
        ("create", "pods", TENANTS),
        ("create", "pods/exec", SYSTEM),
        ("delete", "directorytenants.companydirectory.io", TENANTS),
        ("delete", "namespaces", TENANTS),
        ("update", "nodes", "default"),
    ):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": OPERATOR, "resourceAttributes": attributes(verb, resource, where)},
        }
        answer = json.loads(installation.kubectl("create", "-o", "json", "-f", "-", objects=review))
        assert answer["status"].get("allowed", False) is False, (verb, resource)


def attributes(verb: str, resource: str, namespace: str) -> dict[str, str]:
    name, _, group = resource.partition(".")
    name, _, subresource = name.partition("/")
    return {"verb": verb, "resource": name, "subresource": subresource, "group": group, "namespace": namespace}
