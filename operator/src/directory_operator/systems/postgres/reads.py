"""Reads of the catalog and the registry that tenants and the platform share, and the values the rows stand for."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.connection import Connection
from directory_operator.systems.postgres.desired import Mark
from directory_operator.systems.postgres.observed import Membership, ObservedRole, Registered

_POWERS: Final = {
    "rolsuper": "SUPERUSER",
    "rolcreaterole": "CREATEROLE",
    "rolcreatedb": "CREATEDB",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}


async def read_roles(connection: Connection, names: Sequence[str]) -> Mapping[str, ObservedRole]:
    """The login roles of these names that exist."""
    rows = await connection.fetch(statements.ROLES, names)
    return {row["name"]: role_of(row) for row in rows}


async def read_row_security(connection: Connection) -> tuple[str, ...]:
    """How row-level security differs from what the migrations lay down; empty when it is whole."""
    return tuple(row[0] for row in await connection.fetch(statements.ROW_SECURITY_PROBLEMS))


def role_of(row: asyncpg.Record) -> ObservedRole:
    """From a row of `statements.ROLES`."""
    return ObservedRole(
        name=row["name"],
        powers=frozenset(power for column, power in _POWERS.items() if row[column]),
        can_login=row["rolcanlogin"],
        inherits=row["rolinherit"],
        connection_limit=row["rolconnlimit"],
        expires=row["expires"],
        mark=Mark.parse(row["comment"]),
        settings=frozenset(row["settings"] or ()),
        global_settings=frozenset(row["global_settings"] or ()),
        groups=frozenset(Membership(**each) for each in json.loads(row["groups"])),
        members=frozenset(row["members"]),
    )


def registered_of(row: asyncpg.Record) -> Registered:
    """From a row of `statements.TENANTS`."""
    return Registered(
        tenant_id=row["tenant_id"],
        display_name=row["display_name"],
        owner_uid=str(row["owner_uid"]) if row["owner_uid"] else None,
        owner_cluster=row["owner_cluster"],
        owner_name=row["owner_name"],
        tier=row["tier"],
        state=row["state"],
        login_role=row["login_role"],
        settings=json.loads(row["settings"]),
        hosts=frozenset(row["hosts"]),
        admins=json.loads(row["admins"]),
    )
