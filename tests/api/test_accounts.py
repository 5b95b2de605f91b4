"""Accounts over HTTP: the ladder of roles, the last SuperAdmin, and sessions that end with a change."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.api import Caller
from tests.support.tenants import ADMIN_PASSWORD

ROLES = ("User", "Manager", "Admin", "SuperAdmin")


def account_of(caller: Caller) -> str:
    return str(caller.get("/me").json()["account_id"])


def new_account(role: str = "User", **more: Any) -> dict[str, Any]:
    return {"email": f"{uuid4().hex}@x.example", "password": ADMIN_PASSWORD, "role": role, **more}


@pytest.fixture(scope="module")
def callers(admin: Caller) -> dict[str, Caller]:
    return {role: admin.with_role(role) for role in ROLES}


def test_an_account_can_be_created_read_changed_and_deleted(admin: Caller) -> None:
    person = admin.person()["person_id"]
    created = admin.post("/accounts", new_account(email=f"New.{uuid4().hex}@X.example"))
    assert created.status_code == 201, created.text
    account = created.json()
    assert account["email"] == account["email"].lower()
    assert "password" not in created.text
    path = f"/accounts/{account['account_id']}"
    assert admin.get(path).json() == account
    assert account in admin.get("/accounts?limit=200").json()["items"]
    changed = admin.patch(path, {"person_id": person}, created.headers["etag"])
    assert changed.json()["person_id"] == person
    twin = admin.post("/accounts", new_account(person_id=person))
    assert (twin.status_code, twin.json()["code"]) == (409, "person_taken")
    assert admin.patch(path, {"role": "User"}, created.headers["etag"]).status_code == 412
    assert admin.delete(path, None).status_code == 428
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("given", ROLES)
def test_nobody_gives_a_role_above_their_own(callers: dict[str, Caller], role: str, given: str) -> None:
    allowed = role == "SuperAdmin" or (role == "Admin" and given != "SuperAdmin")
    assert callers[role].post("/accounts", new_account(given)).status_code == (201 if allowed else 403)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_reaches_above_their_own_role(admin: Caller, callers: dict[str, Caller], role: str) -> None:
    for held in ROLES:
        path = f"/accounts/{admin.post('/accounts', new_account(held)).json()['account_id']}"
        allowed = role == "SuperAdmin" or (role == "Admin" and held != "SuperAdmin")
        changes: list[dict[str, Any]] = [{"disabled": True}, {"password": ADMIN_PASSWORD}, {"role": "User"}]
        for change in changes:
            assert callers[role].patch(path, change).status_code == (200 if allowed else 403), (held, change)
    promoted = f"/accounts/{account_of(callers['User'])}"
    assert callers["Admin"].patch(promoted, {"role": "SuperAdmin"}).status_code == 403


def test_the_last_super_admin_stays(admin: Caller) -> None:
    others = [each for each in _accounts(admin) if each["role"] == "SuperAdmin" and each["email"] != admin.email]
    for other in others:
        assert admin.delete(f"/accounts/{other['account_id']}").status_code == 204
    path = f"/accounts/{account_of(admin)}"
    for answer in (admin.delete(path), admin.patch(path, {"role": "Admin"}), admin.patch(path, {"disabled": True})):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_super_admin")
    # A disabled one does not count.
    second = admin.post("/accounts", new_account("SuperAdmin")).json()["account_id"]
    assert admin.patch(f"/accounts/{second}", {"disabled": True}).status_code == 200
    assert admin.delete(path).status_code == 409


def _accounts(admin: Caller) -> list[dict[str, Any]]:
    path, found = "/accounts?limit=50", []
    while path:
        answer = admin.get(path)
        found += answer.json()["items"]
        path = answer.links.get("next", {}).get("url", "")
    return found


@pytest.mark.parametrize(
    "change", [{"disabled": True}, {"role": "Manager"}, {"password": "another good password"}, None]
)
def test_a_changed_account_is_signed_out_at_once(admin: Caller, change: dict[str, Any] | None) -> None:
    caller = admin.with_role("User")
    path = f"/accounts/{account_of(caller)}"
    assert caller.get("/people").status_code == 200
    answer = admin.patch(path, change) if change else admin.delete(path)
    assert answer.status_code in {200, 204}
    refused = caller.get("/people")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")
    assert caller.post("/auth/refresh", {"refresh_token": caller.refresh_token}).status_code == 401


def test_a_new_email_or_person_signs_nobody_out(admin: Caller) -> None:
    caller = admin.with_role("User")
    email = f"{uuid4().hex}@x.example"
    assert admin.patch(f"/accounts/{account_of(caller)}", {"email": email}).status_code == 200
    assert caller.get("/me").json()["email"] == email


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_passwords_have_a_reasonable_length(admin: Caller, password: str) -> None:
    answer = admin.post("/accounts", new_account(password=password))
    assert answer.status_code == 422
    assert password not in answer.text
