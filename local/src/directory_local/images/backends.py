"""The images of the backends that the local cluster runs, from Debian's packages (`images/<name>/Dockerfile`)."""

import os
import shutil
from pathlib import Path
from typing import Final

from directory_local.binaries import minio
from directory_local.build import Progress, build, cache_folder, required_version
from directory_local.errors import LocalPlatformError
from directory_local.images.archive import Image, Recipe, made
from directory_local.images.debian import LOCAL
from directory_local.images.index import pip_secrets
from directory_local.images.static import static_image
from directory_local.repository import root

VERSIONS: Final = {
    "postgresql": "17",
    "pgbouncer": "1.24",
    "redis": "8.0",
    "envoy": "1.40.0",
    "git": "2.47",
}
"""The release line of each: Debian's packages move within it, and CloudNativePG reads PostgreSQL's from the tag."""

BACKENDS: Final = (*VERSIONS, "minio")


def backend_image(name: str, progress: Progress = lambda _line: None) -> Image:
    """`companydirectory.io/local/<name>:<version>` of one of `BACKENDS`."""
    if name == "minio":
        binary = build(minio(), cache_folder(os.environ), progress)
        return static_image(name, _minio_version(), binary, user=10001, progress=progress)
    folder = root() / "images" / name
    if name not in VERSIONS:
        message = f"There is no image {name}; there are {', '.join(BACKENDS)}."
        raise LocalPlatformError(message)

    def stage(context: Path) -> None:
        shutil.copytree(folder, context, dirs_exist_ok=True)

    recipe = Recipe(
        f"local-{name}", f"{LOCAL}/{name}:{VERSIONS[name]}", folder / "Dockerfile", stage, secrets=pip_secrets
    )
    return made(recipe, cache_folder(os.environ), progress)


def _minio_version() -> str:
    """The day of MinIO's commit, which its module's pseudo-version tells; it has no other."""
    return required_version("minio", "github.com/minio/minio").split("-")[1][:8]
