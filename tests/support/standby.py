"""A standby of a machine's PostgreSQL: a copy of its files that follows no server and waits to be promoted."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from directory_local.folder import StateFolder
from directory_local.machine import Machine
from directory_local.parts.postgres import Postgres
from tests.support.eventually import eventually


@dataclass(frozen=True)
class Standby:
    """It answers reads, and no writes until it is promoted."""

    server: Postgres
    data: Path

    @property
    def port(self) -> int:
        return self.server.port

    def promote(self) -> None:
        command = [str(self.server.binary("pg_ctl")), "promote", "-D", str(self.data)]
        done = self.server.identity.run(command, {})
        assert done.returncode == 0, done.stdout


@contextmanager
def standby_of(machine: Machine, folder: Path) -> Iterator[Standby]:
    """Made while the machine's own server stands still; it is left stopped."""
    machine.supervisor.stop_program("postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    original, data = machine.postgres, machine.folder.data / folder.name
    shutil.copytree(original.data, data)
    (data / "standby.signal").touch()
    for path in (data, *data.rglob("*")):
        original.identity.own(path)
    server = replace(original, folder=StateFolder(machine.folder.root), port=port)
    command = [*original.identity.prefix, str(original.binary("postgres")), "-D", str(data), "-c", f"port={port}"]
    with (machine.folder.logs / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, user=original.identity.user, stdout=log, stderr=log)
        try:
            eventually(server.is_ready, timeout=20)
            yield Standby(server, data)
        finally:
            process.terminate()  # smart shutdown would wait for every client
            process.send_signal(2)
            process.wait(timeout=20)
