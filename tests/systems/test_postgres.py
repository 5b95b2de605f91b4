"""A tenant in PostgreSQL: what it may do there, what is repaired, what is kept, who is refused."""

import json
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from argon2 import PasswordHasher

from directory_operator.errors import AccessDenied, Conflict, DeletionRefused
from directory_operator.reasons import Reason
from directory_operator.tenant.model import Tenant
from tests.support.eventually import eventually
from tests.systems.rig import Rig, reborn, with_credentials

STRAY = {
    "a policy that opens the table": (
        "CREATE POLICY all_see ON directory.people TO directory_api USING (true)",
        "people: policy all_see is not ours",
    ),
    "no policy": (
        "DROP POLICY accounts_tenant ON directory.accounts",
        "accounts: policy accounts_tenant is missing",
    ),
    "an altered policy": (
        "ALTER POLICY photos_tenant ON directory.photos USING (true)",
        "photos: policy photos_tenant was altered",
    ),
    "an altered check": (
        "ALTER POLICY photos_tenant ON directory.photos WITH CHECK (true)",
        "photos: policy photos_tenant was altered",
    ),
    "a policy for everybody": (
        "ALTER POLICY photos_tenant ON directory.photos TO PUBLIC",
        "photos: policy photos_tenant was altered",
    ),
    "row security off": (
        "ALTER TABLE directory.departments DISABLE ROW LEVEL SECURITY",
        "departments: row security is off",
    ),
    "row security not forced": (
        "ALTER TABLE directory.sessions NO FORCE ROW LEVEL SECURITY",
        "sessions: row security is not forced on the owner",
    ),
}


BROKEN = {
    "limit": ("ALTER ROLE {role} CONNECTION LIMIT 500", "alter login role {role} (connection limit 500, not 20)"),
    "no login": ("ALTER ROLE {role} NOLOGIN", "alter login role {role} (can't log in)"),
    "no inheritance": ("ALTER ROLE {role} NOINHERIT", "alter login role {role} (doesn't inherit)"),
    "expiry": ("ALTER ROLE {role} VALID UNTIL '2020-01-01'", "alter login role {role} (password expires)"),
    "createrole": ("ALTER ROLE {role} CREATEROLE", "alter login role {role} (has CREATEROLE)"),
    "bypassrls": ("ALTER ROLE {role} BYPASSRLS", "recreate login role {role} (has BYPASSRLS)"),
    "createdb": ("ALTER ROLE {role} CREATEDB", "recreate login role {role} (has CREATEDB)"),
    "replication": ("ALTER ROLE {role} REPLICATION", "recreate login role {role} (has REPLICATION)"),
    "foreign group": (
        "GRANT pg_read_all_data TO {role}",
        "recreate login role {role} (is a member of pg_read_all_data (inherit, set))",
    ),
    "a right to hand on": (
        "GRANT directory_api TO {role} WITH ADMIN OPTION",
        "recreate login role {role} (is a member of directory_api (admin, inherit, set))",
    ),
    "group gone": (
        "REVOKE directory_api FROM {role} GRANTED BY directory_makers",
        "(membership of directory_api is missing)",
    ),
    "a member": ("GRANT {role} TO directory_pooled", "recreate login role {role} (has directory_pooled as a member)"),
    "other tenant's setting": (
        "ALTER ROLE {role} IN DATABASE directory SET directory.tenant_id = '00000000-0000-0000-0000-000000000000'",
        "alter login role {role} (settings differ: directory.tenant_id)",
    ),
    "timeouts reset": (
        "ALTER ROLE {role} IN DATABASE directory RESET ALL",
        "settings differ: directory.tenant_id, idle_in_transaction_session_timeout, statement_timeout",
    ),
    "setting everywhere": (
        "ALTER ROLE {role} SET work_mem = '1GB'",
        "alter login role {role} (settings in every database: work_mem)",
    ),
    "mark": ("COMMENT ON ROLE {role} IS 'mine'", "alter login role {role} (ownership mark differs)"),
    "role": ("DROP ROLE {role}", "create login role {role}"),
    "display name": (
        "UPDATE registry.tenants SET display_name = 'X' WHERE slug = '{slug}'",
        "register tenant {slug} (display name differs)",
    ),
    "API settings": (
        "UPDATE registry.tenants SET settings = '{{}}' WHERE slug = '{slug}'",
        "register tenant {slug} (API settings differ)",
    ),
    "hosts": (
        "DELETE FROM registry.tenant_hosts WHERE host LIKE '{slug}.%'",
        "register tenant {slug} (hosts differ)",
    ),
    "state": (
        "UPDATE registry.tenants SET state = 'Released' WHERE slug = '{slug}'",
        "register tenant {slug} (state differs)",
    ),
    "a stray host": (
        "INSERT INTO registry.tenant_hosts SELECT 'a.example', tenant_id FROM registry.tenants WHERE slug = '{slug}'",
        "register tenant {slug} (hosts differ)",
    ),
}


