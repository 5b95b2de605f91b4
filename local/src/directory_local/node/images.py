"""The images of a node: brought in from archives, since no registry is asked."""

import json
import tarfile
from pathlib import Path

from directory_local.errors import LocalPlatformError
from directory_local.node.runtime import Runtime

_NAME = "org.opencontainers.image.ref.name"


def load(runtime: Runtime, archive: Path) -> list[str]:
    """Import the images of an OCI archive that containerd does not have. Returns the names of those."""
    present = _present(runtime)
    wanted = contents(archive)
    missing = [name for name, digest in wanted.items() if present.get(name) != digest]
    if missing:
        runtime.ctr("images", "import", "--local", "--label=io.cri-containerd.image=managed", str(archive))
    return missing


def contents(archive: Path) -> dict[str, str]:
    """The names of an OCI archive's images, and the digest of each."""
    with tarfile.open(archive) as tar:
        member = next((name for name in ("index.json", "./index.json") if name in tar.getnames()), None)
        index = tar.extractfile(member) if member else None
        if index is None:
            message = f"{archive} is no OCI archive: it has no index.json."
            raise LocalPlatformError(message)
        manifests = json.load(index)["manifests"]
    return {manifest["annotations"][_NAME]: manifest["digest"] for manifest in manifests}


def _present(runtime: Runtime) -> dict[str, str]:
    """Name and digest of each image that containerd has."""
    lines = runtime.ctr("images", "list").splitlines()[1:]
    return {fields[0]: fields[2] for fields in map(str.split, lines)}
