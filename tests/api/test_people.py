"""People over HTTP: create, read, update, delete, list."""

from tests.support.api import Caller


def test_a_person_can_be_created_read_changed_and_deleted(admin: Caller) -> None:
    created = admin.post("/people", {"given_name": "Ada", "family_name": "Lovelace", "phone": "+44 1", "start_date": "1843-01-01"})
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
    assert changed.json()["title"] == "Analyst"
    assert admin.get(path).json() == changed.json()
    assert admin.delete(path, read.headers["etag"]).status_code == 412
    assert admin.delete(path, None).status_code == 428
    assert admin.delete(path, changed.headers["etag"]).status_code == 204
    assert admin.get(path).status_code == 404
