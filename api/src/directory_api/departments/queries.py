"""The SQL of departments."""

from typing import Final
from uuid import UUID

from directory_api.db import Row, TenantConnection
from directory_api.departments.models import DepartmentInput
from directory_api.text import folded

_COLUMNS: Final = (
    "department_id, name, description, parent_id, manager_id, created_at, updated_at, version, name_folded"
)

_PAGE: Final = (
    "SELECT " + _COLUMNS + " FROM directory.departments"
    " WHERE tenant_id = $1 AND (name_folded, department_id) > ($2, $3)"
    " ORDER BY name_folded, department_id LIMIT $4"
)
_PAGE_OF_PARENT: Final = (
    "SELECT " + _COLUMNS + " FROM directory.departments"
    " WHERE tenant_id = $1 AND parent_id = $5 AND (name_folded, department_id) > ($2, $3)"
    " ORDER BY name_folded, department_id LIMIT $4"
)


async def page(connection: TenantConnection, after: tuple[str, UUID], limit: int, parent_id: UUID | None) -> list[Row]:
    if parent_id is None:
        return await connection.rows(_PAGE, *after, limit)
    return await connection.rows(_PAGE_OF_PARENT, *after, limit, parent_id)


_GET: Final = "SELECT " + _COLUMNS + " FROM directory.departments WHERE tenant_id = $1 AND department_id = $2"
_LOCK: Final = _GET + " FOR NO KEY UPDATE"


async def get(connection: TenantConnection, department_id: UUID) -> Row | None:
    return await connection.row(_GET, department_id)


async def lock(connection: TenantConnection, department_id: UUID) -> Row | None:
    return await connection.row(_LOCK, department_id)


_INSERT: Final = (
    "INSERT INTO directory.departments (tenant_id, name, name_folded, description, parent_id, manager_id)"
    " VALUES ($1, $2, $3, $4, $5, $6) RETURNING " + _COLUMNS
)


async def insert(connection: TenantConnection, department: DepartmentInput) -> Row:
    row = await connection.row(
        _INSERT,
        department.name,
        folded(department.name),
        department.description,
        department.parent_id,
        department.manager_id,
    )
    assert row is not None  # noqa: S101 - RETURNING
    return row


_UPDATE: Final = (
    "UPDATE directory.departments"
    " SET name = $3, name_folded = $4, description = $5, parent_id = $6, manager_id = $7,"
    " version = version + 1, updated_at = now()"
    " WHERE tenant_id = $1 AND department_id = $2 RETURNING " + _COLUMNS
)


async def update(connection: TenantConnection, department_id: UUID, department: DepartmentInput) -> Row:
    row = await connection.row(
        _UPDATE,
        department_id,
        department.name,
        folded(department.name),
        department.description,
        department.parent_id,
        department.manager_id,
    )
    assert row is not None  # noqa: S101 - locked before
    return row


async def delete(connection: TenantConnection, department_id: UUID) -> None:
    await connection.execute(
        "DELETE FROM directory.departments WHERE tenant_id = $1 AND department_id = $2", department_id
    )


async def serialise_moves(connection: TenantConnection) -> None:
    """One change to the tenant's trees at a time, until the transaction ends.

    Two moves that are harmless alone can close a cycle together, and neither would see the other.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('directory.trees:' || $1::uuid::text, 0))")


async def is_within(connection: TenantConnection, department_id: UUID, ancestor_id: UUID) -> bool:
    """Whether `ancestor_id` is the department itself or above it."""
    found: bool = await connection.value(
        """WITH RECURSIVE above AS (
               SELECT department_id, parent_id FROM directory.departments WHERE tenant_id = $1 AND department_id = $2
               UNION
               SELECT d.department_id, d.parent_id
               FROM above JOIN directory.departments d ON d.tenant_id = $1 AND d.department_id = above.parent_id
           )
           SELECT EXISTS (SELECT FROM above WHERE department_id = $3)""",
        department_id,
        ancestor_id,
    )
    return found
