"""What a node needs of the machine: Linux, root, and a few programs, installed when they are missing."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from directory_local.errors import LocalPlatformError, ToolMissing
from directory_local.images import packages

# A program by which each Debian package is recognised.
_PACKAGES = {
    "runc": "runc",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
}
_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def require_machine() -> None:
    """Raise unless this process may make namespaces here."""
    if platform.system() != "Linux":
        message = "A node needs Linux. Elsewhere, install into a cluster of yours: KUBECONFIG=<file> make cluster-up."
        raise LocalPlatformError(message)
    if os.geteuid() != 0:
        message = (
            "A node with pods needs root, for namespaces and mounts: run it with sudo. Without root, install into a "
            "cluster of yours (KUBECONFIG=<file> make cluster-up), or run the platform as processes (make up)."
        )
        raise LocalPlatformError(message)


def require() -> list[str]:
    """Have all programs that a node needs. Returns the packages that had to be installed."""
    require_machine()
    missing = _missing(os.environ)
    if missing and not shutil.which("apt-get"):
        way_out = "Install them with this system's package manager (the names are Debian's), then run this again."
        raise ToolMissing(", ".join(missing), way_out)
    if missing:
        packages.install(*missing)
    return missing


def network_plugins() -> Path:
    """The folder of the CNI plugins."""
    return next((folder for folder in _PLUGINS if (folder / "bridge").exists()), _PLUGINS[0])


def _missing(environment: Mapping[str, str]) -> list[str]:
    path = os.pathsep.join((environment.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    missing = [package for program, package in _PACKAGES.items() if not shutil.which(program, path=path)]
    if not (network_plugins() / "bridge").exists():
        missing.append("containernetworking-plugins")
    return missing