async def login(rig: Rig, tenant: Tenant) -> "asyncpg.Connection[asyncpg.Record]":
    assert tenant.credentials
    postgres = rig.machine.postgres
    return await asyncpg.connect(
        host=postgres.host,
        port=postgres.port,
        database=postgres.database,
        user=tenant.names.login_role,
        password=tenant.credentials.postgres_password.get_secret_value(),
    )


def sessions(rig: Rig, tenant: Tenant) -> str:
    """How many are logged in as the tenant, as a number in words of psql."""
    return rig.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = :'role'", role=tenant.names.login_role)


async def accounts(rig: Rig, tenant: Tenant) -> list[dict[str, Any]]:
    """The tenant's accounts, as the tenant itself sees them."""
    connection = await login(rig, tenant)
    try:
        rows = await connection.fetch("SELECT email, role, password_hash, issued_credential FROM directory.accounts")
        return [dict(row) for row in rows]
    finally:
        await connection.close()


async def test_a_tenant_logs_in_and_is_itself(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    connection = await login(rig, tenant)
    try:
        assert str(await connection.fetchval("SELECT directory.verified_tenant()")) == tenant.uid
        assert await connection.fetchval("SHOW statement_timeout") == "30s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
        settings = await connection.fetchval("SELECT settings FROM directory.tenant_of_session()")
        assert json.loads(settings) == {
            "rateLimitPerMinute": 600,
            "accessTokenSeconds": 600,
            "refreshTokenSeconds": 1209600,
            "corsAllowedOrigins": [],
            "bucket": tenant.names.bucket,
            "hosts": [tenant.names.host],
        }
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET ROLE directory_api")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM registry.tenants")
    finally:
        await connection.close()


async def test_the_first_administrator_gets_an_account_whose_password_is_the_secrets(rig: Rig) -> None:
    tenant = rig.tenant(admins=[{"email": "Ada@Acme.example"}])
    await rig.converge("postgres", tenant)
    [account] = await accounts(rig, tenant)
    assert tenant.credentials
    password = tenant.credentials.admin_passwords["Ada@Acme.example"].get_secret_value()
    assert PasswordHasher().verify(account["password_hash"], password)
    assert (account["email"], account["role"], account["issued_credential"]) == (
        "ada@acme.example",
        "SuperAdmin",
        "first",
    )
    assert rig.sql("SELECT count(*) FROM registry.context_keys WHERE key_id LIKE 'operator-%'") == "0"


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_by_hand_is_repaired(rig: Rig, name: str) -> None:
    breakage, expected = BROKEN[name]
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    names = {"role": tenant.names.login_role, "slug": tenant.names.slug}
    rig.sql(breakage.format(**names))
    [change] = await rig.planned("postgres", tenant)
    assert expected.format(**names) in str(change)
    await rig.converge("postgres", tenant)
    assert await rig.planned("postgres", tenant) == []
    assert len(await accounts(rig, tenant)) == 1


@pytest.mark.parametrize("name", STRAY)
async def test_row_security_is_repaired_for_everybody(rig: Rig, name: str) -> None:
    breakage, problem = STRAY[name]
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    rig.sql(breakage)
    assert await rig.converge("postgres", tenant) == [f"repair row-level security ({problem})"]
    assert rig.sql("SELECT count(*) FROM registry.row_security_problems()") == "0"


