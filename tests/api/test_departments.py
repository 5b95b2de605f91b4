"""Departments over HTTP."""

from uuid import uuid4

from tests.support.api import Caller


def test_a_department_can_be_created_read_changed_and_deleted(admin: Caller) -> None:
    created = admin.post("/departments", {"name": f"Research {uuid4().hex}", "description": "Looks for things"})
    assert created.status_code == 201, created.text
    department = created.json()
    path = f"/departments/{department['department_id']}"
    assert admin.get(path).json() == department
    changed = admin.patch(path, {"description": ""}, created.headers["etag"])
    assert changed.json()["description"] == ""
    assert admin.patch(path, {"description": "x"}, created.headers["etag"]).status_code == 412
    assert admin.put(path, {"name": "Renamed " + uuid4().hex}, changed.headers["etag"]).status_code == 200
    assert admin.delete(path, None).status_code == 428
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_the_tree_has_no_cycles(admin: Caller) -> None:
    top = admin.department(f"Top {uuid4().hex}")["department_id"]
    middle = admin.department("Middle", parent_id=top)["department_id"]
    bottom = admin.department("Bottom", parent_id=middle)["department_id"]
    for parent in (top, middle, bottom):
        answer = admin.patch(f"/departments/{top}", {"parent_id": parent})
        assert (answer.status_code, answer.json()["code"]) == (409, "cycle")
    assert admin.patch(f"/departments/{bottom}", {"parent_id": top}).status_code == 200


def test_names_are_unique_at_their_place(admin: Caller) -> None:
    top = admin.department(f"Top {uuid4().hex}")
    admin.department("Sales", parent_id=top["department_id"])
    twin = admin.post("/departments", {"name": "SÁLES", "parent_id": top["department_id"]})
    assert (twin.status_code, twin.json()["code"]) == (409, "name_taken")
    again = admin.post("/departments", {"name": top["name"].upper()})
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


def test_only_an_empty_department_goes(admin: Caller) -> None:
    top = admin.department(f"Top {uuid4().hex}")["department_id"]
    below = admin.department("Below", parent_id=top)["department_id"]
    person = admin.person(department_id=below)["person_id"]
    assert admin.delete(f"/departments/{top}").json()["code"] == "department_in_use"
    assert admin.delete(f"/departments/{below}").json()["code"] == "department_in_use"
    assert admin.delete(f"/people/{person}").status_code == 204
    assert admin.delete(f"/departments/{below}").status_code == 204
    assert admin.delete(f"/departments/{top}").status_code == 204


def test_departments_are_listed_by_name_in_pages(admin: Caller) -> None:
    top = admin.department(f"Top {uuid4().hex}")["department_id"]
    for name in ("Zürich", "aachen", "Bern", "Ålesund"):
        admin.department(name, parent_id=top)
    path, seen = f"/departments?parent_id={top}&limit=1", []
    while path:
        answer = admin.get(path)
        seen += [each["name"] for each in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == ["aachen", "Ålesund", "Bern", "Zürich"]


def test_users_and_managers_read_and_change_nothing(admin: Caller, user: Caller) -> None:
    path = f"/departments/{admin.department(f'D {uuid4().hex}')['department_id']}"
    for caller in (user, admin.with_role("Manager")):
        assert caller.get(path).status_code == 200
        assert caller.post("/departments", {"name": "x"}).status_code == 403
        assert caller.put(path, {"name": "x"}).status_code == 403
        assert caller.patch(path, {"name": "x"}).status_code == 403
        assert caller.delete(path).status_code == 403
