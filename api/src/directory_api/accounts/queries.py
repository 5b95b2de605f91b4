"""The SQL of accounts."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from directory_api.db import Row, TenantConnection

_COLUMNS: Final = (
    "account_id, email, role, person_id, disabled_at IS NOT NULL AS disabled, password_hash, issued_credential,"
    " created_at, updated_at, version"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a change leaves in an account's row."""

    email: str
    role: str
    person_id: UUID | None
    disabled: bool
    password_hash: str
    issued_credential: str | None


_PAGE: Final = (
    "SELECT " + _COLUMNS + " FROM directory.accounts WHERE tenant_id = $1 AND email > $2 ORDER BY email LIMIT $3"
)


async def page(connection: TenantConnection, after: str, limit: int) -> list[Row]:
    return await connection.rows(_PAGE, after, limit)


_GET: Final = "SELECT " + _COLUMNS + " FROM directory.accounts WHERE tenant_id = $1 AND account_id = $2"
_LOCK: Final = _GET + " FOR NO KEY UPDATE"


async def get(connection: TenantConnection, account_id: UUID) -> Row | None:
    return await connection.row(_GET, account_id)


async def lock(connection: TenantConnection, account_id: UUID) -> Row | None:
    return await connection.row(_LOCK, account_id)


_INSERT: Final = (
    "INSERT INTO directory.accounts (tenant_id, email, role, person_id, password_hash)"
    " VALUES ($1, $2, $3, $4, $5) RETURNING " + _COLUMNS
)


async def insert(
    connection: TenantConnection, email: str, role: str, person_id: UUID | None, password_hash: str
) -> Row:
    row = await connection.row(_INSERT, email, role, person_id, password_hash)
    assert row is not None  # noqa: S101 - RETURNING
    return row


_UPDATE: Final = (
    "UPDATE directory.accounts"
    " SET email = $3, role = $4, person_id = $5, password_hash = $6, issued_credential = $7,"
    " disabled_at = CASE WHEN $8 THEN coalesce(disabled_at, now()) END,"
    " version = version + 1, updated_at = now()"
    " WHERE tenant_id = $1 AND account_id = $2 RETURNING " + _COLUMNS
)


async def update(connection: TenantConnection, account_id: UUID, stored: Stored) -> Row:
    row = await connection.row(
        _UPDATE,
        account_id,
        stored.email,
        stored.role,
        stored.person_id,
        stored.password_hash,
        stored.issued_credential,
        stored.disabled,
    )
    assert row is not None  # noqa: S101 - locked before
    return row


async def delete(connection: TenantConnection, account_id: UUID) -> None:
    await connection.execute("DELETE FROM directory.accounts WHERE tenant_id = $1 AND account_id = $2", account_id)


async def lock_super_admins(connection: TenantConnection) -> frozenset[UUID]:
    """The enabled SuperAdmins, none of whom another transaction can demote meanwhile."""
    rows = await connection.rows(
        """SELECT account_id FROM directory.accounts
           WHERE tenant_id = $1 AND role = 'SuperAdmin' AND disabled_at IS NULL
           ORDER BY account_id FOR NO KEY UPDATE"""
    )
    return frozenset(row["account_id"] for row in rows)
