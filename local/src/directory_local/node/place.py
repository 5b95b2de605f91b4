"""Where one local cluster lives: its folder, and the names on this machine that are derived from it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from directory_local.errors import LocalPlatformError
from directory_local.folder import StateFolder
from directory_local.repository import root

CLUSTER_FOLDER = "DIRECTORY_CLUSTER_DIR"

NODE_NAME = "local"
NODE_ADDRESS = "10.200.0.1"
SERVICE_NETWORK = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
POD_NETWORK = "10.244.0.0/16"
CLUSTER_DOMAIN = "cluster.local"

# Sockets of the node are below the folder, and their paths have to fit in 107 bytes.
_LONGEST = 70


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster's folder. Its addresses are the same in every cluster: each is alone in its network namespace."""

    folder: StateFolder

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Place":
        path = Path(environment.get(CLUSTER_FOLDER) or root() / ".cluster").absolute().resolve()
        if len(os.fsencode(path)) > _LONGEST:
            message = (
                f"{path} is too long a path for UNIX sockets below it: {CLUSTER_FOLDER}=<shorter path> names another."
            )
            raise LocalPlatformError(message)
        return cls(StateFolder(path))

    @property
    def name(self) -> str:
        """What network namespace and control groups are called."""
        digest = hashlib.sha256(os.fsencode(self.folder.root)).hexdigest()
        return f"directory-{digest[:8]}"

    @property
    def network_namespace(self) -> Path:
        return Path("/run/netns") / self.name

    @property
    def containerd_socket(self) -> Path:
        """The socket of containerd, as it is seen from outside of the node's mount namespace."""
        return self.folder.run / "containerd" / "containerd.sock"

    @property
    def volumes(self) -> Path:
        """Where persistent volumes are."""
        return self.folder.data / "volumes"

    def require_ours(self) -> None:
        """Raise unless the folder is new, empty or an earlier cluster's."""
        path = self.folder.root
        if path.exists() and not path.is_dir():
            message = f"{path} is a file; name a folder with {CLUSTER_FOLDER}=<path>."
            raise LocalPlatformError(message)
        if path.exists() and any(path.iterdir()) and not self.folder.config.exists():
            message = f"{path} holds something else than a cluster; name another folder with {CLUSTER_FOLDER}=<path>."
            raise LocalPlatformError(message)
