"""What a process of the platform is: a command, its environment and the probe that says it works."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from directory_local.leftovers import MARKER


@dataclass(frozen=True, slots=True)
class Program:
    """A long-running process. Nothing secret belongs in `argv` or `environment`: others on the machine may see them.

    `listens` names its ports, as fields of `Ports`. A change of a file in `watches` restarts it, as a change of the
    description itself does.
    Programs of a lower `order` start earlier and stop later: an API server without its etcd would not stop by itself.
    `ready` answers whether the program serves; an OSError or False means not yet.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    listens: tuple[str, ...] = ()
    watches: tuple[Path, ...] = ()
    folder: Path | None = None
    stop_signal: str = "TERM"
    start_timeout: float = 60.0
    order: int = 500


def placed(program: Program, root: Path) -> Program:
    """The program as it runs below the state folder `root`: findable after a crash, in a folder of its own."""
    environment = {**program.environment, MARKER: str(root)}
    if program.watches:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in program.watches))
        environment["DIRECTORY_LOCAL_CONFIGURATION"] = digest.hexdigest()
    return replace(program, environment=environment, folder=program.folder or root)
