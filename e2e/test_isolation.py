"""Two Dedicated tenants, each with its own administrator and data: every door of one is closed to the other.

Tried from outside with the other's token, and from inside the other's pod with all that the pod has. The same probe
tries the own doors, so that a probe that reaches nothing at all fails.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.support.backends import sql
from e2e.support.installation import TENANTS, Installation, names
from e2e.support.tenants import TenantUnderTest, picture
from tests.support.world import a_manifest

PROBE = Path(__file__).parent / "probes" / "doors.py"
OWN = {"own rows", "own key", "own object"}


@pytest.fixture(scope="module")
def pair(installation: Installation) -> Iterator[tuple[TenantUnderTest, TenantUnderTest]]:
    """Who tries, and whose doors are tried."""
    one, other = (TenantUnderTest(installation, name) for name in ("umbrella", "wonka"))
    installation.apply(*(a_manifest(tenant.name, tier="Dedicated") for tenant in (one, other)))
    for tenant in (one, other):
        tenant.ready()
    yield one, other
    for tenant in (one, other):
        tenant.delete()


@pytest.fixture(scope="module")
def attempts(installation: Installation, pair: tuple[TenantUnderTest, TenantUnderTest]) -> list[dict[str, str]]:
    one, other = pair
    with one.caller() as caller:
        caller.add_person("Own")
    with other.caller() as caller:
        person = caller.add_person("Secret")
        photo = caller.client.put(f"/api/v1/people/{person}/photo", content=picture(), headers={"If-Match": "*"})
        assert photo.status_code in {200, 204}, photo.text
    doors = doors_of(installation, one, other)
    [pod, *_] = names(installation.pods(TENANTS, f"companydirectory.io/tenant={one.name}"))
    code = f"OTHER = {doors!r}\n{PROBE.read_text()}"
    told = installation.execute(pod, TENANTS, "python", "-", code=code)
    tried: list[dict[str, str]] = json.loads(told.strip().splitlines()[-1])
    return tried


def doors_of(installation: Installation, one: TenantUnderTest, other: TenantUnderTest) -> dict[str, Any]:
    """Where each of the other's doors is, by name and address: nothing is closed because it couldn't be found."""
    tenant_id, tables = database_facts(installation, other.name)
    kubernetes = installation.get("service", "kubernetes", "default")
    pool = installation.items("services", "directory-system", "app.kubernetes.io/component=api")
    operator = installation.pods("directory-system", "app.kubernetes.io/name=directory-operator")
    assert kubernetes
    return {
        "slug": other.name,
        "tenant_id": tenant_id,
        "tables": tables,
        "own_bucket": bucket_of(one),
        "bucket": bucket_of(other),
        "photo": sql(installation, f"SELECT object_key FROM directory.photos WHERE tenant_id = '{tenant_id}' LIMIT 1"),
        "service": f"{other.name}-directory.{TENANTS}.svc:80",
        "pool": f"{pool[0]['spec']['clusterIP']}:{pool[0]['spec']['ports'][0]['port']}",
        "kubernetes": f"{kubernetes['spec']['clusterIP']}:443",
        "operator": f"{operator[0]['status']['podIP']}:9090",
    }


def bucket_of(tenant: TenantUnderTest) -> str:
    body = tenant.body()
    assert body
    return str(body["status"]["storage"]["bucket"])


def database_facts(installation: Installation, slug: str) -> tuple[str, list[str]]:
    tenant_id = sql(installation, f"SELECT tenant_id FROM registry.tenants WHERE slug = '{slug}'")
    tables = sql(
        installation,
        "SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'directory'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND c.relrowsecurity",
    )
    assert tables, "no table is under row-level security"
    return tenant_id, tables.split()


def test_its_own_doors_are_open(attempts: list[dict[str, str]]) -> None:
    found = {each["door"]: each for each in attempts if each["door"] in OWN}
    assert set(found) == OWN
    assert [each for each in found.values() if each["outcome"] != "open"] == []


def test_every_door_of_the_other_is_closed_from_inside_the_pod(attempts: list[dict[str, str]]) -> None:
    assert len(attempts) > 40
    assert [each for each in attempts if each["door"] not in OWN and each["outcome"] != "closed"] == []


def test_a_token_is_worth_nothing_at_the_others_host(pair: tuple[TenantUnderTest, TenantUnderTest]) -> None:
    one, other = pair
    with one.caller() as mine, other.caller() as theirs:
        assert theirs.client.get("/api/v1/people").status_code == 200
        stolen = {"Authorization": f"Bearer {mine.token}"}
        for path in ("people", "departments", "accounts", "me"):
            answer = theirs.client.get(f"/api/v1/{path}", headers=stolen)
            assert (path, answer.status_code) == (path, 401)


def test_an_own_certificate_is_not_needed_to_be_told_apart(pair: tuple[TenantUnderTest, TenantUnderTest]) -> None:
    """One TLS connection to the own host, the other's name in HTTP: what a confused client or an attacker sends."""
    one, other = pair
    with one.caller() as caller:
        answer = caller.client.get("/api/v1/people", headers={"Host": other.host})
        assert answer.status_code in {401, 404, 421}
