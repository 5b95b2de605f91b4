"""The platform is taken apart in every order. People's data stays, nothing gets stuck, and what comes back finds it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.support.backends import buckets, sql
from e2e.support.events import CHART
from e2e.support.installation import SYSTEM, TENANTS, Installation, names
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest, first_answer
from tests.support.eventually import eventually
from tests.support.world import a_manifest

CRDS = ("directorytenants.companydirectory.io", "directoryplatforms.companydirectory.io")
PATIENCE = "--timeout=150s"


def tenants(installation: Installation) -> None:
    if installation.get("crd", CRDS[0]):
        installation.kubectl("delete", "dt", "--all", "-n", TENANTS, "--ignore-not-found", PATIENCE)


def platform(installation: Installation) -> None:
    """What somebody does by mistake: nothing waits for it, because tenants may still be there."""
    if installation.get("crd", CRDS[1]):
        installation.kubectl("delete", "dplat", "--all", "--wait=false")


def chart(installation: Installation) -> None:
    installation.helm("uninstall", installation.release, "-n", SYSTEM, "--wait", "--timeout=150s")


def crds(installation: Installation) -> None:
    installation.kubectl("delete", "crd", *CRDS, "--ignore-not-found", PATIENCE)


def namespace(installation: Installation) -> None:
    installation.kubectl("delete", "namespace", TENANTS, PATIENCE)


Step = Callable[[Installation], None]
ORDERS: tuple[tuple[Step, ...], ...] = (
    *itertools.permutations((tenants, chart, crds)),
    (platform, tenants, chart, crds),
    (platform, chart, crds),
    (namespace, chart, crds),
    (chart, namespace, crds),
)


@pytest.fixture(scope="module")
def values(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make cluster-up` gave the chart."""
    path = tmp_path_factory.mktemp("values") / "values.yaml"
    path.write_text(installation.helm("get", "values", installation.release, "-n", SYSTEM, "-o", "yaml"))
    return path


@pytest.fixture
def kept(installation: Installation, values: Path) -> Iterator[tuple[TenantUnderTest, TenantUnderTest]]:
    """A tenant of each tier with a person in it; and the platform as it was, afterwards."""
    found = (TenantUnderTest(installation, "keep-pooled"), TenantUnderTest(installation, "keep-dedicated"))
    bring_back(installation, values)
    apply(installation, found)
    for tenant in found:
        with tenant.caller() as caller:
            if not caller.people():
                caller.add_person("Kept")
    yield found
    bring_back(installation, values)


def apply(installation: Installation, found: tuple[TenantUnderTest, ...]) -> None:
    tiers = ("Pooled", "Dedicated")
    installation.apply(*(a_manifest(tenant.name, tier=tier) for tenant, tier in zip(found, tiers, strict=True)))
    for tenant in found:
        tenant.ready()
        first_answer(installation, tenant.host)


def bring_back(installation: Installation, values: Path) -> None:
    """Install what is missing, as a user would who wants it back."""
    if not installation.get("namespace", TENANTS):
        installation.kubectl("create", "namespace", TENANTS)
        installation.kubectl("label", "namespace", TENANTS, "pod-security.kubernetes.io/enforce=restricted")
    installation.helm(
        "upgrade",
        "--install",
        "directory-system",
        str(CHART),
        "-n",
        SYSTEM,
        "-f",
        str(values),
        "--wait",
        "--timeout=5m",
    )


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(step.__name__ for step in order))
@pytest.mark.timeout(900)
def test_data_is_kept_and_nothing_is_stuck(
    installation: Installation,
    kept: tuple[TenantUnderTest, TenantUnderTest],
    values: Path,
    order: tuple[Step, ...],
    report: Report,
) -> None:
    for step in order:
        step(installation)
    eventually(lambda: not any(installation.get("crd", name) for name in CRDS), timeout=60, what="the CRDs gone")
    kinds = "deployments,pods,services,ingresses,secrets"
    eventually(
        lambda: not names(installation.items(kinds, TENANTS, "companydirectory.io/tenant")),
        timeout=120,  # pods finish what they have begun
        what="all that the tenants had in Kubernetes gone",
    )
    for tenant in kept:
        rows = sql(
            installation,
            "SELECT count(*) FROM directory.people JOIN registry.tenants USING (tenant_id)"
            f" WHERE slug = '{tenant.name}' AND family_name = 'Kept'",
        )
        assert rows == "1"
    bring_back(installation, values)
    assert {f"directory-{tenant.name}" for tenant in kept} <= set(buckets(installation))
    apply(installation, kept)
    for tenant in kept:
        with tenant.caller() as caller:
            assert [each["family_name"] for each in caller.people()] == ["Kept"]
    report.fact(f"uninstalled: {', '.join(step.__name__ for step in order)}", "data kept, nothing stuck")
