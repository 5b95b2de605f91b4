"""Requests that are harmless alone, at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from tests.api.test_photos import objects, picture
from tests.support.api import ApiProcess, Caller
from tests.support.tenants import Backends, ProvisionedTenant

ROUNDS = 8


def at_once(*requests: Callable[[], httpx.Response]) -> list[int]:
    with ThreadPoolExecutor(len(requests)) as threads:
        return sorted(answer.result().status_code for answer in [threads.submit(request) for request in requests])


def test_two_people_never_become_each_others_manager(admin: Caller) -> None:
    for _ in range(ROUNDS):
        one, other = (admin.person(f"P{uuid4().hex}")["person_id"] for _ in range(2))
        statuses = at_once(
            lambda one=one, other=other: admin.patch(f"/people/{one}", {"manager_id": other}),
            lambda one=one, other=other: admin.patch(f"/people/{other}", {"manager_id": one}),
        )
        assert statuses == [200, 409]


def test_two_departments_never_contain_each_other(admin: Caller) -> None:
    for _ in range(ROUNDS):
        one, other = (admin.department(uuid4().hex)["department_id"] for _ in range(2))
        statuses = at_once(
            lambda one=one, other=other: admin.patch(f"/departments/{one}", {"parent_id": other}),
            lambda one=one, other=other: admin.patch(f"/departments/{other}", {"parent_id": one}),
        )
        assert statuses == [200, 409]


def test_two_super_admins_cannot_remove_each_other(pooled_api: ApiProcess, backends: Backends) -> None:
    for _ in range(3):
        tenant = backends.tenant(f"race-{uuid4().hex[:8]}")
        one = pooled_api.caller(tenant).signed_in()
        other = one.with_role("SuperAdmin")
        ids = [caller.get("/me").json()["account_id"] for caller in (one, other)]
        statuses = at_once(
            lambda one=one, ids=ids: one.delete(f"/accounts/{ids[1]}"),
            lambda other=other, ids=ids: other.delete(f"/accounts/{ids[0]}"),
        )
        # Whoever comes second is signed out, or would remove the last one.
        assert statuses[0] == 204
        assert statuses[1] in {401, 409}


def test_of_two_changes_to_one_version_one_is_refused(admin: Caller) -> None:
    for _ in range(ROUNDS):
        path = f"/people/{admin.person()['person_id']}"
        etag = admin.get(path).headers["etag"]
        requests = [lambda n=n, path=path, etag=etag: admin.patch(path, {"title": str(n)}, etag) for n in range(4)]
        assert at_once(*requests) == [200, 412, 412, 412]


def test_of_two_people_with_one_address_one_is_refused(admin: Caller) -> None:
    body = {"given_name": "A", "family_name": "B", "email": f"{uuid4().hex}@x.example"}
    assert at_once(*[lambda: admin.post("/people", body)] * 4) == [201, 409, 409, 409]


def test_of_photos_uploaded_at_once_one_stays_and_no_object_is_left_over(
    admin: Caller, backends: Backends, tenant: ProvisionedTenant
) -> None:
    before = objects(backends, tenant)
    path = f"/people/{admin.person()['person_id']}/photo"
    sizes = [(40, 40), (50, 50), (60, 60)]
    requests = [lambda size=size: admin.request("PUT", path, content=picture(size=size)) for size in sizes]
    assert at_once(*requests) == [204, 204, 204]
    assert admin.get(path).status_code == 200
    assert admin.request("PUT", path, content=picture()).status_code == 204
    assert len(objects(backends, tenant) - before) == 3


def test_a_refresh_token_used_by_many_tabs_at_once_gives_one_successor(admin: Caller) -> None:
    caller = admin.with_role("User")
    body = {"refresh_token": caller.refresh_token}
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: caller.post("/auth/refresh", body), range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
