"""Writes a tenant's registry row, its hosts and its first administrators, all or nothing."""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from argon2 import PasswordHasher
from pydantic import SecretStr

from directory_contract.context import KEY_SIZE, padded_keys, signed_context
from directory_operator.errors import Conflict
from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.connection import Connection, Database
from directory_operator.systems.postgres.desired import Registration
from directory_operator.systems.postgres.plan import Register

# A first password is at least 160 random bits: no amount of hashing makes it harder to guess, so this costs little.
# The API hashes what people choose themselves, at its own price.
_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


async def register(database: Database, wanted: Registration, change: Register) -> None:
    """Make the registry say what `wanted` says. Conflict if somebody else was faster."""
    emails = change.new_admins + change.reissued_admins
    hashes = await asyncio.to_thread(_hashes, wanted.admins, emails)
    async with database.transaction() as connection:
        tenant_id = await _claim(connection, wanted, change)
        await _claim_hosts(connection, tenant_id, sorted(wanted.hosts))
        if not hashes:
            return
        key_id = await _enter(connection, tenant_id)
        for email, password_hash in hashes.items():
            statement = statements.ADD_ADMIN if email in change.new_admins else statements.REISSUE
            await connection.execute(statement, tenant_id, email, password_hash, wanted.credential)
            await connection.execute(statements.RECORD_ADMIN, tenant_id, email, wanted.credential)
        await connection.execute(statements.REMOVE_CONTEXT_KEYS, [key_id])


async def _claim(connection: Connection, wanted: Registration, change: Register) -> UUID:
    tenant_id = await connection.fetchval(
        statements.UPSERT_TENANT,
        change.tenant_id,
        wanted.slug,
        wanted.display_name,
        wanted.owner_uid,
        wanted.owner_cluster,
        wanted.owner_name,
        wanted.tier,
        wanted.login_role,
        json.dumps(wanted.settings),
    )
    if tenant_id is None:
        raise Conflict(f"slug {wanted.slug} was taken by another tenant in this very moment")
    return UUID(str(tenant_id))


async def _claim_hosts(connection: Connection, tenant_id: UUID, hosts: Sequence[str]) -> None:
    await connection.execute(statements.FREE_HOSTS, tenant_id, hosts)
    await connection.execute(statements.CLAIM_HOSTS, tenant_id, hosts)
    for row in await connection.fetch(statements.HOST_CLAIMS, hosts):
        if row["tenant_id"] != tenant_id:
            raise Conflict(f"host {row['host']} was taken by tenant {row['slug']} in this very moment")


async def _enter(connection: Connection, tenant_id: UUID) -> str:
    """Give the transaction the tenant's rows: by a context like any other, signed with a key that is never committed.

    Returns the key's id, to be removed before the commit.
    """
    key, key_id = secrets.token_bytes(KEY_SIZE), f"operator-{secrets.token_hex(8)}"
    await connection.execute(statements.ADD_CONTEXT_KEY, key_id, *padded_keys(key))
    await connection.execute(statements.SET_CONTEXT, str(tenant_id), signed_context(key, key_id, tenant_id))
    return key_id


def _hashes(passwords: Mapping[str, SecretStr], emails: Sequence[str]) -> dict[str, str]:
    return {email: _HASHER.hash(passwords[email].get_secret_value()) for email in emails}
