"""Owns `directory-migrate`: brings the platform's database to the newest schema.

yoyo-migrations does the migrating. Added here: the owner's role, an advisory lock that dies with its holder, one
transaction for a migration and the record that it was applied, and errors that say what to do.

Run as: `DIRECTORY_POSTGRES_HOST=… DIRECTORY_MIGRATE_PASSWORD_FILE=… directory-migrate [--check]`
"""

import argparse
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, default_migration_table, topological_sort

from directory_contract.environment import PREFIX
from directory_contract.names import MIGRATOR_LOGIN, OWNER_ROLE
from directory_contract.schema import EXPECTED_MIGRATION

MIGRATIONS_SCHEMA: Final = "migrations"
_LOCK: Final = 0x6469_7265_6374_6F72  # "director": any fixed number, the same for every migrator of a database
_LOCK_TIMEOUT: Final = "120s"


class MigrationFailed(Exception):
    """The schema is as it was; the message says why and what to do."""


class MigrateSettings(BaseSettings):
    """Where the database is and who migrates it, from `DIRECTORY_*`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    postgres_host: str
    postgres_port: int = 5432
    postgres_database: str = "directory"
    postgres_sslmode: str = "prefer"
    ca_file: Path | None = None
    migrate_username: str = MIGRATOR_LOGIN
    migrate_password: SecretStr = SecretStr("")
    migrate_password_file: Path | None = Field(default=None, description="wins over migrate_password")

    def password(self) -> str:
        if self.migrate_password_file is None:
            return self.migrate_password.get_secret_value()
        try:
            return self.migrate_password_file.read_text().strip()
        except OSError as error:
            message = f"DIRECTORY_MIGRATE_PASSWORD_FILE cannot be read: {error}"
            raise MigrationFailed(message) from None


class OwnerBackend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo publishes no types
    """yoyo's PostgreSQL backend, acting as the schema's owner, one transaction per migration.

    yoyo applies a migration on one connection and records it on another, so a crash in between leaves a schema that
    can be neither migrated nor used.
    """

    def init_connection(self, connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(OWNER_ROLE)))
        cursor.execute(psycopg.sql.SQL("SET search_path TO {}").format(psycopg.sql.Identifier(MIGRATIONS_SCHEMA)))

    def init_database(self) -> None:
        """Make the lock table. yoyo's probe for transactional DDL is left out: PostgreSQL has it."""
        self.execute(
            f"CREATE TABLE IF NOT EXISTS {self.lock_table_quoted}"
            " (locked int DEFAULT 1 PRIMARY KEY, ctime timestamp, pid int NOT NULL)"
        )

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:  # noqa: FBT001, FBT002
        migration.load()
        if not migration.use_transactions:
            super().apply_one(migration, force=force, mark=mark)
            return
        self.ensure_internal_schema_updated()
        with self.transaction():
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """Say who migrates; yoyo asks the system for a user name, which a container's arbitrary uid does not have."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.uri.username,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


def migrate(settings: MigrateSettings) -> list[str]:
    """Apply what is missing and return the names applied, in order. Safe to run from many places at once."""
    with _backend(settings) as backend, _advisory_lock(backend):
        backend.init_database()
        backend.break_lock()  # whoever left the row is gone: the advisory lock is ours
        pending = _pending(backend)
        for migration in pending:
            _say(f"applying {migration.id}")
            _apply(backend, migration)
        return [migration.id for migration in pending]


def pending_migrations(settings: MigrateSettings) -> list[str]:
    """Names of the migrations that `migrate` would apply."""
    with _backend(settings) as backend:
        backend.init_database()
        return [migration.id for migration in _pending(backend)]


def migrations_folder() -> Path:
    return Path(str(resources.files("directory_api") / "migrations"))


@contextmanager
def _backend(settings: MigrateSettings) -> Iterator[OwnerBackend]:
    arguments = {"sslmode": settings.postgres_sslmode, "connect_timeout": "10", "application_name": "directory-migrate"}
    if settings.ca_file is not None:
        arguments["sslrootcert"] = str(settings.ca_file)
    elif settings.postgres_sslmode == "verify-full":
        arguments["sslrootcert"] = "system"  # libpq looks for a file in the home directory otherwise
    uri = DatabaseURI(
        "postgresql+psycopg",
        settings.migrate_username,
        settings.password(),
        settings.postgres_host,
        settings.postgres_port,
        settings.postgres_database,
        arguments,
    )
    where = f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
    try:
        backend = OwnerBackend(uri, default_migration_table)
    except psycopg.errors.InsufficientPrivilege as error:
        message = f"{settings.migrate_username} is no member of {OWNER_ROLE} in {where}: run bootstrap.sql ({error})"
        raise MigrationFailed(message) from None
    except psycopg.OperationalError as error:
        message = f"cannot connect to {where} as {settings.migrate_username}: {str(error).strip()}"
        raise MigrationFailed(message) from None
    with backend:
        yield backend


@contextmanager
def _advisory_lock(backend: OwnerBackend) -> Iterator[None]:
    if not backend.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone()[0]:
        _say("another migration is running: waiting for it")
        backend.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        try:
            backend.execute(f"SELECT pg_advisory_lock({_LOCK})")
        except psycopg.errors.LockNotAvailable:
            message = f"another migration has held the lock for {_LOCK_TIMEOUT}: look for it in pg_stat_activity"
            raise MigrationFailed(message) from None
        backend.execute("RESET lock_timeout")
    yield  # PostgreSQL lets go of it when the connection closes, however that happens


def _pending(backend: OwnerBackend) -> list[Migration]:
    migrations: MigrationList = read_migrations(str(migrations_folder()))
    return list(topological_sort(backend.to_apply(migrations)))


def _apply(backend: OwnerBackend, migration: Migration) -> None:
    try:
        backend.apply_one(migration)
    except psycopg.Error as error:
        message = f"{migration.id} failed and was rolled back: {str(error).strip()}"
        raise MigrationFailed(message) from None


def _say(line: str) -> None:
    sys.stdout.write(f"directory-migrate: {line}\n")
    sys.stdout.flush()


def _run(*, check: bool) -> int:
    settings = MigrateSettings()
    if check:
        pending = pending_migrations(settings)
        _say(f"{len(pending)} migrations to apply: {', '.join(pending)}" if pending else "the schema is up to date")
        return 3 if pending else 0
    applied = migrate(settings)
    _say(f"schema is at {EXPECTED_MIGRATION} ({len(applied)} applied now)")
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="directory-migrate", description="Bring the database to the newest schema.")
    parser.add_argument("--check", action="store_true", help="apply nothing; exit with 3 when migrations are pending")
    check: bool = parser.parse_args().check
    try:
        sys.exit(_run(check=check))
    except MigrationFailed as error:
        sys.stderr.write(f"directory-migrate: {error}\n")
    except ValidationError as error:
        missing = ", ".join(f"DIRECTORY_{str(e['loc'][0]).upper()} ({e['msg']})" for e in error.errors())
        sys.stderr.write(f"directory-migrate: configuration: {missing}\n")
    sys.exit(1)
