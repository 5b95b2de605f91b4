"""Every SQL text the operator sends. The only place that quotes: DDL takes no parameters, so names and literals of role
statements are quoted here, and all other values travel as parameters.
"""

from collections.abc import Sequence
from typing import Final

from directory_contract.names import role_maker
from directory_operator.systems.postgres.desired import Login, Mark
from directory_operator.systems.postgres.logins import LoginSettings

TENANTS: Final = """
SELECT t.slug, t.tenant_id, t.display_name, t.owner_uid, t.owner_cluster, t.owner_name, t.tier, t.state, t.login_role,
    t.settings,
    ARRAY(SELECT h.host FROM registry.tenant_hosts h WHERE h.tenant_id = t.tenant_id) AS hosts,
    (SELECT coalesce(jsonb_object_agg(a.email, a.issued_credential), '{}')
     FROM registry.first_admins a WHERE a.tenant_id = t.tenant_id) AS admins
FROM registry.tenants t WHERE t.slug = ANY($1)
"""

REGISTRANTS: Final = """
SELECT slug, owner_uid::text, coalesce(owner_name, '') AS owner_name
FROM registry.tenants WHERE owner_cluster = $1 AND owner_uid <> ALL($2::uuid[]) ORDER BY slug
"""

HOST_CLAIMS: Final = """
SELECT h.host, h.tenant_id, t.slug, t.owner_name FROM registry.tenant_hosts h JOIN registry.tenants t USING (tenant_id)
WHERE h.host = ANY($1)
"""

ROLES: Final = """
SELECT r.rolname::text AS name, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls,
    r.rolcanlogin, r.rolinherit, r.rolconnlimit, coalesce(isfinite(r.rolvaliduntil), false) AS expires,
    shobj_description(r.oid, 'pg_authid') AS comment,
    (SELECT s.setconfig FROM pg_db_role_setting s
     JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
     WHERE s.setrole = r.oid) AS settings,
    (SELECT s.setconfig FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0) AS global_settings,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('group', g.rolname, 'admin', m.admin_option,
        'inherit', m.inherit_option, 'set_role', m.set_option)), '[]')
     FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS groups,
    ARRAY(SELECT u.rolname::text FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
          WHERE m.roleid = r.oid AND u.rolname NOT LIKE 'directory\\_maker\\_%') AS members
FROM pg_roles r WHERE r.rolname = ANY($1)
"""

ROW_SECURITY_PROBLEMS: Final = "SELECT table_name || ': ' || problem FROM registry.row_security_problems()"
REPAIR_ROW_SECURITY: Final = "SELECT registry.repair_row_security()"

SCHEMA_VERSION: Final = "SELECT directory.schema_version()"
CONTEXT_KEYS: Final = "SELECT key_id, extract(epoch FROM now() - created_at)::float8 AS age FROM registry.context_keys"
ADD_CONTEXT_KEY: Final = (
    "INSERT INTO registry.context_keys (key_id, ipad, opad) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO NOTHING"
)
REMOVE_CONTEXT_KEYS: Final = "DELETE FROM registry.context_keys WHERE key_id = ANY($1)"

# Writes nothing, and so returns nothing, when another owner holds the slug.
UPSERT_TENANT: Final = """
INSERT INTO registry.tenants AS t
    (tenant_id, slug, display_name, owner_uid, owner_cluster, owner_name, tier, login_role, settings)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
ON CONFLICT (slug) DO UPDATE SET display_name = excluded.display_name, owner_uid = excluded.owner_uid,
    owner_cluster = excluded.owner_cluster, owner_name = excluded.owner_name, tier = excluded.tier, state = 'Active',
    login_role = excluded.login_role, settings = excluded.settings, updated_at = now()
WHERE t.owner_uid IS NULL OR (t.owner_uid = excluded.owner_uid AND t.owner_cluster = excluded.owner_cluster)
RETURNING t.tenant_id
"""
FREE_HOSTS: Final = "DELETE FROM registry.tenant_hosts WHERE tenant_id = $1 AND host <> ALL($2)"
CLAIM_HOSTS: Final = """
INSERT INTO registry.tenant_hosts (host, tenant_id) SELECT host, $1 FROM unnest($2::text[]) AS host
ON CONFLICT (host) DO NOTHING
"""

SET_CONTEXT: Final = "SELECT set_config('directory.tenant_id', $1, true), set_config('directory.context', $2, true)"
ADD_ADMIN: Final = """
INSERT INTO directory.accounts AS a (tenant_id, email, role, password_hash, issued_credential)
VALUES ($1, $2, 'SuperAdmin', $3, $4)
ON CONFLICT (tenant_id, email) DO UPDATE SET role = 'SuperAdmin', disabled_at = NULL, updated_at = now(),
    version = a.version + 1
"""
# Once its owner has changed the password, issued_credential is NULL and the account is left alone.
REISSUE: Final = """
UPDATE directory.accounts SET password_hash = $3, issued_credential = $4, updated_at = now(), version = version + 1
WHERE tenant_id = $1 AND email = $2 AND issued_credential IS DISTINCT FROM $4 AND issued_credential IS NOT NULL
"""
RECORD_ADMIN: Final = """
INSERT INTO registry.first_admins (tenant_id, email, issued_credential) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, email) DO UPDATE SET issued_credential = excluded.issued_credential
"""

