"""Owns what may be done to people, and by whom.

Administrators do everything. A Manager may edit the people who report to them, directly or not, and the people of the
departments they lead, sub-departments included; but not who these people are to the organisation (email, department,
manager, status, start date), and neither add nor remove anybody.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from directory_api import conditional
from directory_api.cache import Answer
from directory_api.calls import Authenticated
from directory_api.db import Row, TenantConnection
from directory_api.departments.queries import serialise_moves
from directory_api.errors import FieldError, Problem, conflict, forbidden, invalid, not_found
from directory_api.pagination import Position, next_link
from directory_api.people import queries
from directory_api.people.models import Person, PersonInput, PersonPage, PersonPatch, PersonQuery
from directory_api.photos.leftovers import sweep
from directory_api.visibility import Sight, sight

_FOR_ADMINISTRATORS: Final = ("email", "status", "start_date", "department_id", "manager_id")


async def list_page(call: Authenticated, query: PersonQuery) -> Answer:
    filters = query.model_dump(mode="json", exclude={"cursor", "limit"}, exclude_none=True)
    described = f"people:{filters}"
    after = queries.FIRST[query.sort]
    if query.cursor is not None:
        position = call.services.cursors.decode(call.tenant, described, query.cursor)
        after = (position.key, UUID(position.row_id))
    async with call.read() as connection:
        rows = await queries.page(connection, query, after)
    cursor = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        last = Position(rows[-1]["sort_name"], str(rows[-1]["person_id"]))
        cursor = call.services.cursors.encode(call.tenant, described, last)
    seen = sight(call.viewer)
    page = PersonPage.model_construct(items=[person(row, seen) for row in rows], next_cursor=cursor)
    body = page.model_dump_json(exclude_unset=True).encode()
    link = next_link("/api/v1/people", {"limit": str(query.limit), **filters}, cursor) if cursor else ""
    return Answer(body, conditional.list_tag(body), link)


async def get(call: Authenticated, person_id: UUID) -> Answer:
    async with call.read() as connection:
        row = await queries.get(connection, person_id)
    if row is None:
        raise not_found("person")
    seen = sight(call.viewer, person_id)
    body = person(row, seen).model_dump_json(exclude_unset=True).encode()
    return Answer(body, conditional.entity_tag(row["version"], seen.tag))


async def create(call: Authenticated, given: PersonInput) -> Row:
    async with call.write() as connection:
        person_id = await queries.insert(connection, given)
        return await _existing(connection, person_id)


async def replace(call: Authenticated, person_id: UUID, given: PersonInput) -> Row:
    expected = call.expected_versions()
    async with call.write() as connection:
        row = await locked(call, connection, person_id, expected)
        return await _update(call, connection, row, given)


async def patch(call: Authenticated, person_id: UUID, given: PersonPatch) -> Row:
    expected = call.expected_versions()
    async with call.write() as connection:
        row = await locked(call, connection, person_id, expected)
        return await _update(call, connection, row, _merged(row, given.model_dump(exclude_unset=True)))


async def delete(call: Authenticated, person_id: UUID) -> None:
    expected = call.expected_versions()
    async with call.write() as connection:
        await locked(call, connection, person_id, expected)
        await queries.delete(connection, person_id)
    await sweep(call)


def person(row: Row, seen: Sight) -> Person:
    """The row as a viewer with this sight sees it."""
    shown = {name: row[name] for name in Person.model_fields if name != "photo"}
    photo = row["photo_id"]
    shown["photo"] = f"/api/v1/people/{row['person_id']}/photo?v={photo}" if photo is not None else None
    return Person.model_construct(**seen.show(shown))


async def locked(
    call: Authenticated, connection: TenantConnection, person_id: UUID, expected: frozenset[int] | None
) -> Row:
    """The person, locked for a change that the caller may make."""
    row = await queries.lock(connection, person_id)
    if row is None:
        raise not_found("person")
    if not await _may_edit(call, connection, person_id):
        raise forbidden("You may edit only people who report to you or belong to a department that you lead.")
    conditional.check(expected, row["version"])
    return row


async def _may_edit(call: Authenticated, connection: TenantConnection, person_id: UUID) -> bool:
    viewer = call.viewer
    if viewer.at_least("Admin"):
        return True
    if not viewer.at_least("Manager") or viewer.person_id is None or viewer.person_id == person_id:
        return False
    return await queries.reports_to(connection, person_id, viewer.person_id) or await queries.works_under(
        connection, person_id, viewer.person_id
    )


async def _update(call: Authenticated, connection: TenantConnection, row: Row, given: PersonInput) -> Row:
    if not call.viewer.at_least("Admin"):
        _check_manager_keeps(row, given)
    if given.manager_id is not None and given.manager_id != row["manager_id"]:
        await serialise_moves(connection)
        if await queries.reports_to(connection, given.manager_id, row["person_id"]):
            raise conflict("cycle", "The manager reports to this person.", "manager_id")
    await queries.update(connection, row["person_id"], given)
    return await _existing(connection, row["person_id"])


def _check_manager_keeps(row: Row, given: PersonInput) -> None:
    changed = [name for name in _FOR_ADMINISTRATORS if getattr(given, name) != row[name]]
    if changed:
        detail = "Only administrators change these fields."
        raise Problem(403, "forbidden", detail, [FieldError(f"body.{name}", detail) for name in changed])


async def _existing(connection: TenantConnection, person_id: UUID) -> Row:
    row = await queries.get(connection, person_id)
    assert row is not None  # noqa: S101 - written in this transaction
    return row


def _merged(row: Row, changes: Mapping[str, Any]) -> PersonInput:
    if not changes:
        raise invalid("Nothing to change.", FieldError("body", "name at least one field"))
    before = {name: row[name] for name in PersonInput.model_fields}
    if row["display_name"] == f"{row['given_name']} {row['family_name']}":
        before["display_name"] = ""  # it followed the names, and goes on doing so
    return PersonInput.model_construct(**before | dict(changes))
