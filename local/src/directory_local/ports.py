"""The ports of one local platform: the defaults, free ones for tests, and who holds one that is taken."""

import contextlib
import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from directory_local import leftovers
from directory_local.errors import LocalPlatformError, PortTaken

LOOPBACK = "127.0.0.1"
CONTROL_PLANE_PORTS = ("kubernetes", "controller_manager", "etcd", "etcd_peer")
# Below the kernel's ephemeral range (32768 and up), so that no outgoing connection can sit on one.
_FREE_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens on the loopback address. The defaults keep out of the way of ordinary installations."""

    https: int = 8443
    http: int = 8480
    kubernetes: int = 16443
    controller_manager: int = 16444
    etcd: int = 12379
    etcd_peer: int = 12380
    postgres: int = 15432
    redis: int = 16379
    minio: int = 19000
    api: int = 18080
    operator: int = 18081
    operator_metrics: int = 18082

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """Defaults, each replaced by `DIRECTORY_<NAME>_PORT` where that is set."""
        chosen: dict[str, int] = {}
        for field in fields(cls):
            text = environment.get(variable(field.name))
            if text:
                chosen[field.name] = _port(text, variable(field.name))
        return cls(**chosen)

    def named(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def variable(name: str) -> str:
    """The environment variable that sets the port `name`."""
    return f"DIRECTORY_{name.upper()}_PORT"


def require_free_or_ours(ports: Mapping[str, int], root: Path) -> None:
    """Raise `PortTaken` if a process that is not of the platform below `root` listens on one of the named ports."""
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    listeners = _listeners() if taken else {}
    for name, port in taken.items():
        process = listeners.get(port)
        if process is None or not leftovers.belongs(process, root):
            raise PortTaken(port, name.replace("_", " "), _described(process), variable(name))


def is_free(port: int) -> bool:
    """True if a server could listen on `port` now. Connections in TIME_WAIT do not count, as for real servers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextlib.contextmanager
def reserved_ports() -> Iterator[Ports]:
    """Free ports for a temporary platform, held against other test runs on this machine by locks on files."""
    with contextlib.ExitStack() as held:
        yield Ports(**{field.name: _reserve(held) for field in fields(Ports)})


def reserve_port(held: contextlib.ExitStack) -> int:
    """One more free port, kept until `held` closes."""
    return _reserve(held)


def _reserve(held: contextlib.ExitStack) -> int:
    folder = Path(tempfile.gettempdir()) / f"directory-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for _ in range(1_000):
        port = secrets.choice(_FREE_PORTS)
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        if is_free(port):
            held.enter_context(lock)
            return port
        lock.close()
    message = f"No free port found between {_FREE_PORTS.start} and {_FREE_PORTS.stop}; stop what listens there."
    raise LocalPlatformError(message)


def _port(text: str, name: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        message = f"{name}={text} is not a port; give a number from 1 to 65535."
        raise LocalPlatformError(message)
    return int(text)


def _listeners() -> dict[int, psutil.Process]:
    """Who listens on which port, as far as this user may see it."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found[connection.laddr.port] = process
    return found


def _described(process: psutil.Process | None) -> str:
    with contextlib.suppress(psutil.Error):
        if process:
            return f"{process.name()} (process {process.pid})"
    return "a process of another user"
