"""Owns what may be done to accounts."""

from uuid import UUID

from directory_api import conditional
from directory_api.accounts import queries
from directory_api.accounts.ladder import check_not_last, check_reach
from directory_api.accounts.models import Account, AccountInput, AccountPage, AccountPatch, AccountQuery
from directory_api.cache import Answer
from directory_api.calls import Authenticated
from directory_api.db import Row, TenantConnection
from directory_api.errors import FieldError, invalid, not_found
from directory_api.pagination import Position, next_link
from directory_api.sessions.queries import revoke_of_account
from directory_api.text import folded_email

_DESCRIBED = "accounts"


async def list_page(call: Authenticated, query: AccountQuery) -> Answer:
    after = ""
    if query.cursor is not None:
        after = call.services.cursors.decode(call.tenant, _DESCRIBED, query.cursor).key
    async with call.read() as connection:
        rows = await queries.page(connection, after, query.limit + 1)
    cursor = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        last = Position(rows[-1]["email"], str(rows[-1]["account_id"]))
        cursor = call.services.cursors.encode(call.tenant, _DESCRIBED, last)
    body = AccountPage(items=[account(row) for row in rows], next_cursor=cursor).model_dump_json().encode()
    link = next_link("/api/v1/accounts", {"limit": str(query.limit)}, cursor) if cursor else ""
    return Answer(body, conditional.list_tag(body), link)


async def get(call: Authenticated, account_id: UUID) -> Answer:
    async with call.read() as connection:
        row = await queries.get(connection, account_id)
    if row is None:
        raise not_found("account")
    return Answer(account(row).model_dump_json().encode(), conditional.entity_tag(row["version"]))


async def create(call: Authenticated, given: AccountInput) -> Row:
    check_reach(call.viewer, given.role)
    hashed = await call.services.passwords.hash(given.password)
    async with call.write() as connection:
        return await queries.insert(connection, folded_email(given.email), given.role, given.person_id, hashed)


async def patch(call: Authenticated, account_id: UUID, given: AccountPatch) -> Row:
    expected = call.expected_versions()
    if not given.model_fields_set:
        raise invalid("Nothing to change.", FieldError("body", "name at least one field"))
    hashed = await call.services.passwords.hash(given.password) if given.password is not None else None
    async with call.write() as connection:
        row = await _locked(call, connection, account_id, expected)
        stored = _merged(row, given, hashed)
        check_reach(call.viewer, stored.role)
        if stored.role != "SuperAdmin" or stored.disabled:
            await _keep_a_super_admin(connection, row)
        if hashed is not None or stored.role != row["role"] or stored.disabled:
            await revoke_of_account(connection, account_id)
        updated = await queries.update(connection, account_id, stored)
    call.services.viewers.forget(call.tenant, account_id)
    return updated


async def delete(call: Authenticated, account_id: UUID) -> None:
    expected = call.expected_versions()
    async with call.write() as connection:
        row = await _locked(call, connection, account_id, expected)
        await _keep_a_super_admin(connection, row)
        await queries.delete(connection, account_id)
    call.services.viewers.forget(call.tenant, account_id)


def account(row: Row) -> Account:
    return Account.model_construct(**{name: row[name] for name in Account.model_fields})


async def _locked(
    call: Authenticated, connection: TenantConnection, account_id: UUID, expected: frozenset[int] | None
) -> Row:
    # First the SuperAdmins, always in the same order: two changes at once then wait instead of blocking each other.
    await queries.lock_super_admins(connection)
    row = await queries.lock(connection, account_id)
    if row is None:
        raise not_found("account")
    check_reach(call.viewer, row["role"])
    conditional.check(expected, row["version"])
    return row


async def _keep_a_super_admin(connection: TenantConnection, row: Row) -> None:
    if row["role"] == "SuperAdmin" and not row["disabled"]:
        check_not_last(await queries.lock_super_admins(connection), row["account_id"])


def _merged(row: Row, given: AccountPatch, hashed: str | None) -> queries.Stored:
    changes = given.model_dump(exclude_unset=True, include={"role", "person_id", "disabled"})
    stored = {name: row[name] for name in queries.Stored.__dataclass_fields__} | changes
    if "email" in given.model_fields_set:
        stored["email"] = folded_email(given.email)
    if hashed is not None:
        stored |= {"password_hash": hashed, "issued_credential": None}
    return queries.Stored(**stored)
