"""The node's network namespace: a network of its own, which nothing leaves."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from directory_local.errors import CommandFailed
from directory_local.node.place import NODE_ADDRESS, Place

_CLONE_NEWNET = 0x4000_0000
# Of the namespace, not of the machine. Bridged packets go through iptables, or Services would not work within a node.
_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/route_localnet": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}


def create(place: Place) -> bool:
    """Make the namespace with its loopback and the node's address. True if there was none.

    `eth0` is a bridge without ports, because not every kernel has the dummy device; the default route to it lets
    programs find the node's address, and leads nowhere.
    """
    if place.network_namespace.exists():
        return False
    run("ip", "netns", "add", place.name)
    with entered(place):
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "type", "bridge")
        run("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", "eth0")
        run("ip", "link", "set", "eth0", "up")
        run("ip", "route", "add", "default", "dev", "eth0")
        for name, value in _SETTINGS.items():
            (Path("/proc/sys") / name).write_text(value)
    return True


def remove(place: Place) -> bool:
    """Delete the namespace, and with it every device, route and iptables rule in it. True if there was one."""
    if not place.network_namespace.exists():
        return False
    run("ip", "netns", "delete", place.name)
    return True


@contextlib.contextmanager
def entered(place: Place) -> Iterator[None]:
    """Inside, this thread and the processes it starts are in the node's network namespace."""
    with Path("/proc/thread-self/ns/net").open() as before, place.network_namespace.open() as node:
        _enter(node.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def run(*command: str) -> str:
    """Run a command of the system to its end; its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(" ".join(command), done.stderr or done.stdout)
    return done.stdout


def _enter(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")
