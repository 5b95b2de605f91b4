"""People over HTTP: create, read, update, delete, list, search, and who sees what."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.api import Caller


def test_a_person_can_be_created_read_changed_and_deleted(admin: Caller) -> None:
    created = admin.post("/people", {"given_name": "Ada", "family_name": "Lovelace", "start_date": "1843-01-01"})
    assert created.status_code == 201, created.text
    person = created.json()
    assert person["display_name"] == "Ada Lovelace"
    path = f"/people/{person['person_id']}"
    assert created.headers["location"] == f"/api/v1{path}"

    read = admin.get(path)
    assert read.json() == person
    assert read.headers["etag"] == created.headers["etag"] == '"1"'

    changed = admin.patch(path, {"title": "Analyst"}, read.headers["etag"])
    assert changed.status_code == 200, changed.text
    assert changed.json() == person | {"title": "Analyst", "updated_at": changed.json()["updated_at"]}
    assert admin.get(path).json() == changed.json()

    replaced = admin.put(path, {"given_name": "Augusta", "family_name": "King"}, changed.headers["etag"])
    assert replaced.json()["title"] == ""
    assert replaced.json()["start_date"] is None
    assert admin.delete(path, replaced.headers["etag"]).status_code == 204
    assert admin.get(path).status_code == 404


def test_a_change_needs_the_present_version(admin: Caller) -> None:
    path = f"/people/{admin.person()['person_id']}"
    for change in (lambda etag: admin.patch(path, {"title": "x"}, etag), lambda etag: admin.delete(path, etag)):
        assert change(None).status_code == 428
        for stale in ('"7"', 'W/"1"', '"x"', '"1x"', ""):
            assert change(stale or '""').status_code == 412, stale
    assert admin.patch(path, {"title": "x"}, '"9", "1"').status_code == 200


def test_a_reader_who_has_it_already_gets_no_body(admin: Caller) -> None:
    path = f"/people/{admin.person()['person_id']}"
    for address in (path, "/people"):
        etag = admin.get(address).headers["etag"]
        again = admin.get(address, headers={"If-None-Match": f'"other", {etag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert admin.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_display_name_follows_the_names_until_it_is_set(admin: Caller) -> None:
    path = f"/people/{admin.person('Ada', 'Byron')['person_id']}"
    assert admin.patch(path, {"family_name": "King"}).json()["display_name"] == "Ada King"
    assert admin.patch(path, {"display_name": "Countess"}).json()["display_name"] == "Countess"
    assert admin.patch(path, {"given_name": "Augusta"}).json()["display_name"] == "Countess"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"given_name": "A"}, "body.family_name"),
        ({"given_name": "", "family_name": "B"}, "body.given_name"),
        ({"given_name": "A", "family_name": "B\u0000"}, "body.family_name"),
        ({"given_name": "A", "family_name": "B" * 121}, "body.family_name"),
        ({"given_name": "A", "family_name": "B", "email": "no"}, "body.email"),
        ({"given_name": "A", "family_name": "B", "status": "Gone"}, "body.status"),
        ({"given_name": "A", "family_name": "B", "start_date": "soon"}, "body.start_date"),
        ({"given_name": "A", "family_name": "B", "salary": 1}, "body.salary"),
        ({"given_name": "A", "family_name": "B", "tenant_id": str(uuid4())}, "body.tenant_id"),
    ],
)
def test_wrong_fields_are_named(admin: Caller, body: dict[str, Any], field: str) -> None:
    answer = admin.post("/people", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_email_address_is_taken_whatever_its_case(admin: Caller) -> None:
    address = f"Grace.{uuid4().hex}@Example.com"
    first = admin.person(email=address)
    assert first["email"] == address
    answer = admin.post("/people", {"given_name": "G", "family_name": "H", "email": address.upper()})
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert answer.json()["errors"][0]["field"] == "email"
    assert "Key (" not in answer.text


@pytest.mark.parametrize(("field", "code"), [("manager_id", "unknown_manager"), ("department_id", "department_in_use")])
def test_what_a_person_refers_to_must_exist(admin: Caller, field: str, code: str) -> None:
    answer = admin.post("/people", {"given_name": "A", "family_name": "B", field: str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_lines_of_managers_have_no_cycles(admin: Caller) -> None:
    boss = admin.person("Boss")
    middle = admin.person("Middle", manager_id=boss["person_id"])
    worker = admin.person("Worker", manager_id=middle["person_id"])
    for below in (boss, middle, worker):
        answer = admin.patch(f"/people/{boss['person_id']}", {"manager_id": below["person_id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "cycle")


def test_when_a_manager_goes_the_reports_have_none_and_a_new_version(admin: Caller) -> None:
    boss = admin.person("Boss")
    report = admin.get(f"/people/{admin.person('R', manager_id=boss['person_id'])['person_id']}")
    assert admin.delete(f"/people/{boss['person_id']}").status_code == 204
    after = admin.get(f"/people/{report.json()['person_id']}")
    assert after.json()["manager_id"] is None
    assert after.headers["etag"] != report.headers["etag"]


def _names(page: Any) -> list[str]:
    return [f"{person['given_name']} {person['family_name']}" for person in page["items"]]


def _all(caller: Caller, path: str) -> list[str]:
    """Every page's names, following the Link header as a client does."""
    names: list[str] = []
    for _ in range(50):
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text
        names += _names(answer.json())
        if "next" not in answer.links:
            assert answer.json()["next_cursor"] is None
            return names
        path = answer.links["next"]["url"]
    raise AssertionError("paging does not end")


