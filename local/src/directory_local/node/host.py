"""What a node changes on its machine: folders to mount on and kernel settings. Noted first, put back at the end."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as it was before."""

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

    def prepare(self) -> None:
        """Note how the machine is, and make the folders to mount on. For a node that does not run."""
        missing = [str(path) for target in self.mounts for path in (target, *target.parents) if not path.exists()]
        settings = {name: (_SYSCTL / name).read_text().strip() for name in _SETTINGS if (_SYSCTL / name).exists()}
        if not self._file.exists():
            write_if_changed(self._file, json.dumps({"folders": missing, "settings": settings}, indent=2))
        for target, source in self.mounts.items():
            target.mkdir(parents=True, exist_ok=True)
            source.mkdir(parents=True, exist_ok=True)

    def restore(self) -> None:
        """Put back what `prepare` noted, unless others use it by now."""
        if not self._file.exists():
            return
        noted = json.loads(self._file.read_text())
        for name, value in noted["settings"].items():
            if (_SYSCTL / name).read_text().strip() != value:
                (_SYSCTL / name).write_text(value)
        for path in sorted(noted["folders"], key=len, reverse=True):
            with contextlib.suppress(OSError):  # not empty, or gone already
                Path(path).rmdir()

    def mounted(self) -> list[Path]:
        """What is mounted below the cluster's folder in this process's namespace; nothing, unless somebody did that."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = [Path(line.split()[4]) for line in lines]
        below = [point for point in points if point.is_relative_to(self.place.folder.root)]
        return sorted(below, key=lambda path: -len(os.fsencode(path)))

    @property
    def _file(self) -> Path:
        return self.place.folder.config / "machine.json"
