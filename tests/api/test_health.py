"""Probes, start and stop of the process."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from directory_contract import environment as env
from directory_contract.schema import EXPECTED_MIGRATION
from tests.support.api import ApiProcess, serving, serving_login
from tests.support.eventually import eventually
from tests.support.goodbye import line_to
from tests.support.tenants import Backends, Login


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/startupz"])
def test_a_healthy_process_says_so(api: ApiProcess, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "reasons": []}
    assert answer.headers["cache-control"] == "no-store"


def superuser(backends: Backends) -> Login:
    server = backends.machine.postgres
    return Login(server.superuser, "x", server.password(server.superuser), {})


def _reasons(api: ApiProcess, path: str = "/readyz") -> str:
    answer = api.get(path)
    assert answer.status_code == 503
    return "; ".join(answer.json()["reasons"])


def test_a_login_that_row_security_does_not_bind_is_never_ready(backends: Backends, tmp_path: Path) -> None:
    backends.tenant(f"seen-{uuid4().hex[:8]}")  # so that there is a row to be seen
    with serving(backends.environment(superuser(backends), tmp_path), tmp_path, ready=False) as api:
        reasons = _reasons(api)
    assert "people: this login is a superuser" in reasons
    assert "accounts: rows are visible without a context" in reasons


@pytest.mark.parametrize(
    ("harm", "repair", "reason"),
    [
        (
            "ALTER ROLE {role} BYPASSRLS",
            "ALTER ROLE {role} NOBYPASSRLS",
            "row-level security does not bind this login",
        ),
        (
            "GRANT directory_owner TO {role}",
            "REVOKE directory_owner FROM {role}",
            "this login can act as the owner",
        ),
    ],
)
def test_a_process_notices_when_row_security_stops_binding(
    backends: Backends, tmp_path: Path, harm: str, repair: str, reason: str
) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    with serving_login(backends, login, tmp_path) as api:
        backends.machine.postgres.psql(harm.format(role=login.role))
        try:
            eventually(lambda: reason in _reasons(api))
            assert api.get("/healthz").status_code == 200
        finally:
            backends.machine.postgres.psql(repair.format(role=login.role))
        eventually(lambda: api.get("/readyz").status_code == 200)


def test_a_schema_that_lacks_a_migration_stops_the_start(backends: Backends, tmp_path: Path) -> None:
    server = backends.machine.postgres
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    rename = "UPDATE migrations._yoyo_migration SET migration_id = '{new}' WHERE migration_id = '{old}'"
    server.psql(rename.format(old=EXPECTED_MIGRATION, new="0001_earlier"))
    try:
        with serving(backends.environment(login, tmp_path), tmp_path, ready=False) as api:
            assert f"this version needs {EXPECTED_MIGRATION}" in _reasons(api, "/startupz")
            assert "directory-migrate" in _reasons(api)
            server.psql(rename.format(old="0001_earlier", new=EXPECTED_MIGRATION))
            eventually(lambda: api.get("/startupz").status_code == 200)
            eventually(lambda: api.get("/readyz").status_code == 200)
    finally:
        server.psql(rename.format(old="0001_earlier", new=EXPECTED_MIGRATION))


def test_a_schema_that_is_ahead_is_served_on(backends: Backends, tmp_path: Path) -> None:
    """As during an upgrade, whose migrations go first, and after a rollback, which undoes none."""
    server = backends.machine.postgres
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    server.psql("INSERT INTO migrations._yoyo_migration VALUES ('future', '9999_future', now())")
    try:
        with serving(backends.environment(login, tmp_path), tmp_path) as api:
            assert api.get("/startupz").status_code == 200
            assert api.get("/readyz").status_code == 200
    finally:
        server.psql("DELETE FROM migrations._yoyo_migration WHERE migration_hash = 'future'")


def test_the_database_may_come_later_and_go_again(backends: Backends, tmp_path: Path) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"db-{uuid4().hex[:8]}")
    supervisor = backends.machine.supervisor
    supervisor.stop_program("postgres")
    try:
        with serving(backends.environment(login, tmp_path), tmp_path, ready=False) as api:
            assert "cannot be reached" in _reasons(api)
            answer = api.caller(tenant).get("/people")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert "retry-after" in answer.headers
            supervisor.start_program("postgres")
            eventually(lambda: api.get("/readyz").status_code == 200, timeout=20)
            caller = api.caller(tenant).signed_in()
            backends.machine.supervisor.stop_program("postgres")
            eventually(lambda: caller.get("/people").status_code == 503)
            supervisor.start_program("postgres")
            eventually(lambda: caller.get("/people").status_code == 200, timeout=20)
    finally:
        backends.machine.start("postgres")


def test_a_database_that_says_goodbye_over_idle_connections_costs_no_more_than_those(
    backends: Backends, tmp_path: Path
) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"bye-{uuid4().hex[:8]}")
    with line_to(backends.machine.ports.postgres) as line:
        environment = backends.environment(login, tmp_path) | {env.POSTGRES_PORT: str(line.port)}
        with serving(environment, tmp_path) as api:
            caller = api.caller(tenant).signed_in()
            line.say_goodbye()
            first = caller.get("/people")
            assert first.status_code == 200 or first.json()["code"] == "database_unavailable"
            eventually(lambda: caller.get("/people").status_code == 200)


def test_without_the_object_store_only_photos_are_missing(backends: Backends, tmp_path: Path) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"s3-{uuid4().hex[:8]}")
    environment = backends.environment(login, tmp_path) | {env.S3_ENDPOINT: "http://127.0.0.1:9"}
    with serving(environment, tmp_path) as api:
        caller = api.caller(tenant).signed_in()
        path = f"/people/{caller.person()['person_id']}"
        from tests.api.test_photos import picture

        answer = caller.request("PUT", f"{path}/photo", content=picture())
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert caller.get(path).json()["photo"] is None
        assert caller.get(f"{path}/photo").status_code == 404


def test_new_credentials_are_used_without_a_restart(backends: Backends, tmp_path: Path) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"rot-{uuid4().hex[:8]}")
    with serving_login(backends, login, tmp_path) as api:
        caller = api.caller(tenant).signed_in()
        backends.machine.postgres.psql(f"ALTER ROLE {login.role} PASSWORD 'replaced'")
        (tmp_path / "new").write_text("replaced")
        (tmp_path / "new").rename(tmp_path / env.POSTGRES_PASSWORD_FILE)
        backends.machine.postgres.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :'role'",
            variables={"role": login.role},
        )
        eventually(lambda: caller.get("/people").status_code == 200)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (env.TIER, "DIRECTORY_TIER"),
        (env.POSTGRES_HOST, "DIRECTORY_POSTGRES_HOST"),
        (env.SECRETS_DIRECTORY, "DIRECTORY_SECRETS_DIRECTORY"),
    ],
)
def test_a_wrong_configuration_is_said_plainly(backends: Backends, tmp_path: Path, missing: str, words: str) -> None:
    login = Login("x", "x", "a-password", {})
    environment = {name: value for name, value in backends.environment(login, tmp_path).items() if name != missing}
    done = subprocess.run(
        [sys.executable, "-m", "directory_api"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "a-password" not in done.stderr
