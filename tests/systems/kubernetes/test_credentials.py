"""The tenant's Secret on a real API server: durable, kept, mended part by part, never a stranger's, never shown."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from directory_operator.children import DeleteObject
from directory_operator.errors import Conflict, NotReady
from directory_operator.keys import new_signing_key, secret_texts
from directory_operator.kube import Kube
from directory_operator.reasons import Reason
from directory_operator.systems.credentials.plan import WriteSecret, secret_ref
from directory_operator.systems.credentials.system import CredentialsSystem
from directory_operator.tenant.model import Credentials, Tenant
from tests.support.cluster import CUSTOM, Cluster, MakeTenant
from tests.support.eventually import eventually
from tests.systems.kubernetes.settle import settle

ADA = "admin-password.ada_at_acme.example"
GENERATION = "companydirectory.io/credential-generation"
CORE = ["jwt-signing-key.pem", "postgres-password", "redis-password"]


@pytest.fixture
def system(kube: Kube) -> CredentialsSystem:
    return CredentialsSystem(kube=kube)


def texts(cluster: Cluster, tenant: Tenant) -> dict[str, str]:
    return secret_texts(cluster.get(secret_ref(tenant)))


def generation(cluster: Cluster, tenant: Tenant) -> str:
    live = cluster.get(secret_ref(tenant))
    assert live is not None
    return str(live["metadata"]["annotations"][GENERATION])


def edit(cluster: Cluster, tenant: Tenant, key: str, value: str | None) -> None:
    data = None if value is None else b64encode(value.encode()).decode()
    cluster.merge(secret_ref(tenant), {"data": {key: data}})


async def enriched(system: CredentialsSystem, tenant: Tenant) -> Credentials:
    credentials = system.enrich(tenant, await system.observe(tenant)).credentials
    assert credentials is not None
    return credentials


async def test_the_secret_holds_what_everybody_needs(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    assert await settle(system, tenant) == [f"write Secret {tenant.namespace}/acme-directory (missing)"]
    held = texts(cluster, tenant)
    assert sorted(held) == sorted([*CORE, ADA, "postgres-username", "redis-username"])
    assert (held["postgres-username"], held["redis-username"]) == ("dt_acme", "dt-acme")
    assert isinstance(load_pem_private_key(held["jwt-signing-key.pem"].encode(), None), EllipticCurvePrivateKey)
    assert len(held["postgres-password"]) == len(held["redis-password"]) == len(held[ADA]) == 43
    assert len({held["postgres-password"], held["redis-password"], held[ADA]}) == 3


async def test_later_steps_get_what_the_secret_holds(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    held, credentials = texts(cluster, tenant), await enriched(system, tenant)
    assert credentials.postgres_password.get_secret_value() == held["postgres-password"]
    assert credentials.redis_password.get_secret_value() == held["redis-password"]
    assert credentials.admin_passwords["ada@acme.example"].get_secret_value() == held[ADA]
    assert credentials.generation == generation(cluster, tenant)


async def test_a_settled_secret_is_not_written(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    before = cluster.writes(tenant.namespace)
    assert await settle(system, tenant) == []
    assert cluster.writes(tenant.namespace) == before == 1


async def test_applying_a_change_twice_keeps_the_first_passwords(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    (change,) = system.plan(tenant, system.desired(tenant), await system.observe(tenant))
    await system.apply(tenant, change)
    first = texts(cluster, tenant)
    await system.apply(tenant, change)
    assert texts(cluster, tenant) == first


@pytest.mark.parametrize("key", [*CORE, ADA])
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
async def test_a_lost_part_alone_is_made_anew_and_the_backends_follow(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster, key: str, value: str | None
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    before, old = texts(cluster, tenant), generation(cluster, tenant)
    edit(cluster, tenant, key, value)
    (change,) = await settle(system, tenant)
    assert f"{key} is missing or unusable" in change
    after = texts(cluster, tenant)
    assert {each for each in after if after[each] != before[each]} == {key}
    assert generation(cluster, tenant) != old


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("postgres-password", "chosen-by-somebody-else"),
        (ADA, "correct-horse-battery"),
        ("jwt-signing-key.pem", new_signing_key()),
    ],
    ids=["password", "administrator", "signing-key"],
)
async def test_a_value_chosen_by_hand_is_taken_over_by_the_backends(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster, key: str, value: str
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    before, old = texts(cluster, tenant), generation(cluster, tenant)
    edit(cluster, tenant, key, value)
    (change,) = await settle(system, tenant)
    assert f"({key} was changed)" in change
    assert texts(cluster, tenant) == before | {key: value}
    assert generation(cluster, tenant) != old


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("redis-password", "short"),
        ("postgres-password", "a line and its end\n"),
        ("jwt-signing-key.pem", "no key at all"),
    ],
)
async def test_a_value_that_can_not_serve_is_made_anew(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster, key: str, value: str
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    old = generation(cluster, tenant)
    edit(cluster, tenant, key, value)
    await settle(system, tenant)
    assert texts(cluster, tenant)[key] != value
    assert generation(cluster, tenant) != old


async def test_a_new_administrator_gets_a_password_and_nobody_else_notices(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    before, old = texts(cluster, tenant), generation(cluster, tenant)
    admins = [{"email": "ada@acme.example"}, {"email": "Bob+it@acme.example"}]
    spec = type(tenant.spec).model_validate({**tenant.spec.model_dump(by_alias=True), "admins": admins})
    larger = replace(tenant, spec=spec)
    key = "admin-password.bob_plus_it_at_acme.example"
    (change,) = await settle(system, larger)
    assert f"{key} is new" in change
    after = texts(cluster, tenant)
    assert before == {each: value for each, value in after.items() if each != key}
    assert generation(cluster, tenant) == old
    assert set((await enriched(system, larger)).admin_passwords) == {"ada@acme.example", "Bob+it@acme.example"}

    (change,) = await settle(system, tenant)
    assert f"{key} is no longer asked for" in change
    assert texts(cluster, tenant) == before
    assert generation(cluster, tenant) == old


@pytest.mark.parametrize(
    ("patch", "said", "renews"),
    [
        ({"data": {"postgres-username": b64encode(b"postgres").decode()}}, "postgres-username differs", False),
        (
            {"metadata": {"labels": {"companydirectory.io/tenant": "other"}}},
            "companydirectory.io/tenant differs",
            False,
        ),
        ({"metadata": {"annotations": {GENERATION: None}}}, "its generation is missing", True),
        ({"metadata": {"annotations": {"companydirectory.io/credential-fingerprints": None}}}, "fingerprint", False),
        ({"metadata": {"annotations": {"companydirectory.io/credential-fingerprints": "{"}}}, "fingerprint", False),
    ],
    ids=["login", "label", "generation", "fingerprints", "broken-fingerprints"],
)
async def test_what_surrounds_the_values_is_mended(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster, patch: Any, said: str, renews: bool
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    before, old = texts(cluster, tenant), generation(cluster, tenant)
    cluster.merge(secret_ref(tenant), patch)
    (change,) = await settle(system, tenant)
    assert said in change
    assert texts(cluster, tenant) == before
    assert (generation(cluster, tenant) != old) is renews


async def test_what_others_put_beside_is_theirs(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    edit(cluster, tenant, "note", "hello")
    assert await settle(system, tenant) == []
    edit(cluster, tenant, "redis-password", None)
    await settle(system, tenant)
    assert texts(cluster, tenant)["note"] == "hello"


async def test_a_write_in_between_is_not_overwritten(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    edit(cluster, tenant, "redis-password", None)
    (change,) = system.plan(tenant, system.desired(tenant), await system.observe(tenant))
    apply = kube.apply

    async def late(manifest: Any) -> Any:
        edit(cluster, tenant, "redis-password", "written-by-somebody-else")
        return await apply(manifest)

    monkeypatch.setattr(kube, "apply", late)
    with pytest.raises(NotReady, match="changed while it was being written") as raised:
        await system.apply(tenant, change)
    assert raised.value.retry_after == 1.0
    assert texts(cluster, tenant)["redis-password"] == "written-by-somebody-else"


async def test_a_strangers_secret_is_neither_taken_nor_deleted(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    body = {"metadata": {"name": "acme-directory"}, "stringData": {"postgres-password": "theirs"}}
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/secrets", body)
    observed = await system.observe(tenant)
    with pytest.raises(Conflict, match=r"acme-directory exists already .*delete or rename it, or give the tenant"):
        system.plan(tenant, system.desired(tenant), observed)
    assert system.plan(tenant, None, observed) == []


async def test_an_immutable_secret_is_left_until_it_has_to_change(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    cluster.merge(secret_ref(tenant), {"immutable": True})
    assert await settle(system, tenant) == []
    cluster.merge(secret_ref(tenant), {"metadata": {"annotations": {GENERATION: None}}})
    with pytest.raises(Conflict, match=r"was made immutable and needs a change .*: delete it"):
        system.plan(tenant, system.desired(tenant), await system.observe(tenant))


async def test_a_predecessors_secret_is_not_inherited(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    old = texts(cluster, tenant)
    stranger = replace(tenant, uid="11111111-1111-4111-8111-111111111111")
    changes = system.plan(stranger, system.desired(stranger), await system.observe(stranger))
    assert [type(change) for change in changes] == [DeleteObject, WriteSecret]

    cluster.http.delete(f"{CUSTOM}/namespaces/{tenant.namespace}/directorytenants/acme").raise_for_status()
    heir = live_tenant(namespace=tenant.namespace)
    await settle(system, heir)  # whether or not the garbage collector was here first
    new = texts(cluster, heir)
    assert all(new[key] != old[key] for key in [*CORE, ADA])


async def test_a_secret_that_is_being_deleted_is_waited_for(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    cluster.merge(secret_ref(tenant), {"metadata": {"finalizers": ["example.org/hold"]}})
    cluster.http.delete(secret_ref(tenant).path).raise_for_status()
    with pytest.raises(NotReady, match=r"being deleted, held by its finalizers example\.org/hold") as raised:
        system.plan(tenant, system.desired(tenant), await system.observe(tenant))
    assert raised.value.reason is Reason.WAITING_FOR_DEPENDENCY
    cluster.merge(secret_ref(tenant), {"metadata": {"finalizers": None}})


async def test_a_quota_that_forbids_the_secret_is_named(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    quota = {"metadata": {"name": "no-secrets"}, "spec": {"hard": {"secrets": "0"}}}
    cluster.create(f"/api/v1/namespaces/{tenant.namespace}/resourcequotas", quota)
    path = f"/api/v1/namespaces/{tenant.namespace}/resourcequotas/no-secrets"
    eventually(lambda: cluster.kubernetes.get(path)["status"].get("hard"))
    with pytest.raises(NotReady, match=r"was refused: .*exceeded quota: no-secrets") as raised:
        await settle(system, tenant)
    assert raised.value.reason is Reason.OBJECT_REFUSED


async def test_deletion_takes_the_secret_away(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    assert await settle(system, tenant, wanted=False) == [f"delete Secret {tenant.namespace}/acme-directory"]
    assert cluster.get(secret_ref(tenant)) is None
    assert system.enrich(tenant, await system.observe(tenant)).credentials is None


async def test_no_value_shows_in_what_is_printed(
    system: CredentialsSystem, live_tenant: MakeTenant, cluster: Cluster
) -> None:
    tenant = live_tenant()
    await settle(system, tenant)
    edit(cluster, tenant, "redis-password", "a-value-to-be-taken-over")
    observed = await system.observe(tenant)
    changes = system.plan(tenant, system.desired(tenant), observed)
    printed = f"{observed!r} {observed} {changes!r} {[*map(str, changes)]} {system.enrich(tenant, observed)!r}"
    printed += json.dumps((cluster.get(secret_ref(tenant)) or {})["metadata"])
    secrets = [value for key, value in texts(cluster, tenant).items() if not key.endswith("username")]
    assert secrets
    shown = [value for value in secrets if value in printed or b64encode(value.encode()).decode() in printed]
    assert not shown
