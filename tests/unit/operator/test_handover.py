"""Who has to serve a tenant while it moves from one tier to the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from directory_operator.tenant.handover import GRACE, handover_ends_in, in_handover, served
from tests.support.builders import a_tenant

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + GRACE + timedelta(seconds=2)
OTHER = {"Pooled": "Dedicated", "Dedicated": "Pooled"}


def leaving(tier: str, status: dict[str, Any], now: datetime = NOW) -> str | None:
    return in_handover(a_tenant(tier=tier), status, now).leaving


@pytest.mark.parametrize("tier", OTHER)
def test_a_change_goes_through_three_stages(tier: str) -> None:
    tenant, before = a_tenant(tier=tier), {"servedBy": OTHER[tier]}
    assert leaving(tier, before) == OTHER[tier]
    assert served(tenant, before, NOW, routed=False) == before
    both = served(tenant, before, NOW, routed=True)
    assert both == {"servedBy": tier, "handover": {"from": OTHER[tier], "since": "2026-01-01T12:00:00Z"}}
    assert leaving(tier, both) == OTHER[tier]
    assert served(tenant, both, NOW + GRACE, routed=True) == both
    assert leaving(tier, both, LATER) is None
    assert served(tenant, both, LATER, routed=True) == {"servedBy": tier}


@pytest.mark.parametrize("tier", OTHER)
def test_who_changes_their_mind_is_served_throughout(tier: str) -> None:
    under_way = {"servedBy": OTHER[tier]}
    assert leaving(OTHER[tier], under_way) is None  # nothing was led over yet
    both = served(a_tenant(tier=tier), under_way, NOW, routed=True)
    assert leaving(OTHER[tier], both) == tier
    back = served(a_tenant(tier=OTHER[tier]), both, NOW + timedelta(seconds=3), routed=True)
    assert back == {"servedBy": OTHER[tier], "handover": {"from": tier, "since": "2026-01-01T12:00:03Z"}}


@pytest.mark.parametrize("tier", OTHER)
def test_a_new_tenant_leaves_nobody(tier: str) -> None:
    assert leaving(tier, {}) is None
    assert served(a_tenant(tier=tier), {}, NOW, routed=False) == {}
    assert served(a_tenant(tier=tier), {}, NOW, routed=True) == {"servedBy": tier}


def test_one_looks_again_when_it_is_over() -> None:
    assert handover_ends_in({"servedBy": "Pooled"}, NOW) is None
    both = {"handover": {"from": "Pooled", "since": "2026-01-01T12:00:00Z"}}
    assert handover_ends_in(both, NOW) == GRACE.total_seconds() + 1
    assert handover_ends_in(both, LATER) == 0.1
