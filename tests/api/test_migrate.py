"""`directory-migrate` on a real server: from nothing, again, from two places at once, killed, and misconfigured."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from directory_api.constraints import VIOLATIONS
from directory_api.migrate import _LOCK
from directory_contract.names import MIGRATOR_LOGIN
from directory_contract.schema import EXPECTED_MIGRATION
from directory_local.parts.postgres import Postgres
from directory_local.repository import root
from tests.support.eventually import eventually
from tests.support.tenants import Backends


@pytest.fixture
def empty(backends: Backends, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment for migrating a database that was bootstrapped and nothing more."""
    server, name = backends.machine.postgres, f"migrate_{uuid4().hex[:8]}"
    for _ in range(2):  # bootstrapping again changes nothing
        bootstrap(server, name)
    (tmp_path / "password").write_text(server.password(MIGRATOR_LOGIN))
    yield {
        "PATH": os.environ["PATH"],
        "DIRECTORY_POSTGRES_HOST": server.host,
        "DIRECTORY_POSTGRES_PORT": str(server.port),
        "DIRECTORY_POSTGRES_DATABASE": name,
        "DIRECTORY_MIGRATE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)', database="postgres")


def bootstrap(server: Postgres, name: str) -> None:
    file = root() / "infrastructure" / "database" / "bootstrap.sql"
    subprocess.run(
        [str(server.binary("psql")), "--no-psqlrc", f"--set=database={name}", f"--file={file}"],
        env=server.client_environment("postgres"),
        check=True,
    )


def test_bootstrapping_leaves_a_standby_what_it_rejoins_by(backends: Backends, empty: dict[str, str]) -> None:
    server, standby = backends.machine.postgres, f"standby_{uuid4().hex[:8]}"
    server.psql(f"CREATE ROLE {standby} LOGIN REPLICATION", database="postgres")
    allowed = f"SELECT has_database_privilege('{standby}', 'postgres', 'CONNECT')"
    try:
        assert server.psql(allowed, database="postgres").strip() == "f"
        bootstrap(server, empty["DIRECTORY_POSTGRES_DATABASE"])
        assert server.psql(allowed, database="postgres").strip() == "t"
    finally:
        server.psql(f"DROP OWNED BY {standby}", database="postgres")
        server.psql(f"REVOKE CONNECT ON DATABASE template1, postgres FROM {standby}", database="postgres")
        server.psql(f"DROP ROLE {standby}", database="postgres")


COMMAND = [sys.executable, "-c", "from directory_api.migrate import main; main()"]


def migrate(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_it_migrates_once_and_says_what_it_did(empty: dict[str, str]) -> None:
    assert migrate(empty, "--check").returncode == 3
    first = migrate(empty)
    assert (first.returncode, first.stderr) == (0, "")
    assert "applying 0001_baseline" in first.stdout
    again = migrate(empty)
    assert "0 applied now" in again.stdout
    assert EXPECTED_MIGRATION in again.stdout
    assert migrate(empty, "--check").returncode == 0


def test_two_at_once_do_not_meet(empty: dict[str, str]) -> None:
    running = [
        subprocess.Popen(COMMAND, env=empty, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert sum("applying 0001_baseline" in output for output in outputs) == 1


def test_killed_at_any_moment_the_next_one_finishes(empty: dict[str, str], backends: Backends) -> None:
    begun = time.monotonic()
    assert migrate(empty, "--check").returncode == 3
    whole = time.monotonic() - begun  # about as long as migrating takes, on however busy a machine
    for part in (0.5, 0.7, 0.8, 0.9, 1.0, 1.1):
        process = subprocess.Popen(COMMAND, env=empty, stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=part * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # What yoyo leaves when it is killed, without which the loop above would prove little.
    backends.machine.postgres.psql(
        "INSERT INTO migrations.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1) ON CONFLICT DO NOTHING",
        database=empty["DIRECTORY_POSTGRES_DATABASE"],
    )
    done = migrate(empty)
    assert done.returncode == 0, done.stderr
    assert migrate(empty, "--check").returncode == 0


def test_it_waits_for_another_and_says_so(empty: dict[str, str], backends: Backends) -> None:
    assert migrate(empty).returncode == 0
    server = backends.machine.postgres
    holder = subprocess.Popen(
        [
            str(server.binary("psql")),
            "--no-psqlrc",
            "--quiet",
            f"--command=SELECT pg_advisory_lock({_LOCK}), pg_sleep(3)",
        ],
        env=server.client_environment(empty["DIRECTORY_POSTGRES_DATABASE"]),
        stdout=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: server.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") != "0")
        done = migrate(empty)
    finally:
        holder.wait(timeout=30)
    assert "waiting for it" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DIRECTORY_POSTGRES_HOST": ""}, "cannot connect"),
        ({"DIRECTORY_POSTGRES_PORT": "1"}, "cannot connect"),
        ({"DIRECTORY_POSTGRES_PORT": "x"}, "DIRECTORY_POSTGRES_PORT"),
        ({"DIRECTORY_POSTGRES_DATABASE": "nothing"}, "cannot connect"),
        ({"DIRECTORY_MIGRATE_PASSWORD_FILE": "/nowhere"}, "DIRECTORY_MIGRATE_PASSWORD_FILE"),
        ({"DIRECTORY_MIGRATE_USERNAME": "directory_operator"}, "cannot connect"),
    ],
)
def test_errors_say_what_to_do(empty: dict[str, str], changes: dict[str, str], words: str) -> None:
    secret = Path(empty["DIRECTORY_MIGRATE_PASSWORD_FILE"]).read_text()
    done = migrate(empty | changes)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert secret not in done.stdout + done.stderr


def test_every_constraint_a_request_can_violate_has_words(backends: Backends) -> None:
    found = backends.machine.postgres.psql(
        """SELECT conname FROM pg_constraint
           WHERE connamespace = 'directory'::regnamespace AND contype IN ('u', 'f')
             AND confrelid IS DISTINCT FROM 'registry.tenants'::regclass
           UNION SELECT conname FROM pg_constraint
           WHERE connamespace = 'directory'::regnamespace AND contype = 'c' AND conname LIKE '%not\\_own%'
           UNION SELECT c.relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid
           WHERE c.relnamespace = 'directory'::regnamespace AND indisunique AND NOT indisprimary"""
    )
    internal = {"person_words_person", "sessions_account"}  # rows that no request names
    assert set(found.splitlines()) - internal == set(VIOLATIONS)
