"""Two tenants, each with rows in every table, keys of every kind and objects; and both ways to serve them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from directory_local.machine import Machine
from tests.api.test_photos import picture
from tests.support.api import ApiProcess, Caller, serving_login
from tests.support.tenants import Backends, Login, ProvisionedTenant


@dataclass(frozen=True)
class Inhabited:
    """A tenant with something of everything, and its SuperAdmin signed in."""

    tenant: ProvisionedTenant
    admin: Caller
    api: ApiProcess
    person_id: str
    department_id: str
    account_id: str
    cursor: str


def inhabited(tenant: ProvisionedTenant, api: ApiProcess) -> Inhabited:
    admin = api.caller(tenant).signed_in()
    department = admin.department("Research")["department_id"]
    person = admin.person("Grace", "Hopper", department_id=department, phone="+1 555", email="grace@x.example")
    admin.person("Ada", "Lovelace")
    account: dict[str, Any] = admin.post(
        "/accounts",
        {"email": "user@x.example", "password": "a good long password", "person_id": person["person_id"]},
    ).json()
    path = f"/people/{person['person_id']}"
    assert admin.request("PUT", f"{path}/photo", content=picture()).status_code == 204
    cursor = admin.get("/people?limit=1").json()["next_cursor"]
    return Inhabited(tenant, admin, api, person["person_id"], department, account["account_id"], cursor)


@pytest.fixture(scope="session")
def backends(machine: Machine) -> Iterator[Backends]:
    found = Backends.on(machine)
    yield found
    found.close()


@pytest.fixture(scope="session")
def pool_login(backends: Backends) -> Login:
    return backends.pooled_login("dp_isolation")


@pytest.fixture(scope="session", params=["Pooled", "Dedicated"])
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def pair(
    tier: str, backends: Backends, pool_login: Login, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Inhabited, Inhabited]]:
    """Tenant A, whose credentials are abused, and tenant B, the victim: in one process, or in one each."""
    tenants = [backends.tenant(f"{name}-{uuid4().hex[:6]}", tier) for name in ("mallory", "victim")]
    if tier == "Pooled":
        with serving_login(backends, pool_login, tmp_path_factory.mktemp("isolation")) as api:
            yield inhabited(tenants[0], api), inhabited(tenants[1], api)
        return
    first, second = (
        serving_login(backends, tenant.login, tmp_path_factory.mktemp(tenant.slug), "Dedicated", tenant.slug)
        for tenant in tenants
    )
    with first as one, second as other:
        yield inhabited(tenants[0], one), inhabited(tenants[1], other)


@pytest.fixture(scope="session")
def attacker(pair: tuple[Inhabited, Inhabited]) -> Inhabited:
    return pair[0]


@pytest.fixture(scope="session")
def victim(pair: tuple[Inhabited, Inhabited]) -> Inhabited:
    return pair[1]
