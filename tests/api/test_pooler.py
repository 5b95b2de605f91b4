"""Behind PgBouncer in transaction mode each transaction may meet another server: nothing may rest on the one before.

PgBouncer itself is met on the real cluster (e2e); here it is seen that the API never asks for more than it gives.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from directory_contract import environment as env
from tests.api.test_photos import picture
from tests.support.api import serving
from tests.support.goodbye import line_to
from tests.support.tenants import Backends


def messages(stream: bytes) -> Iterator[tuple[str, bytes]]:
    """Type and body of each message after the first (PostgreSQL 18, 54.7)."""
    at = int.from_bytes(stream[:4], "big")
    while at + 5 <= len(stream):
        end = at + 1 + int.from_bytes(stream[at + 1 : at + 5], "big")
        yield chr(stream[at]), bytes(stream[at + 5 : end])
        at = end


def lapses(stream: bytes) -> list[str]:
    """What a client did that PgBouncer can't give it."""
    inside, found = False, []
    for kind, body in messages(stream):
        words = body.split(b"\0")
        if kind == "Q":
            inside = words[0].startswith(b"BEGIN") and not words[0].endswith(b"COMMIT")
        elif kind == "P" and words[0]:
            found.append(f"named: {words[1]!r}")
        elif kind in "PBDE" and not inside:
            found.append(f"outside of a transaction: {kind} {body[:80]!r}")
    return found


@pytest.mark.parametrize("tier", ["Pooled", "Dedicated"])
def test_nothing_is_prepared_nor_asked_outside_of_a_transaction(backends: Backends, tmp_path: Path, tier: str) -> None:
    tenant = backends.tenant(f"through-{uuid4().hex[:8]}", tier)
    login = tenant.login if tier == "Dedicated" else backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    slug = tenant.slug if tier == "Dedicated" else ""
    with line_to(backends.machine.ports.postgres) as line:
        environment = backends.environment(login, tmp_path, tier, slug)
        with serving(environment | {env.POSTGRES_PORT: str(line.port), env.POSTGRES_POOLER: "true"}, tmp_path) as api:
            caller = api.caller(tenant).signed_in()
            path = f"/people/{caller.person()['person_id']}"
            assert caller.request("PUT", f"{path}/photo", content=picture()).status_code == 204
            assert caller.patch(path, {"title": "Rear Admiral"}).status_code == 200
            assert caller.get("/people?name=gr").status_code == 200
            assert caller.post("/people", {"given_name": "A", "family_name": "B", "manager_id": str(uuid4())}).is_error
            assert caller.delete(path).status_code == 204
    assert line.asked
    assert [lapse for stream in line.asked for lapse in lapses(stream)] == []
    for stream in line.asked:
        assert b"default_transaction_read_only" not in stream[: int.from_bytes(stream[:4], "big")]


def test_the_check_would_see_it(backends: Backends, tmp_path: Path) -> None:
    tenant = backends.tenant(f"beside-{uuid4().hex[:8]}", "Dedicated")
    with line_to(backends.machine.ports.postgres) as line:
        environment = backends.environment(tenant.login, tmp_path, "Dedicated", tenant.slug)
        with serving(environment | {env.POSTGRES_PORT: str(line.port)}, tmp_path) as api:
            api.caller(tenant).signed_in().get("/people")
    found = " ".join(lapse for stream in line.asked for lapse in lapses(stream))
    assert "named: " in found
    assert "outside of a transaction: " in found
