"""A tenant's life as its user sees it: apply, look, change, delete."""

import re

import pytest

from tests.support.eventually import eventually
from tests.support.world import World, condition

CONDITIONS = ["Ready", "Progressing", "Stalled", "CredentialsReady", "DatabaseReady", "CacheReady", "StorageReady"]


def test_a_minimal_tenant_becomes_ready_and_says_where_it_is(world: World) -> None:
    world.apply("smallest")
    body = world.ready("smallest")
    status = body["status"]
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "True",
        "Progressing": "False",
        "Stalled": "False",
        "CredentialsReady": "True",
        "DatabaseReady": "True",
        "CacheReady": "True",
        "StorageReady": "True",
        "ApiReady": "True",
        "IngressReady": "True",
    }
    assert all(each["observedGeneration"] == 1 for each in status["conditions"])
    assert (status["observedGeneration"], status["lastAppliedGeneration"]) == (1, 1)
    base = world.get("/apis/companydirectory.io/v1beta1/directoryplatforms/default")["spec"]["ingress"]
    assert status["url"] == f"https://smallest.{base['baseDomain']}:{base['port']}"
    assert status["database"]["role"] == "dt_smallest"
    assert status["cache"] == {"user": "dt-smallest", "keyPrefix": "t:smallest:"}
    assert status["storage"]["bucket"].endswith("-smallest")
    assert ("Ready", f"served at {status['url']}") in world.events("smallest")


def test_kubectl_get_shows_what_matters(world: World) -> None:
    world.apply("columns")
    world.ready("columns")
    header, row = world.kubectl("get", "dt", "columns", "-n", "tenants").splitlines()
    assert header.split() == ["NAME", "READY", "URL", "TIER", "AGE", "REASON"]
    assert re.fullmatch(r"columns +True +https://columns\.\S+ +Pooled +\d+s +Ready *", row)


def test_kubectl_wait_works_and_a_second_apply_changes_nothing(world: World) -> None:
    world.apply("waited")
    world.kubectl("wait", "--for=condition=Ready", "dt/waited", "-n", "tenants", "--timeout=30s")
    before = world.tenant("waited")
    world.apply("waited")
    assert world.tenant("waited") == before


def test_a_changed_spec_reaches_every_backend(world: World) -> None:
    world.apply("changing")
    world.ready("changing")
    world.apply("changing", displayName="Changed Ltd", database={"connectionLimit": 7})
    body = world.ready("changing")
    assert body["status"]["lastAppliedGeneration"] == body["metadata"]["generation"] == 2
    assert world.sql("select display_name from registry.tenants where slug = 'changing'") == "Changed Ltd"
    assert world.sql("select rolconnlimit from pg_roles where rolname = 'dt_changing'") == "7"
    assert "DriftDetected" not in [reason for reason, _ in world.events("changing")]


def test_a_new_administrator_gets_an_account_and_a_password(world: World) -> None:
    world.apply("growing")
    world.ready("growing")
    admins = [{"email": "ada@growing.example"}, {"email": "grace+1@growing.example"}]
    world.apply("growing", admins=admins)
    world.ready("growing")
    secret = world.secret("growing-directory")
    assert secret is not None
    assert {key for key in secret["data"] if key.startswith("admin-password.")} == {
        "admin-password.ada_at_growing.example",
        "admin-password.grace_plus_1_at_growing.example",
    }
    emails = world.sql(
        "select string_agg(a.email, ',' order by a.email) from directory.accounts a "
        "join registry.tenants t using (tenant_id) where t.slug = 'growing'"
    )
    assert emails == "ada@growing.example,grace+1@growing.example"


@pytest.mark.parametrize("tier", ["Pooled", "Dedicated"])
def test_the_operator_owns_all_it_makes_in_kubernetes(world: World, tier: str) -> None:
    name = f"owned-{tier.lower()}"
    world.apply(name, tier=tier)
    eventually(lambda: condition(world.tenant(name), "StorageReady").get("status") == "True", timeout=30)
    uid = (world.tenant(name) or {})["metadata"]["uid"]
    listed = world.kubectl(
        "get",
        "secret,sa,deploy,svc,hpa,pdb,netpol,ing",
        "-n",
        "tenants",
        "-o",
        "json",
        "-l",
        f"companydirectory.io/tenant={name}",
    )
    import json

    kinds = {}
    for item in json.loads(listed)["items"]:
        kinds.setdefault(item["kind"], []).append(item["metadata"]["name"])
        assert [each["uid"] for each in item["metadata"]["ownerReferences"]] == [uid]
    secrets = [f"{name}-directory", f"{name}-directory-storage"]
    child = [f"{name}-directory"]
    workload = (
        "ServiceAccount",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Ingress",
    )
    assert kinds == {"Secret": secrets} | (dict.fromkeys(workload, child) if tier == "Dedicated" else {})
