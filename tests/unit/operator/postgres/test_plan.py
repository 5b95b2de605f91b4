"""What is decided about a tenant's database, over tables and over anything a catalog could say."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from directory_operator.errors import AccessDenied, Conflict, NotReady
from directory_operator.systems.postgres.desired import DesiredDatabase, Login, Mark, desired_database
from directory_operator.systems.postgres.logins import login_changes
from directory_operator.systems.postgres.observed import (
    HostClaim,
    Membership,
    ObservedDatabase,
    ObservedRole,
    Registered,
)
from directory_operator.systems.postgres.plan import plan_database
from directory_operator.tenant.model import Credentials, Tenant
from tests.support.builders import a_tenant

PASSWORD = "a password that must never be seen"
LOGIN = Login(
    role="dt_acme",
    password=SecretStr(PASSWORD),
    mark=Mark("c/u", "g1"),
    groups=frozenset({"directory_api"}),
    connection_limit=20,
    settings={"statement_timeout": "30s"},
)
OWN = {"directory.tenant_id": "t"}
GOOD = ObservedRole(
    name="dt_acme",
    powers=frozenset(),
    can_login=True,
    inherits=True,
    connection_limit=20,
    expires=False,
    mark=Mark("c/u", "g1"),
    settings=frozenset({"statement_timeout=30s", "directory.tenant_id=t"}),
    global_settings=frozenset(),
    groups=frozenset({Membership("directory_api")}),
    members=frozenset(),
)

NAMES = st.sampled_from(["directory_api", "directory_pooled", "pg_read_all_data", "dt_other"])
MEMBERSHIPS = st.frozensets(st.builds(Membership, NAMES, st.booleans(), st.booleans(), st.booleans()), max_size=3)
ROLES = st.builds(
    ObservedRole,
    name=st.just("dt_acme"),
    powers=st.frozensets(st.sampled_from(["CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"])),
    can_login=st.booleans(),
    inherits=st.booleans(),
    connection_limit=st.sampled_from([-1, 0, 20]),
    expires=st.booleans(),
    mark=st.none() | st.builds(Mark, st.sampled_from(["c/u", "c/x", ""]), st.sampled_from(["g1", "g0"])),
    settings=st.frozensets(st.sampled_from(sorted(GOOD.settings | {"work_mem=1GB"}))),
    global_settings=st.frozensets(st.sampled_from(["work_mem=1GB"])),
    groups=MEMBERSHIPS,
    members=st.frozensets(NAMES, max_size=2),
)


@given(ROLES)
def test_a_login_is_left_alone_exactly_when_it_is_as_it_should_be(found: ObservedRole) -> None:
    changes = login_changes(LOGIN, OWN, found, "db:5432")
    assert (changes == ()) == (found == GOOD)
    assert len(changes) <= 1
    assert PASSWORD not in f"{changes} {list(map(str, changes))}"


def test_no_role_is_created_and_a_superuser_is_reported() -> None:
    assert [str(each) for each in login_changes(LOGIN, OWN, None, "db:5432")] == ["create login role dt_acme"]
    with pytest.raises(AccessDenied, match=r"db:5432 .* ALTER ROLE dt_acme NOSUPERUSER"):
        login_changes(LOGIN, OWN, replace(GOOD, powers=frozenset({"SUPERUSER"})), "db:5432")


@pytest.mark.parametrize("comment", [None, "", "mine", "[]", "{}", '{"owner": "x"}', "3"])
def test_a_comment_that_is_no_mark_is_none(comment: str | None) -> None:
    assert Mark.parse(comment) is None


@given(st.text(), st.text())
def test_a_mark_is_read_back(owner: str, credential: str) -> None:
    assert Mark.parse(str(Mark(owner, credential))) == Mark(owner, credential)


@pytest.fixture
def tenant() -> Tenant:
    secret = SecretStr(PASSWORD)
    return replace(
        a_tenant(admins=[{"email": "Ada@acme.example"}]),
        credentials=Credentials("g1", secret, secret, {"Ada@acme.example": secret}),
    )


def as_desired(tenant: Tenant, **other: Any) -> ObservedDatabase:
    wanted = desired_database(tenant)
    row, login = wanted.registration, wanted.login
    registered = Registered(
        tenant_id=UUID(tenant.uid),
        display_name=row.display_name,
        owner_uid=row.owner_uid,
        owner_cluster=row.owner_cluster,
        owner_name=row.owner_name,
        tier=row.tier,
        state="Active",
        login_role=row.login_role,
        settings=row.settings,
        hosts=row.hosts,
        admins={email: "g1" for email in row.admins},
    )
    settings = {**login.settings, "directory.tenant_id": tenant.uid}
    role = replace(
        GOOD, name=login.role, mark=login.mark, settings=frozenset(f"{key}={value}" for key, value in settings.items())
    )
    return replace(ObservedDatabase(registered, (), role, ()), **other)


def plan(tenant: Tenant, observed: ObservedDatabase, *, wanted: bool = True) -> list[str]:
    desired: DesiredDatabase | None = desired_database(tenant) if wanted else None
    return [str(change) for change in plan_database(tenant, desired, observed)]


def test_a_new_tenant_gets_its_row_before_its_role(tenant: Tenant) -> None:
    assert plan(tenant, ObservedDatabase(None, (), None, ())) == [
        "register tenant acme (no registry row)",
        "create login role dt_acme",
    ]


def test_a_converged_tenant_needs_nothing(tenant: Tenant) -> None:
    assert plan(tenant, as_desired(tenant)) == []


def test_an_adopted_row_keeps_its_id(tenant: Tenant) -> None:
    observed = as_desired(tenant)
    assert observed.registered
    kept = UUID(int=7)
    released = replace(
        observed.registered, tenant_id=kept, owner_uid=None, owner_cluster=None, owner_name=None, state="Released"
    )
    changes = plan_database(tenant, desired_database(tenant), replace(observed, registered=released))
    assert [getattr(change, "tenant_id", None) for change in changes] == [kept, None]
    assert f"('directory.tenant_id', '{kept}')" in repr(changes[1])


def test_a_removal_drops_the_role_first_and_touches_nothing_of_others(tenant: Tenant) -> None:
    observed = as_desired(tenant)
    assert plan(tenant, observed, wanted=False) == ["drop login role dt_acme", "delete all rows of tenant acme"]
    heir = replace(tenant, uid="00000000-0000-0000-0000-000000000001")
    assert plan(heir, observed, wanted=False) == []
    assert plan(tenant, replace(observed, registered=None), wanted=False) == ["drop login role dt_acme"]
    assert plan(heir, replace(observed, registered=None), wanted=False) == []
    assert plan(tenant, replace(observed, role=None), wanted=False) == ["delete all rows of tenant acme"]


def test_conflicts_come_before_anything_is_planned(tenant: Tenant) -> None:
    observed = as_desired(tenant)
    heir = replace(tenant, uid="00000000-0000-0000-0000-000000000001")
    with pytest.raises(Conflict, match="slug acme belongs to tenants/acme"):
        plan(heir, observed)
    with pytest.raises(Conflict, match=r"host a\.example belongs to tenant globex .tenants/globex."):
        plan(tenant, replace(observed, claims=(HostClaim("a.example", "globex", "tenants/globex"),)))
    with pytest.raises(Conflict, match="login role dt_acme exists already and belongs to owner"):
        plan(heir, replace(observed, registered=None))


def test_without_credentials_it_waits(tenant: Tenant) -> None:
    with pytest.raises(NotReady, match="not been read"):
        desired_database(replace(tenant, credentials=None))
    assert tenant.credentials
    bare = replace(tenant.credentials, admin_passwords={})
    with pytest.raises(NotReady, match=r"no first password of ada@acme\.example"):
        desired_database(replace(tenant, credentials=bare))
