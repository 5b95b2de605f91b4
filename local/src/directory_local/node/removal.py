"""Ending a node with all its pods, and taking away every trace of it on the machine."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from directory_local import leftovers
from directory_local.errors import LocalPlatformError
from directory_local.node import cgroups, network
from directory_local.node.host import Host
from directory_local.node.place import Place
from directory_local.supervision import Supervisor, wait_until

_STARTERS = {"kubelet", "containerd"}


def end(place: Place, supervisor: Supervisor) -> bool:
    """End every process: what starts pods, the pods, the rest. True if anything ran."""
    running = supervisor.is_running()
    if running:
        for name in _STARTERS & set(supervisor.states()):
            supervisor.stop_program(name)
        # Before the API server, which would wait for their watches to end.
        _kill(place, lambda: cgroups.processes(place))
        supervisor.stop()
    found = _kill(place, lambda: _processes(place))
    # The kubelet would wait for the containers of groups that it finds, and containerd for sockets and bundles.
    cgroups.remove(place)
    for name in ("containerd", "netns"):
        shutil.rmtree(place.folder.run / name, ignore_errors=True)
    return running or found


def remove(place: Place, supervisor: Supervisor) -> bool:
    """End everything and remove all that is left on the machine, the folder included. True if there was any."""
    found = end(place, supervisor) or place.folder.root.exists()
    host = Host(place)
    for point in host.mounted():
        network.run("umount", "--lazy", str(point))
    found = network.remove(place) or found
    host.restore()
    shutil.rmtree(place.folder.root, ignore_errors=True)
    return found


def _kill(place: Place, find: Callable[[], set[int]]) -> bool:
    """Kill what `find` finds until it finds nothing more. True if there was anything."""
    killed = set[int]()

    def none_left() -> bool:
        found = {pid for pid in find() if not cgroups.is_gone(pid)}
        killed.update(found)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    wait_until(none_left, timeout=30, failed=lambda: LocalPlatformError(_stuck(place)))
    return bool(killed)


def _processes(place: Place) -> set[int]:
    """Whatever is in the node's control groups, in its network namespace, or carries its folder's mark."""
    own = psutil.Process()
    ours = {own.pid, *(parent.pid for parent in own.parents())}
    marked = {process.pid for process in leftovers.find(place.folder.root)}
    found = cgroups.processes(place) | marked | _in_network(place)
    return found - ours


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
