"""Ending a node with all its pods, and taking away every trace of it on the machine."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

import psutil

from directory_local import leftovers
from directory_local.errors import LocalPlatformError
from directory_local.node import cgroups, network
from directory_local.node.host import Host
from directory_local.node.place import Place
from directory_local.supervision import Supervisor, wait_until


def end(place: Place, supervisor: Supervisor) -> bool:
    """End every process: the node's programs in their order, then what runs in pods. True if anything ran."""
    running = supervisor.stop()
    found = _processes(place)

    def none_left() -> bool:
        for pid in _processes(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not _processes(place)

    wait_until(none_left, timeout=30, failed=lambda: LocalPlatformError(_stuck(place)))
    # Their sockets and bundles would only be in the way of the next ones.
    for name in ("containerd", "netns"):
        shutil.rmtree(place.folder.run / name, ignore_errors=True)
    return running or bool(found)


def remove(place: Place, supervisor: Supervisor) -> bool:
    """End everything and remove all that is left on the machine, the folder included. True if there was any."""
    found = end(place, supervisor) or place.folder.root.exists()
    host = Host(place)
    for point in host.mounted():
        network.run("umount", "--lazy", str(point))
    cgroups.remove(place)
    found = network.remove(place) or found
    host.restore()
    shutil.rmtree(place.folder.root, ignore_errors=True)
    return found


def _processes(place: Place) -> set[int]:
    """Whatever is in the node's control groups, in its network namespace, or carries its folder's mark."""
    own = psutil.Process()
    ours = {own.pid, *(parent.pid for parent in own.parents())}
    marked = {process.pid for process in leftovers.find(place.folder.root)}
    found = cgroups.processes(place) | marked | _in_network(place)
    return {pid for pid in found - ours if not cgroups.is_gone(pid)}


def _in_network(place: Place) -> set[int]:
    if not place.network_namespace.exists():
        return set()
    namespace = place.network_namespace.stat().st_ino
    found = set()
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/ns/net").stat().st_ino == namespace:
                found.add(pid)
    return found


def _stuck(place: Place) -> str:
    names = []
    for pid in sorted(_processes(place)):
        with contextlib.suppress(psutil.Error):
            names.append(f"{psutil.Process(pid).name()} ({pid})")
    return f"These processes of the node do not end: {', '.join(names)}. End them, then run this again."
