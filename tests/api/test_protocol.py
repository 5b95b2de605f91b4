"""What every answer has in common: problems, request ids, hosts, sizes, origins, logs and metrics."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.api import ApiProcess, Caller
from tests.support.eventually import eventually
from tests.support.tenants import ADMIN_PASSWORD, Backends, ProvisionedTenant


def test_errors_are_problem_documents(admin: Caller) -> None:
    answer = admin.get(f"/people/{uuid4()}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body | {"request_id": "", "instance": ""} == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such person.",
        "instance": "",
        "code": "not_found",
        "request_id": "",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "not_found"),
        ("GET", "/people/", None, 404, "not_found"),
        ("DELETE", "/people", None, 405, "method_not_allowed"),
        ("GET", "/people/not-a-uuid", None, 422, "invalid_request"),
        ("POST", "/people", b"{", 400, "invalid_json"),
        ("POST", "/people", b"\xff\xfe", 400, "invalid_json"),
        ("POST", "/people", b"[]", 422, "invalid_request"),
        ("POST", "/people", b"null", 422, "invalid_request"),
        ("POST", "/people", b"", 422, "invalid_request"),
        ("POST", "/people", b'{"given_name": "' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_every_kind_of_error_is_one(
    admin: Caller, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = admin.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_without_announced_length_is_limited_too(admin: Caller) -> None:
    answer = admin.request(
        "POST", "/people", content=(b"x" * 10_000 for _ in range(10)), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_method_that_is_not_allowed_names_those_that_are(admin: Caller) -> None:
    assert set(admin.request("DELETE", "/people").headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_harmless_request_id_is_kept_and_others_are_replaced(admin: Caller) -> None:
    given = f"trace-{uuid4()}"
    assert admin.get("/me", headers={"X-Request-ID": given}).headers["x-request-id"] == given
    for odd in ("short", 'a"b"c"d"e', "x" * 200, "{}{}{}{}{}"):
        UUID(admin.get("/me", headers={"X-Request-ID": odd}).headers["x-request-id"])


@pytest.mark.parametrize(
    "host", ["nobody.directory.example", "directory.example", "", "127.0.0.1:1", "[::1]:8080", "a" * 300]
)
def test_an_unknown_host_is_nobodys(api: ApiProcess, host: str) -> None:
    answer = api.get("/api/v1/people", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize("spelling", ["{}", "{}:8443", "{}.", "{}.:80"])
def test_a_host_is_known_however_it_is_spelt(api: ApiProcess, tenant: ProvisionedTenant, spelling: str) -> None:
    for host in (spelling.format(tenant.host), spelling.format(tenant.host).upper()):
        assert api.get("/api/v1/people", headers={"Host": host}).status_code == 401, host


def test_a_new_tenant_is_served_at_once_even_after_being_asked_for_too_early(
    pooled_api: ApiProcess, backends: Backends
) -> None:
    slug = f"new-{uuid4().hex[:8]}"
    asked = {"Host": f"{slug}.directory.example"}
    assert pooled_api.get("/api/v1/people", headers=asked).status_code == 421
    backends.tenant(slug)
    eventually(lambda: pooled_api.get("/api/v1/people", headers=asked).status_code == 401, timeout=2)


def test_a_released_tenant_is_served_no_longer(pooled_api: ApiProcess, backends: Backends) -> None:
    tenant = backends.tenant(f"gone-{uuid4().hex[:8]}")
    caller = pooled_api.caller(tenant).signed_in()
    backends.machine.postgres.psql(
        "UPDATE registry.tenants SET state = 'Released' WHERE slug = :'slug'", variables={"slug": tenant.slug}
    )
    eventually(lambda: caller.get("/me").status_code == 421, timeout=7)


def test_listed_origins_may_read_and_others_may_not(pooled_api: ApiProcess, backends: Backends) -> None:
    tenant = backends.tenant(f"cors-{uuid4().hex[:8]}", corsAllowedOrigins=["https://intranet.example"])
    caller = pooled_api.caller(tenant)
    for origin, allowed in (("https://intranet.example", True), ("https://evil.example", False)):
        preflight = caller.request(
            "OPTIONS", "/people", headers={"Origin": origin, "Access-Control-Request-Method": "PATCH"}
        )
        assert preflight.status_code == 204
        assert ("access-control-allow-methods" in preflight.headers) == allowed
        for answer in (preflight, caller.get("/people", headers={"Origin": origin})):
            assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert "Origin" in answer.headers["vary"]
            assert "access-control-allow-credentials" not in answer.headers


def _entries(api: ApiProcess, request_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in api.lines().splitlines()]
    return [line for line in lines if line.get("request_id") == request_id]


def test_each_request_leaves_one_json_line(api: ApiProcess, admin: Caller) -> None:
    person = admin.person("Visible", "Name")
    request_id = admin.get(f"/people/{person['person_id']}?name=secret", headers={}).headers["x-request-id"]
    (entry,) = eventually(lambda: _entries(api, request_id))  # written once the answer is out
    assert entry["message"] == "request"
    assert entry["route"] == "/api/v1/people/{person_id}"
    assert entry["tenant"] == admin.tenant.slug
    assert entry["status"] == 200
    assert entry["ms"] > 0


def test_logs_hold_no_secret(api: ApiProcess, admin: Caller, tenant: ProvisionedTenant) -> None:
    caller = admin.with_role("User")
    caller.post("/auth/refresh", {"refresh_token": caller.refresh_token})
    admin.post("/auth/login", {"email": admin.email, "password": "a wrong password 123"})
    admin.post("/people", {"given_name": "A", "family_name": "B", "department_id": str(uuid4())})
    written = api.lines()
    secrets = [file.read_text() for file in api.secrets.iterdir() if not file.name.endswith(("username", "-id"))]
    secrets += [ADMIN_PASSWORD, "a wrong password 123", caller.token, caller.refresh_token.partition(".")[2]]
    for secret in secrets:
        assert secret not in written
    assert caller.email not in written


def test_metrics_have_bounded_labels(api: ApiProcess, admin: Caller) -> None:
    for path in (f"/people/{uuid4()}", f"/{uuid4().hex}", "/people"):
        admin.get(path)
    admin.request("PROPFIND", "/people")
    text = api.get("/metrics").text
    assert 'directory_api_requests_total{method="GET",route="/api/v1/people/{person_id}",status="404"}' in text
    assert 'route="unmatched"' in text
    assert 'method="other"' in text
    assert admin.tenant.slug not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


def test_the_description_of_the_api_names_every_error(admin: Caller) -> None:
    document = admin.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"429", "421", "500"} <= set(operation["responses"]), (method, path)
            assert "422" in operation["responses"]
            problem = operation["responses"]["500"]["content"]
            assert "application/problem+json" in problem
            assert "application/json" not in problem
