"""Brings the database to the state the operator and the API expect: the bootstrap script, then the migrations."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import psycopg

from directory_contract.names import MIGRATOR_LOGIN, OPERATOR_LOGIN
from directory_local.errors import CommandFailed
from directory_local.folder import write_if_changed
from directory_local.parts.postgres import Postgres
from directory_local.repository import root

_PENDING = 3  # exit code of `directory-migrate --check`


def prepare(postgres: Postgres, database: str) -> list[str]:
    """Create the database with its roles, as a database administrator would, and apply the API's migrations.

    Returns what was done: nothing when the script is the one run before and no migration is pending.
    """
    script = root() / "infrastructure" / "database" / "bootstrap.sql"
    mark = postgres.folder.data / f"bootstrap-{database}.sha256"
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    done = []
    if not mark.exists() or mark.read_text() != digest:
        _bootstrap(postgres, database, script)
        write_if_changed(mark, digest)
        done.append(f"bootstrap of {database}")
    if _migrate(postgres, database, "--check"):
        _migrate(postgres, database)
        done.append(f"migrations of {database}")
    return done


def _bootstrap(postgres: Postgres, database: str, script: Path) -> None:
    logins = {"DIRECTORY_OPERATOR_PASSWORD": OPERATOR_LOGIN, "DIRECTORY_MIGRATOR_PASSWORD": MIGRATOR_LOGIN}
    verifiers = {variable: _verifier(postgres, login) for variable, login in logins.items()}
    _run(
        [
            *(str(postgres.binary("psql")), "--no-psqlrc", "--quiet"),
            *(f"--set=database={database}", f"--file={script}"),
        ],
        {**postgres.client_environment("postgres"), **verifiers},
    )


def _verifier(postgres: Postgres, login: str) -> str:
    """The SCRAM verifier of a login's password: all that SQL, and so the server's log and statistics, see of it."""
    with psycopg.connect(postgres.dsn(database="postgres")) as connection:
        password = postgres.password(login).encode()
        return connection.pgconn.encrypt_password(password, login.encode(), b"scram-sha-256").decode()


def _migrate(postgres: Postgres, database: str, *arguments: str) -> int:
    return _run(
        [str(Path(sys.executable).with_name("directory-migrate")), *arguments],
        {
            "PATH": os.environ.get("PATH", os.defpath),
            "DIRECTORY_POSTGRES_HOST": postgres.host,
            "DIRECTORY_POSTGRES_PORT": str(postgres.port),
            "DIRECTORY_POSTGRES_DATABASE": database,
            "DIRECTORY_POSTGRES_SSLMODE": "disable",
            "DIRECTORY_MIGRATE_PASSWORD": postgres.password(MIGRATOR_LOGIN),
        },
        expected={0, _PENDING} if arguments else {0},
    )


def _run(command: list[str], environment: dict[str, str], expected: Collection[int] = (0,)) -> int:
    """The exit code, one of those expected. psql's for a failed script is the same as `--check`'s for pending."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode not in expected:
        raise CommandFailed(Path(command[0]).name, done.stdout)
    return done.returncode
