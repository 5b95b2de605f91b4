"""The API under test, in both tiers: every test that asks for `admin` or `api` runs against each."""

from collections.abc import Iterator

import pytest

from directory_local.machine import Machine
from tests.support.api import ApiProcess, Caller, serving_login
from tests.support.tenants import Backends, ProvisionedTenant


@pytest.fixture(scope="session")
def backends(machine: Machine) -> Iterator[Backends]:
    found = Backends.on(machine)
    yield found
    found.close()


@pytest.fixture(scope="session")
def pooled_api(backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with serving_login(backends, backends.pooled_login("dp_api_tests"), tmp_path_factory.mktemp("pool")) as api:
        yield api


@pytest.fixture(scope="session")
def pooled_tenant(backends: Backends) -> ProvisionedTenant:
    return backends.tenant("acme-pooled")


@pytest.fixture(scope="session")
def dedicated_tenant(backends: Backends) -> ProvisionedTenant:
    return backends.tenant("acme-dedicated", "Dedicated")


@pytest.fixture(scope="session")
def dedicated_api(
    backends: Backends, dedicated_tenant: ProvisionedTenant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    tenant, folder = dedicated_tenant, tmp_path_factory.mktemp("dedicated")
    with serving_login(backends, tenant.login, folder, "Dedicated", tenant.slug) as api:
        yield api


@pytest.fixture(scope="session", params=["Pooled", "Dedicated"])
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def tenant(tier: str, request: pytest.FixtureRequest) -> ProvisionedTenant:
    found: ProvisionedTenant = request.getfixturevalue(f"{tier.lower()}_tenant")
    return found


@pytest.fixture(scope="session")
def api(tier: str, request: pytest.FixtureRequest) -> ApiProcess:
    found: ApiProcess = request.getfixturevalue(f"{tier.lower()}_api")
    return found


@pytest.fixture(scope="session")
def admin(api: ApiProcess, tenant: ProvisionedTenant) -> Caller:
    """The tenant's SuperAdmin."""
    return api.caller(tenant).signed_in()


@pytest.fixture(scope="session")
def user(admin: Caller) -> Caller:
    return admin.with_role("User")
