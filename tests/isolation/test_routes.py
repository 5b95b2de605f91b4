"""HTTP: with one tenant's token, ids, cursors and refresh tokens, no route gives, takes or betrays another's anything.

Routes are enumerated from the application's own description: one without a case here fails.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.api.test_photos import picture
from tests.isolation.conftest import Inhabited
from tests.support.api import Caller
from tests.support.tenants import ADMIN_PASSWORD

PERSON = {"given_name": "Eve", "family_name": "Mallory"}
ACCOUNT = {"email": "eve@x.example", "password": "a good long password"}

Request = tuple[str, Any]  # path, JSON body
Fill = Callable[[Inhabited], Request]

# What a caller of the attacker's tenant would send about the victim: each route with the victim's own ids.
OWNED: dict[str, Fill] = {
    "GET /api/v1/people/{person_id}": lambda v: (f"/people/{v.person_id}", None),
    "PUT /api/v1/people/{person_id}": lambda v: (f"/people/{v.person_id}", PERSON),
    "PATCH /api/v1/people/{person_id}": lambda v: (f"/people/{v.person_id}", {"title": "Owned"}),
    "DELETE /api/v1/people/{person_id}": lambda v: (f"/people/{v.person_id}", None),
    "GET /api/v1/people/{person_id}/photo": lambda v: (f"/people/{v.person_id}/photo", None),
    "PUT /api/v1/people/{person_id}/photo": lambda v: (f"/people/{v.person_id}/photo", picture()),
    "DELETE /api/v1/people/{person_id}/photo": lambda v: (f"/people/{v.person_id}/photo", None),
    "GET /api/v1/departments/{department_id}": lambda v: (f"/departments/{v.department_id}", None),
    "PUT /api/v1/departments/{department_id}": lambda v: (f"/departments/{v.department_id}", {"name": "Owned"}),
    "PATCH /api/v1/departments/{department_id}": lambda v: (f"/departments/{v.department_id}", {"name": "Owned"}),
    "DELETE /api/v1/departments/{department_id}": lambda v: (f"/departments/{v.department_id}", None),
    "GET /api/v1/accounts/{account_id}": lambda v: (f"/accounts/{v.account_id}", None),
    "PATCH /api/v1/accounts/{account_id}": lambda v: (f"/accounts/{v.account_id}", {"disabled": True}),
    "DELETE /api/v1/accounts/{account_id}": lambda v: (f"/accounts/{v.account_id}", None),
}

# Routes without an id: what must not be in the answer is checked for each by name below.
COLLECTIONS: dict[str, Fill] = {
    "GET /api/v1/people": lambda _: ("/people?limit=200", None),
    "GET /api/v1/departments": lambda _: ("/departments?limit=200", None),
    "GET /api/v1/accounts": lambda _: ("/accounts?limit=200", None),
    "GET /api/v1/me": lambda _: ("/me", None),
}
REFERENCES: dict[str, Fill] = {
    "POST /api/v1/people": lambda v: ("/people", PERSON | {"manager_id": v.person_id}),
    "POST /api/v1/departments": lambda v: ("/departments", {"name": "Eve", "parent_id": v.department_id}),
    "POST /api/v1/accounts": lambda v: ("/accounts", ACCOUNT | {"person_id": v.person_id}),
}
SESSION = {
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/logout",
    "PUT /api/v1/me/password",
}
PUBLIC = {"GET /.well-known/jwks.json"}
"""The same for everybody who asks at a tenant's host, or about nobody."""