async def test_a_view_that_skips_row_security_is_repaired(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    rig.sql("SET ROLE directory_owner; CREATE VIEW directory.leaky AS SELECT * FROM directory.people")
    try:
        [change] = await rig.converge("postgres", tenant)
        assert "leaky: the view does not check the row security of who asks" in change
    finally:
        rig.sql("DROP VIEW directory.leaky")


async def test_a_superuser_is_reported_because_only_a_superuser_can_undo_it(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    rig.sql(f"ALTER ROLE {tenant.names.login_role} SUPERUSER")
    with pytest.raises(AccessDenied, match=f"ALTER ROLE {tenant.names.login_role} NOSUPERUSER"):
        await rig.planned("postgres", tenant)
    rig.sql(f"ALTER ROLE {tenant.names.login_role} NOSUPERUSER")
    assert await rig.planned("postgres", tenant) == []


async def test_recreating_a_role_ends_its_sessions(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    connection = await login(rig, tenant)
    assert sessions(rig, tenant) == "1"
    rig.sql(f"ALTER ROLE {tenant.names.login_role} BYPASSRLS")
    await rig.converge("postgres", tenant)
    eventually(lambda: sessions(rig, tenant) == "0")
    connection.terminate()
    assert len(await accounts(rig, tenant)) == 1


async def test_new_credentials_replace_the_login_password_and_unused_first_passwords(rig: Rig) -> None:
    tenant = rig.tenant(admins=[{"email": "ada@a.example"}, {"email": "bob@a.example"}])
    await rig.converge("postgres", tenant)
    connection = await login(rig, tenant)
    await connection.execute(
        "UPDATE directory.accounts SET password_hash = 'own', issued_credential = NULL WHERE email = 'bob@a.example'"
    )
    await connection.close()
    renewed = with_credentials(tenant, "second")
    changes = await rig.converge("postgres", renewed)
    assert changes == [
        f"register tenant {tenant.names.slug} (first passwords issued anew: ada@a.example, bob@a.example)",
        f"alter login role {tenant.names.login_role} (password is of another generation)",
    ]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await login(rig, tenant)
    by_email = {each["email"]: each for each in await accounts(rig, renewed)}
    assert renewed.credentials
    ada = renewed.credentials.admin_passwords["ada@a.example"].get_secret_value()
    assert PasswordHasher().verify(by_email["ada@a.example"]["password_hash"], ada)
    assert by_email["bob@a.example"]["password_hash"] == "own"


async def test_an_account_the_tenant_deleted_is_not_made_again_and_a_new_administrator_is_added(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    connection = await login(rig, tenant)
    await connection.execute("DELETE FROM directory.accounts")
    await connection.close()
    assert await rig.planned("postgres", tenant) == []
    more = tenant.spec.model_copy(
        update={"admins": (*tenant.spec.admins, type(tenant.spec.admins[0])(email="new@a.b"))}
    )
    grown = with_credentials(replace(tenant, spec=more))
    assert grown.credentials
    assert tenant.credentials
    await rig.converge("postgres", grown)
    assert [each["email"] for each in await accounts(rig, grown)] == ["new@a.b"]


async def test_a_taken_slug_is_refused_naming_the_owner_and_the_way_out(rig: Rig) -> None:
    winner = rig.tenant()
    await rig.converge("postgres", winner)
    with pytest.raises(Conflict, match=rf"belongs to {winner.key} .*another slug.*UPDATE registry\.tenants"):
        await rig.planned("postgres", reborn(winner))


async def test_the_way_out_of_a_taken_slug_works(rig: Rig) -> None:
    lost = rig.tenant()
    await rig.converge("postgres", lost)
    heir = reborn(lost)
    with pytest.raises(Conflict) as refused:
        await rig.planned("postgres", heir)
    rig.sql("UPDATE registry.tenants SET" + refused.value.message.split("UPDATE registry.tenants SET")[1].rstrip("."))
    await rig.converge("postgres", heir)
    assert await rig.planned("postgres", heir) == []


async def test_a_taken_host_is_refused(rig: Rig) -> None:
    first = rig.tenant(hosts=["people.acme.example"])
    await rig.converge("postgres", first)
    second = rig.tenant(hosts=["People.Acme.Example"])
    with pytest.raises(Conflict, match=rf"host people\.acme\.example belongs to tenant {first.names.slug}"):
        await rig.planned("postgres", second)
    await rig.converge("postgres", replace(first, spec=first.spec.model_copy(update={"hosts": ()})))
    await rig.converge("postgres", second)


async def test_a_role_of_somebody_else_is_not_taken_over(rig: Rig) -> None:
    tenant = rig.tenant()
    rig.sql(f"CREATE ROLE {tenant.names.login_role} LOGIN")
    with pytest.raises(Conflict, match=f"login role {tenant.names.login_role} exists already"):
        await rig.planned("postgres", tenant)
    assert await rig.planned("postgres", tenant, wanted=False) == []
    rig.sql(f"DROP ROLE {tenant.names.login_role}")


async def test_release_keeps_the_rows_closes_the_door_and_lets_an_heir_in(rig: Rig) -> None:
    tenant = rig.tenant(hosts=["old.example"])
    await rig.converge("postgres", tenant)
    session = await login(rig, tenant)
    await rig.backends.systems["postgres"].release(tenant)
    await rig.backends.systems["postgres"].release(tenant)
    eventually(lambda: sessions(rig, tenant) == "0")
    session.terminate()
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await login(rig, tenant)
    assert rig.sql("SELECT count(*) FROM registry.tenant_hosts WHERE host = 'old.example'") == "0"
    heir = reborn(tenant)
    await rig.converge("postgres", heir)
    observed = await rig.backends.systems["postgres"].observe(heir)
    assert str(observed.registered.tenant_id) == tenant.uid
    assert len(await accounts(rig, heir)) == 1


async def test_a_role_that_owns_something_blocks_deletion_and_says_how_to_clear_it(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    role = tenant.names.login_role
    rig.sql(f"CREATE TABLE public.by_hand_{role} (); ALTER TABLE public.by_hand_{role} OWNER TO {role}")
    with pytest.raises(DeletionRefused, match="DROP OWNED BY") as refused:
        await rig.converge("postgres", tenant, wanted=False)
    assert refused.value.reason is Reason.ROLE_OWNS_OBJECTS
    rig.sql(f"DROP OWNED BY {role}")
    await rig.converge("postgres", tenant, wanted=False)


async def test_a_release_cut_short_after_the_row_is_finished_by_the_next_attempt(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("postgres", tenant)
    freed = "state = 'Released', owner_uid = NULL, owner_cluster = NULL, owner_name = NULL"
    rig.sql(f"UPDATE registry.tenants SET {freed} WHERE slug = :'slug'", slug=tenant.names.slug)
    await rig.backends.systems["postgres"].release(tenant)
    observed = await rig.backends.systems["postgres"].observe(tenant)
    assert not observed.role.can_login
    assert observed.role.mark.owner == ""
    assert await rig.planned("postgres", tenant, wanted=False) == []
