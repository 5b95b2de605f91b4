"""Whatever is broken by hand is repaired, and an Event says what it was."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from tests.support.eventually import eventually
from tests.support.traces import Traces, redis_admin, s3_admin
from tests.support.world import World

NAME = "drifting"
DEPLOYMENT = f"/apis/apps/v1/namespaces/tenants/deployments/{NAME}-directory"


@dataclass(frozen=True)
class Break:
    """How it is broken, how one sees that it is whole, and a word that the Event must hold."""

    by_hand: Callable[[World], object]
    is_whole: Callable[[World], object]
    word: str


def _bucket(world: World) -> str:
    return Traces(world, NAME).bucket


def _cut(world: World, kind: str, name: str = f"{NAME}-directory") -> str:
    return world.kubectl("delete", kind, name, "-n", "tenants")


def _exists(world: World, path: str) -> bool:
    return world.get(path) is not None


BREAKS = {
    "role dropped": Break(
        lambda w: w.sql("drop owned by dt_drifting; drop role dt_drifting"),
        lambda w: Traces(w, NAME).role() == "can log in",
        "dt_drifting",
    ),
    "role made superuser": Break(
        lambda w: w.sql("alter role dt_drifting createdb bypassrls"),
        lambda w: w.sql("select rolcreatedb or rolbypassrls from pg_roles where rolname = 'dt_drifting'") == "f",
        "dt_drifting",
    ),
    "group membership revoked": Break(
        lambda w: w.sql("revoke directory_api from dt_drifting granted by directory_makers"),
        lambda w: w.sql("select pg_has_role('dt_drifting', 'directory_api', 'member')") == "t",
        "membership",
    ),
    "connection limit lifted": Break(
        lambda w: w.sql("alter role dt_drifting connection limit -1"),
        lambda w: w.sql("select rolconnlimit from pg_roles where rolname = 'dt_drifting'") == "20",
        "limit",
    ),
    "registry row renamed": Break(
        lambda w: w.sql("update registry.tenants set display_name = 'Hacked' where slug = 'drifting'"),
        lambda w: w.sql("select display_name from registry.tenants where slug = 'drifting'") == "Drifting",
        "drifting",
    ),
    "row security off": Break(
        lambda w: w.sql("alter table directory.people no force row level security"),
        lambda w: w.sql("select relforcerowsecurity from pg_class where oid = 'directory.people'::regclass") == "t",
        "people",
    ),
    "policy dropped": Break(
        lambda w: w.sql("drop policy people_tenant on directory.people"),
        lambda w: (
            w.sql("select count(*) from pg_policies where schemaname = 'directory' and tablename = 'people'") == "1"
        ),
        "people",
    ),
    "policy opened": Break(
        lambda w: w.sql("alter policy people_tenant on directory.people using (true) with check (true)"),
        lambda w: (
            "verified_tenant"
            in w.sql("select qual from pg_policies where schemaname = 'directory' and tablename = 'people'")
        ),
        "people",
    ),
    "ACL user dropped": Break(
        lambda w: redis_admin(w.machine).acl_deluser("dt-drifting"),
        lambda w: Traces(w, NAME).redis_user(),
        "dt-drifting",
    ),
    "ACL user opened": Break(
        lambda w: redis_admin(w.machine).execute_command("ACL", "SETUSER", "dt-drifting", "~*", "+@all"),
        lambda w: "~*" not in json.dumps((Traces(w, NAME).redis_user() or {}).get("keys")),
        "dt-drifting",
    ),
    "lifecycle rule deleted": Break(
        lambda w: s3_admin(w.machine).delete_bucket_lifecycle(Bucket=_bucket(w)),
        lambda w: s3_admin(w.machine).get_bucket_lifecycle_configuration(Bucket=_bucket(w)),
        "lifecycle",
    ),
    "versioning suspended": Break(
        lambda w: s3_admin(w.machine).put_bucket_versioning(
            Bucket=_bucket(w), VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda w: s3_admin(w.machine).get_bucket_versioning(Bucket=_bucket(w))["Status"] == "Enabled",
        "versioning",
    ),
    "encryption removed": Break(
        lambda w: s3_admin(w.machine).delete_bucket_encryption(Bucket=_bucket(w)),
        lambda w: s3_admin(w.machine).get_bucket_encryption(Bucket=_bucket(w)),
        "encryption",
    ),
    "Secret deleted": Break(
        lambda w: _cut(w, "secret"),
        lambda w: w.secret("drifting-directory"),
        "drifting-directory",
    ),
    "storage Secret deleted": Break(
        lambda w: _cut(w, "secret", "drifting-directory-storage"),
        lambda w: w.secret("drifting-directory-storage"),
        "drifting-directory-storage",
    ),
    "Deployment deleted": Break(
        lambda w: _cut(w, "deployment"),
        lambda w: _exists(w, "/apis/apps/v1/namespaces/tenants/deployments/drifting-directory"),
        "Deployment",
    ),
    "Deployment edited": Break(
        lambda w: w.kubectl("set", "image", "deployment/drifting-directory", "*=evil.example/x:1", "-n", "tenants"),
        lambda w: (
            "evil" not in json.dumps(w.get("/apis/apps/v1/namespaces/tenants/deployments/drifting-directory")["spec"])
        ),
        "Deployment",
    ),
    "Ingress deleted": Break(
        lambda w: _cut(w, "ingress"),
        lambda w: _exists(w, "/apis/networking.k8s.io/v1/namespaces/tenants/ingresses/drifting-directory"),
        "Ingress",
    ),
    "NetworkPolicy deleted": Break(
        lambda w: _cut(w, "networkpolicy"),
        lambda w: _exists(w, "/apis/networking.k8s.io/v1/namespaces/tenants/networkpolicies/drifting-directory"),
        "NetworkPolicy",
    ),
}


@pytest.fixture(scope="module")
def drifting(world: World) -> World:
    """A Dedicated tenant whose pods a stand-in for the kubelet reports as available."""
    world.apply(NAME, tier="Dedicated")
    world.nodes.serve(f"{NAME}-directory")
    world.ready(NAME)
    return world


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_repaired_and_told(drifting: World, name: str) -> None:
    damage = BREAKS[name]
    before = len(_told(drifting))
    damage.by_hand(drifting)
    eventually(lambda: damage.word in " ".join(_told(drifting)[before:]), timeout=30)
    eventually(lambda: _whole(drifting, damage), timeout=15)
    drifting.ready(NAME)


def _whole(world: World, damage: Break) -> object:
    try:
        return damage.is_whole(world)
    except ClientError:  # S3 answers a missing configuration with an error
        return None


def _told(world: World) -> list[str]:
    """What is shared by all tenants, row security, is told of the platform or of the tenant that found it first."""
    items = world.get("/api/v1/events?fieldSelector=reason=DriftDetected")["items"]
    items.sort(key=lambda item: int(item["metadata"]["resourceVersion"]))
    return [item["message"] for item in items]


def _updates(world: World) -> list[str]:
    return [message for reason, message in world.events(NAME) if reason == "Updated"]


def test_what_another_platform_spec_changes_is_an_update_and_no_drift(drifting: World) -> None:
    before = len(_told(drifting))
    platform = drifting.get("/apis/companydirectory.io/v1beta1/directoryplatforms/default")
    for image in ("registry.example/api:newer", platform["spec"]["api"]["image"]):
        seen = len(_updates(drifting))
        _set_image(drifting, image)
        eventually(lambda image=image: image in json.dumps(drifting.get(DEPLOYMENT)["spec"]), timeout=30)
        eventually(lambda seen=seen: any("apply Deployment" in each for each in _updates(drifting)[seen:]))
    drifting.ready(NAME)
    assert _told(drifting)[before:] == []


def _set_image(world: World, image: str) -> None:
    patch = json.dumps({"spec": {"api": {"image": image}}})
    world.kubectl("patch", "dplat", "default", "--type=merge", "-p", patch)