def test_every_route_has_a_case(attacker: Inhabited) -> None:
    paths = attacker.admin.get("/api/v1/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    assert routes == {*OWNED, *COLLECTIONS, *REFERENCES, *SESSION, *PUBLIC}


def send(caller: Caller, route: str, request: Request) -> Any:
    path, body = request
    content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    return caller.request(route.partition(" ")[0], path, headers={"If-Match": "*"}, **content)


@pytest.mark.parametrize("route", OWNED)
def test_anothers_id_is_as_unknown_as_one_that_never_was(attacker: Inhabited, victim: Inhabited, route: str) -> None:
    nobody = Inhabited(victim.tenant, victim.admin, victim.api, *(str(uuid4()) for _ in range(3)), cursor="")
    answers = [send(attacker.admin, route, OWNED[route](whose)) for whose in (victim, nobody)]
    assert [answer.status_code for answer in answers] == [404, 404]
    known, unknown = (answer.json() | {"request_id": "", "instance": ""} for answer in answers)
    assert known == unknown


@pytest.mark.parametrize("route", [*OWNED, *COLLECTIONS, *REFERENCES])
def test_a_token_opens_its_own_tenants_host_only(attacker: Inhabited, victim: Inhabited, route: str) -> None:
    fill = {**OWNED, **COLLECTIONS, **REFERENCES}[route]
    stolen_host = Caller(victim.admin.client, victim.tenant, attacker.admin.token)
    answer = send(stolen_host, route, fill(victim))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize("route", COLLECTIONS)
def test_lists_show_the_own_tenant_and_nothing_else(attacker: Inhabited, victim: Inhabited, route: str) -> None:
    for _ in range(2):  # the second time from the cache
        own = send(attacker.admin, route, COLLECTIONS[route](victim))
        other = send(victim.admin, route, COLLECTIONS[route](victim))
        assert own.status_code == other.status_code == 200
        for secret in (victim.person_id, victim.department_id, victim.account_id, victim.tenant.slug):
            assert secret not in own.text
        assert own.headers.get("etag") != other.headers.get("etag") or "etag" not in own.headers


@pytest.mark.parametrize("route", REFERENCES)
def test_nothing_can_be_tied_to_another_tenant(attacker: Inhabited, victim: Inhabited, route: str) -> None:
    answer = send(attacker.admin, route, REFERENCES[route](victim))
    assert answer.status_code == 409
    nobody = Inhabited(victim.tenant, victim.admin, victim.api, *(str(uuid4()) for _ in range(3)), cursor="")
    unknown = send(attacker.admin, route, REFERENCES[route](nobody))
    assert answer.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}


@pytest.mark.parametrize("filters", ["department_id={0.department_id}", "manager_id={0.person_id}"])
def test_filters_find_nothing_of_another(attacker: Inhabited, victim: Inhabited, filters: str) -> None:
    assert attacker.admin.get(f"/people?{filters.format(victim)}").json()["items"] == []
    assert attacker.admin.get(f"/departments?parent_id={victim.department_id}").json()["items"] == []


def test_another_tenants_cursor_is_refused(attacker: Inhabited, victim: Inhabited) -> None:
    answer = attacker.admin.get(f"/people?limit=1&cursor={victim.cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    assert victim.admin.get(f"/people?limit=1&cursor={victim.cursor}").status_code == 200


def test_passwords_and_sessions_are_the_tenants_own(attacker: Inhabited, victim: Inhabited) -> None:
    body = {"email": victim.tenant.admin_email, "password": ADMIN_PASSWORD}
    assert attacker.admin.post("/auth/login", body).status_code == 401
    refreshed = attacker.admin.post("/auth/refresh", {"refresh_token": victim.admin.refresh_token})
    assert (refreshed.status_code, refreshed.json()["code"]) == (401, "refresh_refused")
    stolen_host = Caller(victim.admin.client, victim.tenant, attacker.admin.token)
    assert stolen_host.post("/auth/logout").status_code == 401
    change = {"current_password": ADMIN_PASSWORD, "new_password": "another good password"}
    assert stolen_host.put("/me/password", change).status_code == 401
    # The attempts ended nothing of the victim's.
    assert victim.admin.get("/me").status_code == 200
    assert victim.admin.post("/auth/refresh", {"refresh_token": victim.admin.refresh_token}).status_code == 200


def test_headers_that_claim_a_tenant_change_nothing(attacker: Inhabited, victim: Inhabited) -> None:
    claims = {
        "X-Tenant-ID": str(victim.tenant.tenant_id),
        "X-Forwarded-Host": victim.tenant.host,
        "Forwarded": f"host={victim.tenant.host}",
        "X-Original-Host": victim.tenant.host,
    }
    answer = attacker.admin.get("/me", headers=claims)
    assert answer.json()["tenant"] == attacker.tenant.slug


def test_what_was_tried_left_the_victim_as_it_was(attacker: Inhabited, victim: Inhabited) -> None:
    for route, fill in OWNED.items():
        send(attacker.admin, route, fill(victim))
    person = victim.admin.get(f"/people/{victim.person_id}")
    assert person.json()["family_name"] == "Hopper"
    assert person.json()["photo"] is not None
    assert victim.admin.get(f"/departments/{victim.department_id}").json()["name"] == "Research"
    assert victim.admin.get(f"/accounts/{victim.account_id}").json()["disabled"] is False
