"""The state folder: where each kind of file of one local platform lives."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the final NUL included.
_SOCKET_PATH_LIMIT = 103


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths below one folder. `create` makes them; nothing of the platform is written outside it (caches aside)."""

    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def platform_file(self) -> Path:
        return self.root / "platform.json"

    def create(self) -> None:
        """Make the folders. Those that hold secrets are closed to others; the way to `data` stays open, because
        PostgreSQL runs as another user when we are root.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.data):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)
        for folder in (self.bin, self.secrets, self.certificates, self.config, self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)

    def socket(self, name: str) -> Path:
        """Path of a UNIX socket: in `run`, or in the temporary folder where the state folder's path is too long."""
        path = self.run / name
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"directory-{os.getuid()}-{digest}"
        short.mkdir(mode=0o700, exist_ok=True)
        return short / name


def write_if_changed(path: Path, content: str, mode: int = 0o600) -> bool:
    """Write `content` in one step unless the file already holds it. True if the file changed."""
    if path.exists() and path.read_text() == content:
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    temporary.replace(path)
    return True
