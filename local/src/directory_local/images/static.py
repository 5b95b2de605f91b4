"""Images of one statically linked program each: the program, certificate authorities and a user, nothing else."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from directory_local.build import Progress, cache_folder
from directory_local.images.archive import Image, Recipe, made
from directory_local.images.debian import LOCAL
from directory_local.repository import root


def static_image(
    name: str,
    version: str,
    binary: Path,
    paths: Sequence[str] = (),
    user: int = 65532,
    progress: Progress = lambda _line: None,
) -> Image:
    """`companydirectory.io/local/<name>:<version>` with the binary as its entry point.

    It is `/bin/<name>` and `/<name>`, and also each of `paths`, where others look for it (`/manager`).
    """

    def stage(context: Path) -> None:
        tree = context / "rootfs"
        program = tree / "bin" / name
        program.parent.mkdir(parents=True)
        shutil.copy(binary, program)
        program.chmod(0o755)
        for path in ("/entrypoint", f"/{name}", *paths):
            link = tree / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/bin/{name}")
        (tree / "etc").mkdir()
        for file in ("passwd", "group"):
            shutil.copy(root() / "images" / "static" / file, tree / "etc" / file)
        (tree / "tmp").mkdir()
        (tree / "tmp").chmod(0o1777)

    file = root() / "images" / "static" / "Dockerfile"
    recipe = Recipe(f"local-{name}", f"{LOCAL}/{name}:{version}", file, stage, arguments={"UID": str(user)})
    return made(recipe, cache_folder(os.environ), progress)
