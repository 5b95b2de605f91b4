"""The backends of one platform as processes: in the state folder for `make up`, in a temporary folder for tests."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from directory_local import binaries, database, leftovers
from directory_local.build import Progress
from directory_local.folder import StateFolder
from directory_local.parts.kubernetes import Kubernetes, KubernetesPorts
from directory_local.parts.minio import Minio
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis
from directory_local.ports import Ports, require_free, reserved_ports
from directory_local.programs import Program
from directory_local.supervision import Supervisor

PARTS = ("postgres", "redis", "minio", "kubernetes")


class Machine:
    """PostgreSQL, Redis, MinIO and a Kubernetes API below one folder. Parts start when asked, and only once."""

    def __init__(
        self,
        root: Path,
        ports: Ports,
        *,
        durable: bool = True,
        environment: Mapping[str, str] = os.environ,
        progress: Progress = lambda _line: None,
    ) -> None:
        self.folder = StateFolder(root.resolve())
        self.ports = ports
        self.postgres = Postgres(self.folder, ports.postgres, durable)
        self.redis = Redis(self.folder, ports.redis, durable)
        self.minio = Minio(self.folder, ports.minio)
        control_plane = KubernetesPorts(ports.kubernetes, ports.controller_manager, ports.etcd, ports.etcd_peer)
        self.kubernetes = Kubernetes(self.folder, control_plane, durable)
        self.supervisor = Supervisor(self.folder)
        self._environment = environment
        self._progress = progress

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, parts: Iterable[str] = (), progress: Progress = lambda _line: None) -> Iterator["Machine"]:
        """A machine on free ports in a new folder, gone at the end even if this process is killed."""
        with contextlib.ExitStack() as held:
            ports = held.enter_context(reserved_ports())
            root = Path(tempfile.mkdtemp(prefix="directory-"))
            machine = cls(root, ports, durable=False, progress=progress)
            held.callback(shutil.rmtree, root, ignore_errors=True)
            held.callback(machine.stop)
            machine.start_supervisor()
            held.enter_context(_ended_with_us(machine.supervisor.pid, root))
            machine.start(*parts)
            yield machine

    def start_supervisor(self) -> bool:
        """Start supervisord, after ending what an earlier one may have left behind. True if it was started."""
        self.folder.create()
        if self.supervisor.is_running():
            return False
        leftovers.end(self.folder.root)
        return self.supervisor.start()

    def start(self, *parts: str) -> list[str]:
        """Start the parts and wait until they serve. Returns the names of the programs that had to be (re)started."""
        for part in parts:
            self._install(part)
        programs = [program for part in parts for program in self._prepared(part)]
        return self.run(programs)

    def run(self, programs: list[Program]) -> list[str]:
        """Run programs beside the parts and wait until each is ready. Returns the names of those (re)started."""
        marked = [self._marked(program) for program in programs]
        started = self.supervisor.run(marked)
        for program in marked:
            self.supervisor.wait_ready(program)
        return started

    def prepare_database(self, name: str = "directory") -> None:
        """Create the database `name` with its roles and migrate it; nothing happens if that is done already."""
        database.bootstrap(self.postgres, name)
        database.migrate(self.postgres, name)

    def require_free_ports(self, *names: str) -> None:
        """Raise `PortTaken` if another process has one of our ports."""
        for name in names:
            require_free(name, self.ports.named()[name])

    def stop(self) -> bool:
        """Stop everything; the data stays. True if something ran."""
        running = self.supervisor.stop()
        return bool(leftovers.end(self.folder.root)) or running

    def _install(self, part: str) -> None:
        if part == "minio":
            binaries.install_minio(self.folder, self._environment, self._progress)
        if part == "kubernetes":
            binaries.install_control_plane(self.folder, self._environment, self._progress)

    def _prepared(self, part: str) -> list[Program]:
        if part == "kubernetes":
            self.kubernetes.prepare()
            return self.kubernetes.programs()
        singles: dict[str, _Single] = {"postgres": self.postgres, "redis": self.redis, "minio": self.minio}
        single = singles[part]
        single.prepare()
        return [single.program()]

    def _marked(self, program: Program) -> Program:
        """The program as it runs here: findable after a crash, in a folder that nothing else runs in."""
        environment = {**program.environment, leftovers.MARKER: str(self.folder.root)}
        if program.watches:
            digest = hashlib.sha256(b"".join(path.read_bytes() for path in program.watches))
            environment["DIRECTORY_LOCAL_CONFIGURATION"] = digest.hexdigest()
        return replace(program, environment=environment, folder=program.folder or self.folder.root)


class _Single(Protocol):
    """A part that is one program."""

    def prepare(self) -> None: ...

    def program(self) -> Program: ...


@contextlib.contextmanager
def _ended_with_us(supervisor: int, root: Path) -> Iterator[None]:
    """While inside, a guard waits for our end of a pipe to close: if this process is killed, it ends the supervisor
    (which ends its programs) and removes the folder.
    """
    script = 'read -r word; test "$word" = done && exit; kill "$1"; while kill -0 "$1"; do sleep 0.2; done; rm -rf "$2"'
    with subprocess.Popen(
        ["/bin/sh", "-c", script, "guard", str(supervisor), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            guard.communicate(b"done\n")