@pytest.fixture(scope="module")
def team(admin: Caller) -> str:
    """A department with people whose names are hard to sort."""
    department = admin.department(f"Team {uuid4().hex}")["department_id"]
    names = [
        ("Émile", "Zola"),
        ("anna", "zola"),
        ("Łukasz", "Abel"),
        ("Ada", "Ábel"),
        ("Zoë", "Straße"),
        ("Bo", "Strasse"),
    ]
    for given, family in names:
        admin.person(given, family, department_id=department, status="OnLeave" if given == "Bo" else "Active")
    return str(department)


SORTED = ["Ada Ábel", "Łukasz Abel", "Bo Strasse", "Zoë Straße", "anna zola", "Émile Zola"]


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 200])
def test_paging_shows_everybody_once_and_in_order(admin: Caller, team: str, limit: int) -> None:
    path = f"/people?department_id={team}&limit={limit}"
    assert _all(admin, path) == SORTED
    assert _all(admin, path + "&sort=-name") == SORTED[::-1]


def test_filters_narrow_together(admin: Caller, team: str) -> None:
    assert _all(admin, f"/people?department_id={team}&status=OnLeave") == ["Bo Strasse"]
    assert _all(admin, f"/people?department_id={team}&name=stras") == SORTED[2:4]
    assert _all(admin, f"/people?department_id={team}&name=stras&status=Active&limit=1") == ["Zoë Straße"]
    assert _all(admin, f"/people?department_id={team}&manager_id={uuid4()}") == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("lukasz", ["Łukasz Abel"]),
        ("EMI", ["Émile Zola"]),
        ("zo", ["Zoë Straße", "anna zola", "Émile Zola"]),
        ("zo str", ["Zoë Straße"]),
        ("str zo", ["Zoë Straße"]),
        ("ola", []),
        ("%", SORTED),  # no word in it: no filter
        ("zo'; DROP TABLE directory.people; --", []),
    ],
)
def test_names_are_found_by_the_beginnings_of_their_words(
    admin: Caller, team: str, asked: str, found: list[str]
) -> None:
    answer = admin.get("/people", params={"department_id": team, "name": asked})
    assert _names(answer.json()) == found


def test_a_cursor_is_good_for_its_own_query_only(admin: Caller, team: str) -> None:
    cursor = admin.get(f"/people?department_id={team}&limit=2").json()["next_cursor"]
    same = f"/people?department_id={team}&cursor="
    assert admin.get(same + cursor).status_code == 200
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for path in (
        f"/people?cursor={cursor}",
        f"/people?department_id={team}&sort=-name&cursor={cursor}",
        f"/departments?cursor={cursor}",
        same + flipped,
        same + "AAAA",
        same + "%F0%9F%92%A9",
        same + "",
    ):
        answer = admin.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), path


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "sort=phone", "status=Gone", "manager_id=1", "q=1"]
)
def test_wrong_query_parameters_are_refused(admin: Caller, query: str) -> None:
    assert admin.get(f"/people?{query}").status_code == 422


def test_users_read_and_change_nothing(admin: Caller, user: Caller) -> None:
    path = f"/people/{admin.person()['person_id']}"
    assert user.get(path).status_code == 200
    assert user.post("/people", {"given_name": "A", "family_name": "B"}).status_code == 403
    assert user.patch(path, {"title": "x"}).status_code == 403
    assert user.put(path, {"given_name": "A", "family_name": "B"}).status_code == 403
    assert user.delete(path).status_code == 403


def test_private_fields_are_for_the_person_and_for_managers(admin: Caller, user: Caller) -> None:
    other = admin.person("Other", uuid4().hex, phone="+1 555", start_date="2020-02-02")
    own = admin.person("Own", uuid4().hex, phone="+1 666", start_date="2021-01-01")
    self = admin.with_role("User", own["person_id"])
    manager = admin.with_role("Manager")

    def private(caller: Caller, path: str) -> Any:
        answer = caller.get(path)
        body = answer.json()
        person = body if "items" not in body else body["items"][0]
        return {name: person[name] for name in ("phone", "start_date") if name in person}

    path, listed = f"/people/{other['person_id']}", f"/people?name={other['family_name']}"
    shown = {"phone": "+1 555", "start_date": "2020-02-02"}
    for _ in range(2):  # the second time from the cache
        assert private(admin, path) == private(manager, path) == private(admin, listed) == shown
        assert private(user, path) == private(self, path) == private(user, listed) == {}
        assert private(self, f"/people/{own['person_id']}") == {"phone": "+1 666", "start_date": "2021-01-01"}
    assert user.get(path).headers["etag"] != admin.get(path).headers["etag"]


def test_a_manager_edits_reports_and_the_people_of_the_departments_they_lead(admin: Caller) -> None:
    boss = admin.person("Boss")
    manager = admin.with_role("Manager", boss["person_id"])
    direct = admin.person("Direct", manager_id=boss["person_id"])
    indirect = admin.person("Indirect", manager_id=direct["person_id"])
    led = admin.department(f"Led {uuid4().hex}", manager_id=boss["person_id"])["department_id"]
    below = admin.department("Below", parent_id=led)["department_id"]
    member = admin.person("Member", department_id=below)
    stranger = admin.person("Stranger")

    for person in (direct, indirect, member):
        assert manager.patch(f"/people/{person['person_id']}", {"title": "Engineer"}).status_code == 200
    for person in (stranger, boss):
        assert manager.patch(f"/people/{person['person_id']}", {"title": "x"}).status_code == 403
    refused = manager.patch(
        f"/people/{direct['person_id']}", {"manager_id": None, "email": "a@b.example", "title": "y"}
    )
    assert refused.status_code == 403
    assert [error["field"] for error in refused.json()["errors"]] == ["body.email", "body.manager_id"]
    assert manager.delete(f"/people/{direct['person_id']}").status_code == 403
    assert manager.post("/people", {"given_name": "A", "family_name": "B"}).status_code == 403
