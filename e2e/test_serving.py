"""From `kubectl apply` to 200 through the ingress with a verified certificate, in both tiers, by stage."""

import time
from collections.abc import Iterator

import pytest

from e2e.support.installation import TENANTS, Installation
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest, first_answer
from tests.support.eventually import eventually
from tests.support.world import a_manifest

STEPS = ("CredentialsReady", "DatabaseReady", "CacheReady", "StorageReady", "ApiReady", "IngressReady", "Ready")


@pytest.fixture(params=["Pooled", "Dedicated"])
def fresh(request: pytest.FixtureRequest, installation: Installation) -> Iterator[tuple[TenantUnderTest, str]]:
    tenant = TenantUnderTest(installation, f"first-{request.param.lower()}")
    yield tenant, request.param
    tenant.delete()


def test_a_tenant_answers_through_the_ingress(
    installation: Installation, fresh: tuple[TenantUnderTest, str], report: Report
) -> None:
    tenant, tier = fresh
    started = time.monotonic()
    installation.apply(a_manifest(tenant.name, tier=tier))
    waited = set(STEPS)

    def seen() -> bool:
        conditions = {
            each["type"]: each["status"] for each in (tenant.body() or {}).get("status", {}).get("conditions", [])
        }
        for step in STEPS:
            if step in waited and conditions.get(step) == "True":
                waited.remove(step)
                report.stage(f"{tier} tenant", step, time.monotonic() - started)
        return "Ready" not in waited

    eventually(seen, timeout=120, every=0.1, what=f"{tenant.name} Ready, still without {waited}")
    first_answer(installation, tenant.host)
    report.stage(f"{tier} tenant", "200 from the ingress", time.monotonic() - started)
    with tenant.caller() as caller:
        person = caller.add_person("Hopper")
        assert person in [each["person_id"] for each in caller.people()]
    report.stage(f"{tier} tenant", "signed in, a person written and read", time.monotonic() - started)


def test_the_address_is_in_kubectl_get(installation: Installation, fresh: tuple[TenantUnderTest, str]) -> None:
    tenant, tier = fresh
    installation.apply(a_manifest(tenant.name, tier=tier))
    tenant.ready()
    row = installation.kubectl("get", "dt", tenant.name, "-n", TENANTS).splitlines()[1].split()
    assert row[:4] == [tenant.name, "True", f"https://{tenant.host}", tier]


def test_what_is_deleted_answers_no_more_and_its_data_comes_back(
    installation: Installation, fresh: tuple[TenantUnderTest, str]
) -> None:
    tenant, tier = fresh
    installation.apply(a_manifest(tenant.name, tier=tier))
    tenant.ready()
    with tenant.caller() as caller:
        caller.add_person("Kept")
        tenant.delete()
        eventually(
            lambda: caller.client.get("/api/v1/people").status_code in {404, 421, 503}, timeout=30, what="no answer"
        )
    installation.apply(a_manifest(tenant.name, tier=tier))
    tenant.ready()
    first_answer(installation, tenant.host)
    with tenant.caller() as caller:
        assert "Kept" in [each["family_name"] for each in caller.people()]
