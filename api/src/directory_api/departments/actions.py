"""Owns what may be done to departments."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from directory_api import conditional
from directory_api.cache import Answer
from directory_api.calls import Authenticated
from directory_api.db import Row, TenantConnection
from directory_api.departments import queries
from directory_api.departments.models import (
    Department,
    DepartmentInput,
    DepartmentPage,
    DepartmentPatch,
    DepartmentQuery,
)
from directory_api.errors import FieldError, conflict, invalid, not_found
from directory_api.pagination import Position, next_link

_FIRST = ("", UUID(int=0))


async def list_page(call: Authenticated, query: DepartmentQuery) -> Answer:
    filters = query.model_dump(mode="json", exclude={"cursor", "limit"}, exclude_none=True)
    described = f"departments:{filters}"
    after = _FIRST
    if query.cursor is not None:
        position = call.services.cursors.decode(call.tenant, described, query.cursor)
        after = (position.key, UUID(position.row_id))
    async with call.read() as connection:
        rows = await queries.page(connection, after, query.limit + 1, query.parent_id)
    cursor = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        last = Position(rows[-1]["name_folded"], str(rows[-1]["department_id"]))
        cursor = call.services.cursors.encode(call.tenant, described, last)
    body = DepartmentPage(items=[department(row) for row in rows], next_cursor=cursor).model_dump_json().encode()
    parameters = {"limit": str(query.limit), **filters}
    link = next_link("/api/v1/departments", parameters, cursor) if cursor else ""
    return Answer(body, conditional.list_tag(body), link)


async def get(call: Authenticated, department_id: UUID) -> Answer:
    async with call.read() as connection:
        row = await queries.get(connection, department_id)
    if row is None:
        raise not_found("department")
    return Answer(department(row).model_dump_json().encode(), conditional.entity_tag(row["version"]))


async def create(call: Authenticated, given: DepartmentInput) -> Row:
    async with call.write() as connection:
        return await queries.insert(connection, given)


async def replace(call: Authenticated, department_id: UUID, given: DepartmentInput) -> Row:
    expected = call.expected_versions()
    async with call.write() as connection:
        await _locked(connection, department_id, expected)
        return await _update(connection, department_id, given)


async def patch(call: Authenticated, department_id: UUID, given: DepartmentPatch) -> Row:
    expected = call.expected_versions()
    async with call.write() as connection:
        row = await _locked(connection, department_id, expected)
        return await _update(connection, department_id, _merged(row, given.model_dump(exclude_unset=True)))


async def delete(call: Authenticated, department_id: UUID) -> None:
    """Only when empty: people and sub-departments must have gone elsewhere first."""
    expected = call.expected_versions()
    async with call.write() as connection:
        await _locked(connection, department_id, expected)
        await queries.delete(connection, department_id)


def department(row: Row) -> Department:
    return Department.model_construct(**{name: row[name] for name in Department.model_fields})


async def _locked(connection: TenantConnection, department_id: UUID, expected: frozenset[int] | None) -> Row:
    row = await queries.lock(connection, department_id)
    if row is None:
        raise not_found("department")
    conditional.check(expected, row["version"])
    return row


async def _update(connection: TenantConnection, department_id: UUID, given: DepartmentInput) -> Row:
    if given.parent_id is not None:
        await queries.serialise_moves(connection)
        if await queries.is_within(connection, given.parent_id, department_id):
            raise conflict("cycle", "The parent lies within the department itself.", "parent_id")
    return await queries.update(connection, department_id, given)


def _merged(row: Row, changes: Mapping[str, Any]) -> DepartmentInput:
    if not changes:
        raise invalid("Nothing to change.", FieldError("body", "name at least one field"))
    return DepartmentInput.model_construct(**{name: row[name] for name in DepartmentInput.model_fields} | dict(changes))
