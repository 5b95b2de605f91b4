"""Processes of a platform that outlived their supervisor, after it was killed: found by a mark in their environment."""

import contextlib
from pathlib import Path

import psutil

MARKER = "DIRECTORY_LOCAL_STATE"
"""Set to the state folder's path in every program's environment, so that no other process can be mistaken for ours."""


def find(root: Path) -> list[psutil.Process]:
    """Running processes that carry the mark of the state folder `root`, without this one."""
    found = []
    own = psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != own and _belongs(process, root):
                found.append(process)
    return found


def _belongs(process: psutil.Process, root: Path) -> bool:
    if process.environ().get(MARKER) == str(root):
        return True
    # nginx writes its workers' titles over their environment; the folder they were started in stays.
    return process.name() == "nginx" and Path(process.cwd()) == root


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
