"""Signing in over HTTP: passwords, access tokens, refresh token families, throttling."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from directory_contract import environment as env
from tests.support.api import ApiProcess, Caller
from tests.support.eventually import eventually
from tests.support.tenants import ADMIN_PASSWORD, Backends, ProvisionedTenant, signing_key


def refresh(caller: Caller, token: str) -> Any:
    return caller.post("/auth/refresh", {"refresh_token": token})


def test_signing_in_answers_as_oauth_does(admin: Caller, tenant: ProvisionedTenant) -> None:
    answer = Caller(admin.client, tenant).post(
        "/auth/login", {"email": tenant.admin_email.upper(), "password": ADMIN_PASSWORD}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}


def test_the_access_token_can_be_verified_by_anybody_with_the_published_key(
    admin: Caller, tenant: ProvisionedTenant
) -> None:
    keys = admin.get("/.well-known/jwks.json").json()["keys"]
    header = jwt.get_unverified_header(admin.token)
    assert header["typ"] == "at+jwt"
    (key,) = [jwt.PyJWK(key) for key in keys if key["kid"] == header["kid"]]
    claims = jwt.decode(
        admin.token,
        key.key,
        algorithms=["ES256"],
        audience=f"directory:{tenant.tenant_id}",
        issuer=f"https://{tenant.host}",
        options={"require": ["exp", "iat", "sub", "jti", "client_id"]},
    )
    assert claims["role"] == "SuperAdmin"
    assert claims["tenant"] == str(tenant.tenant_id)
    assert set(keys[0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "and no private part"


def test_an_unknown_a_disabled_and_a_wrong_account_are_refused_alike(admin: Caller) -> None:
    disabled = admin.with_role("User")
    account = disabled.get("/me").json()["account_id"]
    admin.patch(f"/accounts/{account}", {"disabled": True})
    answers = [
        admin.post("/auth/login", {"email": email, "password": password})
        for email, password in (
            (f"{uuid4().hex}@x.example", ADMIN_PASSWORD),
            (disabled.email, ADMIN_PASSWORD),
            (admin.email, "wrong"),
        )
    ]
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "login_failed"
    assert {answer.status_code for answer in answers} == {401}


def test_guessing_is_slowed_down_for_one_account_from_one_address(admin: Caller) -> None:
    victim = admin.with_role("User")
    for _ in range(10):
        answer = admin.post("/auth/login", {"email": victim.email, "password": "wrong"})
        assert answer.status_code == 401
    refused = admin.post("/auth/login", {"email": victim.email, "password": ADMIN_PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_logins")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    # Another address may still sign in, and this address to another account.
    elsewhere = Caller(admin.client, admin.tenant, headers={"X-Forwarded-For": "198.51.100.7"})
    assert elsewhere.signed_in(victim.email).token
    assert Caller(admin.client, admin.tenant).signed_in().token


@pytest.mark.parametrize(
    "header", [None, "", "Basic YTpi", "Bearer", "Bearer x", "Bearer a.b.c", "bearer ..", "Token x"]
)
def test_without_a_token_nothing_is_served(admin: Caller, header: str | None) -> None:
    anonymous = Caller(admin.client, admin.tenant)
    answer = anonymous.get("/people", headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def _forged(token: str, **changes: Any) -> str:
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", jwt.get_unverified_header(token))


def _unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def _confused(caller: Caller) -> str:
    """Signed with the public key as if it were a shared secret (the oldest JWT attack)."""
    header = jwt.get_unverified_header(caller.token)
    (key,) = [each for each in caller.get("/.well-known/jwks.json").json()["keys"] if each["kid"] == header["kid"]]
    public = jwt.PyJWK(key).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(caller.token, options={"verify_signature": False})
    return _hs256(header | {"alg": "HS256"}, claims, public)


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    message = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{message}.{part(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def test_forged_tokens_are_refused(admin: Caller) -> None:
    tampered = admin.token[:-4] + ("AAAA" if not admin.token.endswith("AAAA") else "BBBB")
    for token in (tampered, _forged(admin.token), _unsigned(admin.token), _confused(admin), admin.refresh_token):
        answer = Caller(admin.client, admin.tenant, token).get("/people")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": 1}, "token_expired"),
        ({"aud": "directory:someone-else"}, "token_invalid"),
        ({"iss": "https://evil.example"}, "token_invalid"),
        ({"tenant": str(uuid4())}, "token_invalid"),
        ({"sid": str(uuid4())}, "session_ended"),
        ({"sub": str(uuid4())}, "session_ended"),
        ({"sub": "ada"}, "token_invalid"),
        ({"typ": "JWT"}, "token_invalid"),
        ({"exp": None}, "token_invalid"),
        ({"exp": "soon"}, "token_invalid"),
        ({"sid": None}, "token_invalid"),
    ],
)
def test_a_token_of_our_key_must_still_say_the_right_things(
    api: ApiProcess, admin: Caller, changes: dict[str, Any], code: str
) -> None:
    """Even signed with our very key: what another service, or an older version, might issue by mistake."""
    key = (api.secrets / env.JWT_SIGNING_KEY_FILE).read_text()
    claims = jwt.decode(admin.token, options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    header = jwt.get_unverified_header(admin.token) | {"typ": claims.pop("typ", "at+jwt")}
    answer = Caller(admin.client, admin.tenant, jwt.encode(claims, key, "ES256", header)).get("/people")
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_refresh_token_is_good_once(admin: Caller) -> None:
    caller = admin.with_role("User")
    second = refresh(caller, caller.refresh_token).json()
    third = refresh(caller, second["refresh_token"]).json()
    assert len({caller.refresh_token, second["refresh_token"], third["refresh_token"]}) == 3
    assert Caller(admin.client, admin.tenant, third["access_token"]).get("/people").status_code == 200


def test_two_tabs_that_refresh_at_once_get_the_same_successor(admin: Caller) -> None:
    caller = admin.with_role("User")
    first, again = (refresh(caller, caller.refresh_token).json() for _ in range(2))
    assert first["refresh_token"] == again["refresh_token"]
    assert refresh(caller, first["refresh_token"]).status_code == 200


def test_a_token_used_again_later_ends_the_family(admin: Caller) -> None:
    caller = admin.with_role("User")
    second = refresh(caller, caller.refresh_token).json()["refresh_token"]
    third = refresh(caller, second).json()
    assert refresh(caller, caller.refresh_token).status_code == 401  # stolen: two generations old
    assert refresh(caller, third["refresh_token"]).status_code == 401
    ended = Caller(admin.client, admin.tenant, third["access_token"])
    # Writes ask the database at once; reads may be served from memory for a moment.
    assert ended.post("/auth/logout").status_code == 401
    eventually(lambda: ended.get("/people").status_code == 401)


def test_the_grace_window_ends(admin: Caller, backends: Backends) -> None:
    caller = admin.with_role("User")
    successor = refresh(caller, caller.refresh_token).json()["refresh_token"]
    session = caller.refresh_token.partition(".")[0]
    backends.machine.postgres.psql(
        "UPDATE directory.sessions SET rotated_at = rotated_at - interval '31 seconds' WHERE session_id = :'id'",
        variables={"id": session},
    )
    assert refresh(caller, caller.refresh_token).status_code == 401
    assert refresh(caller, successor).status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b", f"{uuid4()}.{'A' * 43}", f"{uuid4()}.short", ".", "\u00e9.\u00e9"])
def test_invented_refresh_tokens_are_refused(admin: Caller, token: str) -> None:
    answer = refresh(admin, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_refused")


def test_signing_out_ends_the_session_and_only_that(admin: Caller) -> None:
    caller = admin.with_role("User")
    other = Caller(admin.client, admin.tenant).signed_in(caller.email)
    assert caller.post("/auth/logout").status_code == 204
    assert caller.get("/me").status_code == 401
    assert refresh(caller, caller.refresh_token).status_code == 401
    assert other.get("/me").status_code == 200


def test_the_own_password_can_be_changed_by_who_knows_it(admin: Caller, backends: Backends) -> None:
    caller = admin.with_role("User")
    elsewhere = Caller(admin.client, admin.tenant).signed_in(caller.email)
    new = "a much better password"
    wrong = caller.put("/me/password", {"current_password": "wrong", "new_password": new})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    assert caller.put("/me/password", {"current_password": ADMIN_PASSWORD, "new_password": new}).status_code == 204
    assert caller.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 401
    assert admin.post("/auth/login", {"email": caller.email, "password": ADMIN_PASSWORD}).status_code == 401
    assert Caller(admin.client, admin.tenant).signed_in(caller.email, new).token


def test_a_changed_first_password_is_no_longer_the_secrets(backends: Backends, api: ApiProcess, tier: str) -> None:
    """The operator must leave the account alone from then on."""
    if tier == "Dedicated":
        return  # one statement, the same in both
    tenant = backends.tenant(f"first-{uuid4().hex[:8]}")
    caller = api.caller(tenant).signed_in()
    caller.put("/me/password", {"current_password": ADMIN_PASSWORD, "new_password": "a much better password"})
    stored = backends.machine.postgres.psql(
        "SELECT issued_credential IS NULL FROM directory.accounts WHERE email = :'email'",
        variables={"email": tenant.admin_email},
    )
    assert stored == "t"


def test_a_password_is_hashed_anew_with_todays_parameters(admin: Caller, backends: Backends) -> None:
    """The first administrators' hashes of these tests are deliberately cheap."""
    stored = backends.machine.postgres.psql(
        "SELECT password_hash FROM directory.accounts WHERE email = :'email'", variables={"email": admin.email}
    )
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_replaced_signing_key_is_used_at_once_and_the_old_one_until_its_tokens_expire(
    api: ApiProcess, admin: Caller
) -> None:
    """The kubelet replaces mounted Secrets by swapping a link; nothing is restarted."""
    file = api.secrets / env.JWT_SIGNING_KEY_FILE
    replacement = api.secrets / "replacement"
    replacement.write_text(signing_key())
    replacement.rename(file)
    fresh = Caller(admin.client, admin.tenant).signed_in()
    old, new = (jwt.get_unverified_header(each.token)["kid"] for each in (admin, fresh))
    assert old != new
    assert [key["kid"] for key in admin.get("/.well-known/jwks.json").json()["keys"]][:2] == [new, old]
    assert admin.get("/me").status_code == fresh.get("/me").status_code == 200


def test_wrong_and_unknown_accounts_take_the_same_time(admin: Caller) -> None:
    """A coarse check: within a factor of three, where skipping the hash would be a factor of twenty."""

    def seconds(email: str) -> float:
        best = []
        for _ in range(3):
            begun = time.perf_counter()
            admin.post("/auth/login", {"email": email, "password": "wrong"})
            best.append(time.perf_counter() - begun)
        return min(best)

    known, unknown = seconds(admin.with_role("User").email), seconds(f"{uuid4().hex}@x.example")
    assert unknown < 3 * known
    assert known < 3 * unknown
