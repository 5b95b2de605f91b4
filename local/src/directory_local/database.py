"""Brings the database to the state the operator and the API expect: the bootstrap script, then the migrations."""

import os
import subprocess
import sys
from pathlib import Path

from directory_contract.names import MIGRATOR_LOGIN, OPERATOR_LOGIN
from directory_local.errors import CommandFailed
from directory_local.parts.postgres import Postgres
from directory_local.repository import root


def bootstrap(postgres: Postgres, database: str) -> None:
    """Create the database, its roles and grants as a database administrator would. Safe to run again."""
    passwords = {
        "DIRECTORY_OPERATOR_PASSWORD": postgres.password(OPERATOR_LOGIN),
        "DIRECTORY_MIGRATOR_PASSWORD": postgres.password(MIGRATOR_LOGIN),
    }
    script = root() / "infrastructure" / "database" / "bootstrap.sql"
    _run(
        "bootstrap.sql",
        [str(postgres.binary("psql")), "--no-psqlrc", "--quiet", f"--set=database={database}", f"--file={script}"],
        {**postgres.client_environment("postgres"), **passwords},
    )


def migrate(postgres: Postgres, database: str) -> None:
    """Apply the API's pending migrations."""
    _run(
        "directory-migrate",
        [str(Path(sys.executable).with_name("directory-migrate"))],
        {
            "PATH": os.environ.get("PATH", ""),
            "DIRECTORY_POSTGRES_HOST": postgres.host,
            "DIRECTORY_POSTGRES_PORT": str(postgres.port),
            "DIRECTORY_POSTGRES_DATABASE": database,
            "DIRECTORY_POSTGRES_SSLMODE": "disable",
            "DIRECTORY_MIGRATE_PASSWORD": postgres.password(MIGRATOR_LOGIN),
        },
    )


def _run(name: str, command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise CommandFailed(name, done.stdout)
