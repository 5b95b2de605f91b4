"""What Redis is for: rates and the query cache, and that everything goes on without it."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.api import ApiProcess, Caller, serving_login
from tests.support.eventually import eventually
from tests.support.tenants import Backends, ProvisionedTenant


def keys(backends: Backends, tenant: ProvisionedTenant, pattern: str) -> list[bytes]:
    return list(backends.redis().scan_iter(f"t:{tenant.slug}:{pattern}"))


def test_a_tenants_rate_is_limited_and_announced(pooled_api: ApiProcess, backends: Backends) -> None:
    tenant = backends.tenant(f"slow-{uuid4().hex[:8]}", rateLimitPerMinute=10)
    caller = pooled_api.caller(tenant)
    remaining = []
    for _ in range(30):  # more than the limit, even when the minute turns in between
        answer = caller.get("/people")
        if answer.status_code == 429:
            break
        assert answer.status_code == 401
        assert answer.headers["ratelimit-policy"] == '"tenant";q=10;w=60'
        remaining.append(int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")))
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert remaining[-1] == 0
    assert remaining[:3] == [9, 8, 7]
    assert pooled_api.get("/healthz").status_code == 200
    assert "directory_api_rate_limited_total 0.0" not in pooled_api.get("/metrics").text


def hits(api: ApiProcess) -> float:
    lines = api.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith('directory_api_cache_lookups_total{outcome="hit"}')]
    return float(found[0].split()[-1]) if found else 0.0


def test_answers_are_remembered_until_anything_changes(api: ApiProcess, admin: Caller) -> None:
    person = admin.person("Cached", uuid4().hex)
    path = f"/people/{person['person_id']}"
    first = admin.get(path)
    before = hits(api)
    again = admin.get(path)
    assert hits(api) == before + 1
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert admin.patch(path, {"title": "New"}).status_code == 200
    assert admin.get(path).json()["title"] == "New"
    listed = f"/people?name={person['family_name']}"
    assert len(admin.get(listed).json()["items"]) == len(admin.get(listed).json()["items"]) == 1
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert admin.get(listed).json()["items"] == []


def test_a_page_from_the_cache_has_its_link_too(admin: Caller) -> None:
    for _ in range(2):
        admin.person()
    links = [admin.get("/people?limit=1").headers["link"] for _ in range(2)]
    assert links[0] == links[1]
    assert 'rel="next"' in links[0]


def test_a_value_of_another_tenant_is_never_served(
    admin: Caller, backends: Backends, tenant: ProvisionedTenant
) -> None:
    """Whatever put it there: the tenant inside the value is checked."""
    person = admin.person("Own", uuid4().hex)
    path = f"/people/{person['person_id']}"
    admin.get(path)
    admin.get(path)
    (version,) = keys(backends, tenant, "cache:version")
    present = backends.redis().get(version)
    assert isinstance(present, bytes)
    written = keys(backends, tenant, f"cache:{present.decode()}:*")
    assert written
    for key in written:
        foreign = {"given_name": "Foreign"}
        backends.redis().set(key, f'{uuid4()}\n"1"\n\n{json.dumps(foreign)}')
    assert admin.get(path).json()["given_name"] == "Own"


def test_every_key_has_an_end_but_the_version(admin: Caller, backends: Backends, tenant: ProvisionedTenant) -> None:
    admin.get("/people")
    admin.get("/people")
    admin.post("/auth/login", {"email": "nobody@x.example", "password": "x"})
    redis = backends.redis()
    for key in keys(backends, tenant, "*"):
        if not key.endswith(b":cache:version"):
            assert 0 < int(redis.ttl(key)) <= 900, key


@pytest.fixture
def lonely(
    backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ApiProcess, ProvisionedTenant]]:
    """A process of its own, for tests that take its backends away."""
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"lonely-{uuid4().hex[:8]}")
    with serving_login(backends, login, tmp_path_factory.mktemp("lonely")) as api:
        yield api, tenant


def test_without_redis_everything_is_served_and_counted(
    lonely: tuple[ApiProcess, ProvisionedTenant], backends: Backends
) -> None:
    api, tenant = lonely
    caller = api.caller(tenant).signed_in()
    person = caller.person()
    path = f"/people/{person['person_id']}"
    caller.get(path)
    caller.get(path)
    supervisor = backends.machine.supervisor
    supervisor.stop_program("redis")
    try:
        assert caller.get(path).json() == person
        assert caller.patch(path, {"title": "Without"}).status_code == 200
        assert caller.get(path).json()["title"] == "Without"
        assert api.caller(tenant).signed_in().token
        assert api.get("/readyz").status_code == 200
        assert "directory_api_redis_failures_total 0.0" not in api.get("/metrics").text
    finally:
        supervisor.start_program("redis")
        eventually(lambda: _answers(backends))

    def cached_again() -> bool:
        assert caller.get(path).json()["title"] == "Without", "what was remembered before must not come back"
        return "ratelimit" in caller.get(path).headers

    eventually(cached_again)


def _answers(backends: Backends) -> bool:
    try:
        return bool(backends.redis().ping())
    except OSError as error:
        raise AssertionError from error
    except Exception as error:
        raise AssertionError(str(error)) from error
