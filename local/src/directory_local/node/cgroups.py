"""The control groups that all pods of a node are in, one in each hierarchy of the machine (version 1 or 2)."""

import contextlib
import shutil
from pathlib import Path

import psutil

from directory_local.errors import LocalPlatformError
from directory_local.node.place import Place
from directory_local.supervision import wait_until

_MOUNTS = Path("/proc/self/mounts")
_UNIFIED = Path("/sys/fs/cgroup")
_CONTROLLERS = {"cpu", "cpuset", "memory", "hugetlb", "pids"}


def create(place: Place) -> bool:
    """Make the groups that do not exist. True if any was missing."""
    missing = [group for group in groups(place) if not group.exists()]
    for group in missing:
        _enable_controllers(group.parent)
        group.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            # Version 1: a new group starts without processors and memory, and takes no process.
            if (group / name).exists() and not (group / name).read_text().strip():
                shutil.copyfile(group.parent / name, group / name)
    return bool(missing)


def _enable_controllers(parent: Path) -> None:
    """Where all is version 2: have the controllers that the kubelet wants in the groups below, as systemd has most."""
    available = parent / "cgroup.controllers"
    if parent == _UNIFIED and available.exists():
        wanted = _CONTROLLERS & set(available.read_text().split())
        (parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(wanted)))


def processes(place: Place) -> set[int]:
    """Ids of all processes in the groups and in the groups below them."""
    found: set[int] = set()
    for group in groups(place):
        for file in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):  # a group that went away meanwhile
                found.update(int(line) for line in file.read_text().split())
    return found - {0}


def remove(place: Place) -> None:
    """Remove the groups, once the last of their processes has been collected."""
    failed = LocalPlatformError(f"The control groups named {place.name} cannot be removed; a process may be in them.")
    wait_until(lambda: _removed(place), timeout=20, failed=lambda: failed)


def _removed(place: Place) -> bool:
    for group in groups(place):
        below = sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
        for path in (*below, group):
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
    return True


def groups(place: Place) -> list[Path]:
    """The node's group in each hierarchy."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    return [Path(fields[1]) / place.name for fields in mounts if fields[2] in {"cgroup", "cgroup2"}]


def is_gone(pid: int) -> bool:
    """True if the process ended; one that only waits to be collected has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
