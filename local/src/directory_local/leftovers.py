"""Processes of a platform that outlived their supervisor, after it was killed: found by a mark in their environment."""

import contextlib
from pathlib import Path

import psutil

MARKER = "DIRECTORY_LOCAL_STATE"
"""Set to the state folder's path in every program's environment, so that no other process can be mistaken for ours."""
_TITLED = {"nginx", "postgres", "redis-server"}


def find(root: Path) -> list[psutil.Process]:
    """Running processes that carry the mark of the state folder `root`, without this one."""
    found = []
    own = psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != own and belongs(process, root):
                found.append(process)
    return found


def belongs(process: psutil.Process, root: Path) -> bool:
    """True if the process is of the platform below `root`. psutil.Error if it is gone or may not be looked at."""
    if process.environ().get(MARKER) == str(root):
        return True
    # These write their titles over their environment; the folder they work in stays.
    return process.name() in _TITLED and Path(process.cwd()).is_relative_to(root)


def end(root: Path, timeout: float = 20) -> list[str]:
    """End what `find` finds, by force after `timeout` seconds. Returns the processes' names."""
    processes = find(root)
    names = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            names.append(process.name())
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return sorted(names)
