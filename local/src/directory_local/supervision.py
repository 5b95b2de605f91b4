"""Keeps the platform's programs running, through supervisord: writes its configuration, speaks over its socket."""

import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from directory_local.errors import ProgramFailed
from directory_local.folder import StateFolder, write_if_changed
from directory_local.leftovers import MARKER
from directory_local.programs import Program

_ALREADY_STARTED = 60  # supervisor.xmlrpc.Faults
_BAD_NAME = 10
_NOT_RUNNING = 70
_WITHOUT_WAITING = False  # startProcess otherwise waits for `startsecs`


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What supervisord says of one program. `pid` is 0 unless it runs."""

    name: str
    state: str
    pid: int
    since: int


class Supervisor:
    """One supervisord, whose files live in one state folder.

    `prefix` is the command that starts it where its programs are to run (namespaces); they inherit that.
    """

    def __init__(self, folder: StateFolder, prefix: Sequence[str] = ()) -> None:
        self._folder = folder
        self._prefix = tuple(prefix)
        self._socket = folder.socket("supervisor.sock")
        self._programs = folder.config / "programs"

    def is_running(self) -> bool:
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException):
            return False

    @property
    def pid(self) -> int:
        return int(self._call("getPID"))

    def start(self) -> bool:
        """Start supervisord with no programs unless it runs already. True if it was started."""
        if self.is_running():
            return False
        self._programs.mkdir(mode=0o700, exist_ok=True)
        for stale in self._programs.glob("*.conf"):
            stale.unlink()
        configuration = self._folder.config / "supervisord.conf"
        write_if_changed(configuration, self._configuration())
        log = self._folder.logs / "supervisord.log"
        with log.open("ab") as output:
            # It detaches itself, so that it outlives this process and is collected by init.
            subprocess.run(
                [
                    *self._prefix,
                    sys.executable,
                    "-W",
                    "ignore",
                    "-m",
                    "supervisor.supervisord",
                    "-c",
                    str(configuration),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                env={**_inherited(), MARKER: str(self._folder.root)},
            )
        wait_until(
            self.is_running, timeout=30, failed=lambda: ProgramFailed("supervisord", "did not start", log, tail(log))
        )
        return True

    def run(self, programs: Iterable[Program]) -> list[str]:
        """Make supervisord run each program as described. Returns the names of those it had to start or restart."""
        wanted = {program.name: program for program in programs}
        rewritten = {
            name
            for name, program in wanted.items()
            if write_if_changed(self._programs / f"{name}.conf", self._section(program))
        }
        known = set(self.states())
        ((added, changed, _removed),) = self._call("reloadConfig")
        for name in [name for name in (*changed, *added) if name in wanted]:
            if name in known:
                self._forget(name)
            self._call("addProcessGroup", name)
        stopped = {name for name in wanted if self.states()[name].state not in {"RUNNING", "STARTING", "BACKOFF"}}
        for name in stopped:
            self._ask("startProcess", name, _WITHOUT_WAITING, unless=_ALREADY_STARTED)
        return sorted(rewritten | stopped)

    def restart(self, name: str) -> None:
        """Stop the program and start it again."""
        self.stop_program(name)
        self._call("startProcess", name, _WITHOUT_WAITING)

    def stop_program(self, name: str) -> None:
        """Stop one program and wait for its end; it stays known and is not restarted."""
        self._ask("stopProcess", name, unless=_NOT_RUNNING)

    def start_program(self, name: str) -> None:
        """Start a program that `stop_program` stopped, without waiting for readiness."""
        self._ask("startProcess", name, _WITHOUT_WAITING, unless=_ALREADY_STARTED)

    def remove(self, name: str) -> None:
        """Stop a program and forget it."""
        (self._programs / f"{name}.conf").unlink(missing_ok=True)
        if name in self.states():
            self._call("reloadConfig")
            self._forget(name)

    def states(self) -> dict[str, ProgramState]:
        found = self._call("getAllProcessInfo")
        return {
            process["name"]: ProgramState(process["name"], process["statename"], process["pid"], process["start"])
            for process in found
        }

    def wait_ready(self, program: Program) -> None:
        """Wait until the program's probe answers; raise `ProgramFailed` with the end of its log if it doesn't."""
        log = self.log(program.name)

        def ready() -> bool:
            state = self.states()[program.name].state
            if state == "FATAL":
                raise ProgramFailed(program.name, "keeps ending", log, tail(log))
            return state in {"RUNNING", "STARTING"} and program.ready()

        wait_until(
            ready,
            timeout=program.start_timeout,
            failed=lambda: ProgramFailed(
                program.name, f"was not ready after {program.start_timeout:.0f} s", log, tail(log)
            ),
        )

    def log(self, name: str) -> Path:
        return self._folder.logs / f"{name}.log"

    def stop(self) -> bool:
        """Stop every program, then supervisord. True if it was running."""
        if not self.is_running():
            return False
        pid = self.pid
        self._call("shutdown")
        wait_until(
            lambda: not _alive(pid),
            timeout=60,
            failed=lambda: ProgramFailed("supervisord", "did not stop", self.log("supervisord"), []),
        )
        return True

    def _forget(self, name: str) -> None:
        self._ask("stopProcessGroup", name, unless=_BAD_NAME)
        self._ask("removeProcessGroup", name, unless=_BAD_NAME)

    def _call(self, method: str, *arguments: object) -> Any:
        """One call of supervisord's interface. A connection per call: it closes idle ones."""
        with xmlrpc.client.ServerProxy("http://localhost", transport=_SocketTransport(self._socket)) as remote:
            return getattr(remote.supervisor, method)(*arguments)

    def _ask(self, method: str, name: str, *arguments: object, unless: int) -> None:
        """A call about one program, for which the fault `unless` means that nothing is left to do."""
        try:
            self._call(method, name, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != unless:
                raise

    def _configuration(self) -> str:
        return (
            _ini("unix_http_server", file=str(self._socket), chmod="0700")
            + _ini(
                "supervisord",
                nodaemon="false",
                silent="true",
                logfile=str(self._folder.logs / "supervisord.log"),
                logfile_maxbytes="5MB",
                logfile_backups="1",
                pidfile=str(self._folder.run / "supervisord.pid"),
                childlogdir=str(self._folder.logs),
                # Silences a warning; dropping privileges is each program's own setting.
                **({"user": "root"} if os.geteuid() == 0 else {}),
            )
            + _ini(
                "rpcinterface:supervisor",
                **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            )
            + _ini("include", files=str(self._programs / "*.conf"))
        )

    def _section(self, program: Program) -> str:
        environment = ",".join(f'{name}="{value}"' for name, value in sorted(program.environment.items()))
        optional = {"user": program.user, "directory": program.folder, "environment": environment}
        return _ini(
            f"program:{program.name}",
            command=shlex.join(program.argv),
            **{name: str(value) for name, value in optional.items() if value},
            priority=str(program.order),
            stopsignal=program.stop_signal,
            stopwaitsecs="20",
            startsecs="1",
            startretries="5",
            autorestart="true",
            redirect_stderr="true",
            stdout_logfile=str(self.log(program.name)),
            stdout_logfile_maxbytes="20MB",
            stdout_logfile_backups="1",
        )


def wait_until(condition: Callable[[], bool], *, timeout: float, failed: Callable[[], Exception]) -> None:
    """Ask `condition` until it is True; raise what `failed` returns after `timeout` seconds. OSError means not yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise failed()
        time.sleep(0.05)


def tail(log: Path, lines: int = 15) -> list[str]:
    """The last lines of a log, or nothing if there is none."""
    if not log.exists():
        return []
    return log.read_text(errors="replace").splitlines()[-lines:]


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _SocketConnection(self._path)
        self._connection = (host, connection)  # where the base class looks for what it has to close
        return connection


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


def _alive(pid: int) -> bool:
    """False for a zombie too: not every container has an init that collects them."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _inherited() -> dict[str, str]:
    """The part of our environment that programs get: no credentials or settings that happen to be exported."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "LOGNAME")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _ini(section: str, **values: str) -> str:
    # supervisord expands %(name)s in values.
    lines = [f"{name} = {value.replace('%', '%%')}" for name, value in values.items()]
    return "\n".join([f"[{section}]", *lines, "", ""])
