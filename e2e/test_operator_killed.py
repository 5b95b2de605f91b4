"""The operator's pod is killed every 20 s for five minutes while 100 tenants are made, changed and deleted."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.support.backends import buckets, redis_users, sql
from e2e.support.events import OPERATOR
from e2e.support.installation import SYSTEM, TENANTS, Body, Installation, names
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest, first_answer
from tests.support.eventually import eventually
from tests.support.world import a_manifest

TENANTS_MADE = 100
EVERY, FOR = 20.0, 300.0
"""Seconds between two kills, and for how long."""


@contextmanager
def killing(installation: Installation) -> Iterator[list[str]]:
    """Kill the operator's pod without a word, again and again; the names of the killed."""
    killed: list[str] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(EVERY):
            for pod in names(installation.pods(SYSTEM, OPERATOR)):
                installation.kubectl("delete", "pod", pod, "-n", SYSTEM, "--grace-period=0", "--force", "--wait=false")
                killed.append(pod)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(60)


def tenant_body(number: int, **spec: object) -> Body:
    return a_manifest(f"crowd-{number:03}", deletionPolicy="Delete", **spec)


def everybody(installation: Installation) -> dict[str, Body]:
    return {
        body["metadata"]["name"]: body
        for body in installation.items("dt", TENANTS)
        if body["metadata"]["name"].startswith("crowd-")
    }


def settled(body: Body) -> bool:
    status = body.get("status", {})
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))
    return ready and status.get("observedGeneration") == body["metadata"]["generation"]


@pytest.mark.timeout(1500)
def test_all_end_as_they_should(installation: Installation, report: Report) -> None:
    started = time.monotonic()
    kept = [number for number in range(TENANTS_MADE) if number % 3]
    deleted = [number for number in range(TENANTS_MADE) if number % 3 == 0]
    with killing(installation) as killed:
        for first in range(0, TENANTS_MADE, 10):
            installation.apply(*(tenant_body(number) for number in range(first, first + 10)))
            time.sleep(FOR / 30)
        for number in kept[::2]:
            installation.apply(tenant_body(number, ingress={"rateLimitPerMinute": 1000 + number}))
        for number in deleted:
            installation.kubectl("delete", "dt", f"crowd-{number:03}", "-n", TENANTS, "--wait=false")
            time.sleep(FOR / 100)
        time.sleep(max(0.0, started + FOR - time.monotonic()))
    report.fact("operator killed", f"{len(killed)} times in {FOR:.0f} s")
    calm = time.monotonic()
    expected = {f"crowd-{number:03}" for number in kept}

    def over() -> bool:
        found = everybody(installation)
        return set(found) == expected and all(settled(body) for body in found.values())

    eventually(over, timeout=300, every=1, what="every kept tenant Ready and every deleted one gone")
    report.fact("all as they should be after the last kill", f"{time.monotonic() - calm:.0f} s")
    try:
        check_traces(installation, expected)
        for name in sorted(expected)[::13]:
            first_answer(installation, TenantUnderTest(installation, name).host)
    finally:
        for name in sorted(expected):
            installation.kubectl("delete", "dt", name, "-n", TENANTS, "--wait=false")
        eventually(lambda: not everybody(installation), timeout=300, every=1, what="all crowds deleted")
    check_traces(installation, set())


def check_traces(installation: Installation, expected: set[str]) -> None:
    """In every backend there is what belongs to the tenants that are, and nothing of those that were."""
    rows = sql(installation, "SELECT slug FROM registry.tenants WHERE slug LIKE 'crowd-%' ORDER BY slug").split()
    assert set(rows) == expected
    roles = sql(installation, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dt\\_crowd\\_%'").split()
    assert set(roles) == {f"dt_{name.replace('-', '_')}" for name in expected}
    for users in redis_users(installation):
        assert {user for user in users if user.startswith("dt-crowd-")} == {f"dt-{name}" for name in expected}
    assert {name for name in buckets(installation) if "-crowd-" in name} == {f"directory-{name}" for name in expected}
