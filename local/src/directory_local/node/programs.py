"""The node's own binaries and images: built from their Go modules, once for all clusters of the user."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from directory_local import binaries
from directory_local.build import GoProgram, Progress, build, cache_folder
from directory_local.folder import StateFolder
from directory_local.images.archive import Image
from directory_local.images.static import static_image

CONTROL_PLANE = (*binaries.CONTROL_PLANE, "kube-scheduler")
NODE = ("kubelet", "kube-proxy")
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
PAUSE_VERSION = "1"


def install(folder: StateFolder, progress: Progress) -> None:
    """Put all programs of the node and of its control plane into the folder's `bin`, building what is missing.

    One version of everything: programs of the user's are left aside here.
    """
    kubernetes, node = _built(binaries.kubernetes(), progress), _built(binaries.node(), progress)
    found = {**dict.fromkeys(CONTROL_PLANE, kubernetes), **dict.fromkeys(NODE, node)}
    found["kube-router"] = _built(binaries.kube_router(), progress)
    found |= {name: _built(binaries.containerd(name), progress) for name in CONTAINERD}
    for name, path in found.items():
        binaries.link(folder.bin / name, path)


def images(progress: Progress) -> list[Image]:
    """The images that the node's own pods are made of."""
    coredns, provisioner = binaries.coredns(), binaries.local_path_provisioner()
    busybox = Path(shutil.which("busybox", path="/bin:/usr/bin") or "/bin/busybox")
    makers: tuple[Callable[[], Image], ...] = (
        lambda: static_image("pause", PAUSE_VERSION, _built(binaries.pause(), progress), progress=progress),
        lambda: static_image("coredns", coredns.version, _built(coredns, progress), progress=progress),
        lambda: static_image(
            provisioner.name,
            provisioner.version,
            _built(provisioner, progress),
            user=0,
            progress=progress,
        ),
        lambda: static_image(
            "busybox", "1", busybox, paths=[f"/bin/{name}" for name in _APPLETS], user=0, progress=progress
        ),
    )
    return [make() for make in makers]


# What the volume provisioner's shell scripts call, and what is of use when one looks around in a pod.
_APPLETS = ("sh", "mkdir", "rm", "chmod", "cat", "ls", "sleep", "wget", "nc", "nslookup", "httpd", "env", "id", "test")


def _built(program: GoProgram, progress: Progress) -> Path:
    return build(program, cache_folder(os.environ), progress)
