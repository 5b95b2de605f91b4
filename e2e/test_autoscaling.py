"""A Dedicated tenant grows under load and shrinks after it, by the HorizontalPodAutoscaler and metrics-server."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.support.installation import TENANTS, Installation
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest
from tests.support.eventually import eventually
from tests.support.world import a_manifest

CLIENTS = 6
LONGEST = 240.0
"""Seconds after which the load ends, whatever the autoscaler did."""


def replicas(installation: Installation, name: str) -> int:
    body = installation.get("deployment", f"{name}-directory", TENANTS)
    assert body
    return int(body["spec"]["replicas"])


@pytest.mark.timeout(1200)
def test_a_tenant_grows_under_load_and_shrinks_after_it(installation: Installation, report: Report) -> None:
    tenant = TenantUnderTest(installation, "surge")
    api = {
        "autoscaling": {"minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 60},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    }
    installation.apply(a_manifest(tenant.name, tier="Dedicated", api=api, ingress={"rateLimitPerMinute": 100_000}))
    tenant.ready()
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as threads:
            grown, ends = threading.Event(), started + LONGEST
            asking = [
                threads.submit(_ask, tenant, lambda: grown.is_set() or time.monotonic() > ends) for _ in range(CLIENTS)
            ]
            eventually(lambda: replicas(installation, tenant.name) > 1, timeout=LONGEST, what="more than one replica")
            report.fact("HPA: a second pod after the load began", f"{time.monotonic() - started:.0f} s")
            installation.rolled_out(f"deployment/{tenant.name}-directory", namespace=TENANTS)
            grown.set()
            failed = sum(each.result(60) for each in asking)
        report.fact("HPA: failed requests while it grew", str(failed))
        assert failed == 0
        quiet = time.monotonic()
        eventually(lambda: replicas(installation, tenant.name) == 1, timeout=600, every=2, what="one replica again")
        report.fact("HPA: one pod again after the load ended", f"{time.monotonic() - quiet:.0f} s")
    finally:
        tenant.delete()


def _ask(tenant: TenantUnderTest, ended: Callable[[], bool]) -> int:
    """Ask as fast as one connection can until it is over; how many requests failed."""
    failed = 0
    with tenant.caller() as caller:
        while not ended():
            failed += caller.client.get("/api/v1/people").status_code != 200
    return failed
