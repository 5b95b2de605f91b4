"""Load through the ingress while things happen to the platform: what failed, for how long, and what got lost."""

import time
from collections.abc import Iterator

import pytest

from e2e.support.events import EVENTS, Event
from e2e.support.installation import Installation
from e2e.support.load import load, lost_writes
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest
from tests.support.world import a_manifest

AFTERMATH = 10.0
"""Seconds for which the load goes on when an event is over: what it broke shows itself then."""

# What a person in a hurry would not do: more than their share of requests, from one address.
UNLIMITED = {"rateLimitPerMinute": 100_000}


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[tuple[TenantUnderTest, TenantUnderTest]]:
    """A pooled and a Dedicated tenant, two pods each."""
    pooled, dedicated = TenantUnderTest(installation, "pied"), TenantUnderTest(installation, "piper")
    installation.apply(
        a_manifest(pooled.name, ingress=UNLIMITED),
        a_manifest(
            dedicated.name,
            tier="Dedicated",
            ingress=UNLIMITED,
            api={"autoscaling": {"minReplicas": 2, "maxReplicas": 2}},
        ),
    )
    for tenant in (pooled, dedicated):
        tenant.ready()
    yield pooled, dedicated
    for tenant in (pooled, dedicated):
        tenant.delete()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name.replace(" ", "-"))
@pytest.mark.timeout(900)
def test_users_hardly_notice(
    installation: Installation, served: tuple[TenantUnderTest, TenantUnderTest], event: Event, report: Report
) -> None:
    if event.before:
        event.before(installation, served[1].name)
    with load(*served) as run:
        event.happen(installation, served[1].name)
        time.sleep(AFTERMATH)
    lost = lost_writes(run, served)
    report.event(event.name, run, lost)
    assert len(run.outcomes) > 100
    assert lost == []
    unexpected = [each for each in run.failures() if each.kind not in event.needed_by]
    assert unexpected == [], run.why()
    assert run.recovery() <= event.recovers_within, run.why()
    for tenant in served:
        tenant.ready(60)
