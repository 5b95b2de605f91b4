"""What the operator's own login may do in PostgreSQL: as little as its work needs, whatever an older version gave."""

from directory_contract.names import MIGRATOR_LOGIN, OPERATOR_LOGIN
from directory_local import database
from directory_local.repository import root
from tests.support.tenants import Backends

OLD = f"""
ALTER ROLE {OPERATOR_LOGIN} CREATEROLE;
GRANT directory_api, directory_pooled TO {OPERATOR_LOGIN} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
GRANT SET ON PARAMETER "directory.tenant_id" TO {OPERATOR_LOGIN};
"""


def rights(backends: Backends) -> list[str]:
    """Attributes, grantable memberships, and settings of the logins that no tenant uses."""
    return backends.machine.postgres.psql(
        f"""SELECT rolname || ' attribute' FROM pg_roles
            WHERE rolname IN ('{OPERATOR_LOGIN}', '{MIGRATOR_LOGIN}')
              AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)
            UNION ALL
            SELECT m.member::regrole || ' admin of ' || m.roleid::regrole FROM pg_auth_members m
            WHERE m.member IN ('{OPERATOR_LOGIN}'::regrole, '{MIGRATOR_LOGIN}'::regrole) AND m.admin_option
            UNION ALL
            SELECT '{OPERATOR_LOGIN} sets ' || parname FROM pg_parameter_acl, aclexplode(paracl) AS given
            WHERE given.grantee = '{OPERATOR_LOGIN}'::regrole"""
    ).splitlines()


def test_the_operator_makes_no_role_and_hands_nothing_on_as_itself(backends: Backends) -> None:
    assert rights(backends) == []


def test_bootstrapping_again_takes_away_what_an_older_version_gave(backends: Backends) -> None:
    server = backends.machine.postgres
    server.psql(OLD)
    assert len(rights(backends)) == 4
    database._bootstrap(server, "directory", root() / "infrastructure/database/bootstrap.sql")
    assert rights(backends) == []
