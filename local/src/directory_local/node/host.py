"""What nodes change on their machine: mount points and kernel settings. Noted first, put back by the last one."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from directory_local.folder import write_if_changed
from directory_local.node.place import Place

# The kubelet sets these to what it wants.
_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_SYSCTL = Path("/proc/sys")
# Of the machine, not of one cluster, and gone when the machine starts anew, as the settings are.
_NOTE = Path("/run/directory-local.json")


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as the node of one place sees it."""

    place: Place

    @property
    def mounts(self) -> dict[Path, Path]:
        """Where programs expect their files, and the folder that stands there in the node's mount namespace."""
        folder = self.place.folder
        return {
            Path("/run/containerd"): folder.run / "containerd",
            Path("/run/netns"): folder.run / "netns",
            Path("/var/lib/kubelet"): folder.data / "kubelet",
            Path("/var/lib/cni"): folder.data / "cni",
            Path("/var/log/pods"): folder.logs / "pods",
            Path("/var/log/containers"): folder.logs / "containers",
        }

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command that starts a program in the node's namespaces, its folders mounted. No mount leaves them."""
        binds = [f'mount --bind "{source}" "{target}"' for target, source in self.mounts.items()]
        script = " && ".join((*binds, 'exec "$@"'))
        network = f"--net={self.place.network_namespace}"
        return ("nsenter", network, "unshare", "--mount", "--propagation=slave", "/bin/sh", "-c", script, "node")

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """Inside, the machine is ready for `prefix` to be run; no other cluster's end gets in between."""
        with _alone():
            if not _NOTE.exists():
                write_if_changed(_NOTE, json.dumps(self._state(), indent=2))
            for target, source in self.mounts.items():
                target.mkdir(parents=True, exist_ok=True)
                source.mkdir(parents=True, exist_ok=True)
            yield

    def restore(self) -> None:
        """Put the machine back as it was, unless another node runs. This one must have ended."""
        with _alone():
            # Removing a folder would take away what is mounted on it in every namespace.
            if not _NOTE.exists() or _mounted_elsewhere(self.mounts):
                return
            noted = json.loads(_NOTE.read_text())
            for name, value in noted["settings"].items():
                if (_SYSCTL / name).read_text().strip() != value:
                    (_SYSCTL / name).write_text(value)
            for path in sorted(noted["folders"], key=len, reverse=True):
                with contextlib.suppress(OSError):  # not empty, or gone already
                    Path(path).rmdir()
            _NOTE.unlink()

    def mounted(self) -> list[Path]:
        """What is mounted below the cluster's folder in this process's namespace; nothing, unless somebody did that."""
        below = [point for point in _mount_points("self") if point.is_relative_to(self.place.folder.root)]
        return sorted(below, key=lambda path: -len(os.fsencode(path)))

    def _state(self) -> dict[str, object]:
        missing = [str(path) for target in self.mounts for path in (target, *target.parents) if not path.exists()]
        settings = {name: (_SYSCTL / name).read_text().strip() for name in _SETTINGS if (_SYSCTL / name).exists()}
        return {"folders": missing, "settings": settings}


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One cluster at a time, of all on the machine."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _mounted_elsewhere(targets: dict[Path, Path]) -> bool:
    """True if a process of another mount namespace has something mounted on one of the folders."""
    seen = {os.readlink("/proc/self/ns/mnt")}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
            if namespace not in seen:
                seen.add(namespace)
                # The namespace of a pod has mounts of its own only: its root is the image.
                if not targets.keys().isdisjoint(_mount_points(str(pid))):
                    return True
    return False


def _mount_points(process: str) -> list[Path]:
    lines = Path(f"/proc/{process}/mountinfo").read_text().splitlines()
    return [Path(line.split()[4]) for line in lines]
