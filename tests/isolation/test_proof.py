"""pgrls: what its linter and its prover say about the policies, on the schema as it is after every migration."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tenants import Backends

# Each exception with its reason. Anything else the linter finds fails the test, and so does an exception nobody needs.
JUSTIFIED = {
    ("SEC007", "directory.*"): "One permissive policy per table and no other: there is nothing a restrictive one could"
    " hold back, and the one policy's conditions are joined by AND already. test_one_policy_per_table keeps it so.",
    ("SEC014", "directory.verified_tenant"): "Reads the registry and the context keys, which no role of the API may"
    " read; returns only the tenant that the session has proved to be.",
    ("SEC014", "directory.tenant_of_session"): "Returns the registry row of session_user, which SQL cannot change.",
    ("SEC014", "directory.tenant_by_host"): "Only the pooled fleet may ask, before it knows the tenant; returns what"
    " the tenant's host tells anybody, and its settings.",
    ("SEC014", "directory.schema_version"): "Returns the name of a migration.",
}


def pgrls(backends: Backends, *arguments: str) -> Any:
    server = backends.machine.postgres
    environment = {"DATABASE_URL": server.dsn(), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "pgrls"), *arguments, "--schemas", "directory", "--format", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_the_linter_finds_only_what_is_justified(backends: Backends) -> None:
    report = pgrls(backends, "lint")
    needed = set()
    for each in report["violations"]:
        rule, where = each["rule_id"], each["location"]
        matching = {key for key in JUSTIFIED if key[0] == rule and (key[1] == where or key[1] == "directory.*")}
        assert matching, each
        needed |= matching
    assert needed == set(JUSTIFIED), "an exception that nobody needs any more"


@pytest.mark.parametrize("mode", ["anon", "cross-tenant", "write"])
def test_isolation_is_proved_for_every_table(backends: Backends, mode: str) -> None:
    report = pgrls(backends, "verify", "--mode", mode, "--strict")
    assert report["mode"] == mode
    assert {each["verdict"] for each in report["tables"]} == {"isolated"}
    assert len(report["tables"]) == 6


def test_one_policy_per_table_with_both_conditions(backends: Backends) -> None:
    """The prover believes the first condition; the second is the one that holds against an attacker with SQL."""
    found = backends.machine.postgres.psql(
        """SELECT c.relname, count(p.*), bool_and(p.polpermissive AND p.polcmd = '*'
                  AND p.polroles = ARRAY['directory_api'::regrole::oid]
                  AND pg_get_expr(p.polqual, c.oid) = pg_get_expr(p.polwithcheck, c.oid)
                  AND pg_get_expr(p.polqual, c.oid) LIKE '%directory.verified_tenant()%'
                  AND pg_get_expr(p.polqual, c.oid) NOT LIKE '% OR %'),
                  c.relrowsecurity AND c.relforcerowsecurity
           FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
           WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind = 'r'
           GROUP BY c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity"""
    )
    rows = [line.split("|") for line in found.splitlines()]
    assert len(rows) == 6
    assert {tuple(row[1:]) for row in rows} == {("1", "t", "t")}