RELEASE_TENANT: Final = """
UPDATE registry.tenants
SET state = 'Released', owner_uid = NULL, owner_cluster = NULL, owner_name = NULL, updated_at = now()
WHERE slug = $1 AND owner_uid = $2 AND owner_cluster = $3 RETURNING tenant_id
"""
# Closed, and somebody's still: what could not be closed elsewhere is found by it.
CLOSE_TENANT: Final = """
UPDATE registry.tenants SET state = 'Released', updated_at = now()
WHERE slug = $1 AND owner_uid = $2 AND owner_cluster = $3 RETURNING tenant_id
"""
RELEASE_HOSTS: Final = "DELETE FROM registry.tenant_hosts WHERE tenant_id = $1"
PURGE_TENANT: Final = (
    "DELETE FROM registry.tenants WHERE tenant_id = $1 AND slug = $2 AND owner_uid = $3 AND owner_cluster = $4"
)

SESSIONS: Final = "SELECT pid FROM pg_stat_activity WHERE usename = $1"
END_SESSIONS: Final = "SELECT count(pg_terminate_backend(pid)) FROM unnest($1::int[]) AS pid"


def as_maker(role: str) -> str:
    """Act, until the transaction ends, as the role that made this login role."""
    return f"SET LOCAL ROLE {identifier(role_maker(role))}"


def create_login(login: Login, settings: LoginSettings, verifier: str, database: str) -> str:
    """One script: the role and all it has."""
    role = identifier(login.role)
    attributes = f"LOGIN INHERIT CONNECTION LIMIT {login.connection_limit:d} PASSWORD {literal(verifier)}"
    return ";".join((as_maker(login.role), f"CREATE ROLE {role} {attributes}", *_equipment(login, settings, database)))


def alter_login(login: Login, settings: LoginSettings, verifier: str | None, database: str) -> str:
    """One script that makes the role as it should be; the password stays where no verifier is given."""
    role, limit = identifier(login.role), f"CONNECTION LIMIT {login.connection_limit:d}"
    password = f" PASSWORD {literal(verifier)}" if verifier else ""
    return ";".join(
        (
            as_maker(login.role),
            f"ALTER ROLE {role} LOGIN INHERIT NOCREATEROLE {limit} VALID UNTIL 'infinity'{password}",
            f"ALTER ROLE {role} RESET ALL",
            f"ALTER ROLE {role} IN DATABASE {identifier(database)} RESET ALL",
            *_equipment(login, settings, database),
        )
    )


def recreate_login(login: Login, settings: LoginSettings, verifier: str, database: str) -> str:
    """Drop and create in one transaction, so that nobody sees the role missing."""
    return f"{drop_role(login.role)};{create_login(login, settings, verifier, database)}"


def drop_role(role: str) -> str:
    """Drop the role if it is there."""
    return f"{as_maker(role)};DROP ROLE IF EXISTS {identifier(role)}"


def close_login(role: str, mark: Mark) -> str:
    """Nobody logs in as the role any more, and whoever comes next may take it over."""
    return f"{as_maker(role)};ALTER ROLE {identifier(role)} NOLOGIN;{_comment(role, mark)}"


def inherit_role(role: str) -> str:
    """Lets the role's maker end its sessions."""
    return f"{as_maker(role)};GRANT {identifier(role)} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE"


def identifier(name: str) -> str:
    """A quoted name (PostgreSQL 18, 4.1.1)."""
    if "\0" in name or not name:
        message = "a PostgreSQL name is neither empty nor holds NUL"
        raise ValueError(message)
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A quoted string (PostgreSQL 18, 4.1.2.1); sessions have standard_conforming_strings on."""
    if "\0" in value:
        message = "a PostgreSQL string holds no NUL"
        raise ValueError(message)
    return "'" + value.replace("'", "''") + "'"


def _equipment(login: Login, settings: LoginSettings, database: str) -> Sequence[str]:
    role = identifier(login.role)
    return (
        *(f"GRANT {identifier(group)} TO {role} WITH INHERIT TRUE, SET FALSE" for group in sorted(login.groups)),
        *(
            f"ALTER ROLE {role} IN DATABASE {identifier(database)} SET {_setting(name)} = {literal(value)}"
            for name, value in settings.values
        ),
        _comment(login.role, login.mark),
    )


def _comment(role: str, mark: Mark) -> str:
    return f"COMMENT ON ROLE {identifier(role)} IS {literal(str(mark))}"


def _setting(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))
