"""The images of the product, `Dockerfile.operator` and `Dockerfile.api`, of this checkout or of an earlier commit."""

import os
import shutil
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from directory_local.build import Progress, cache_folder
from directory_local.errors import CommandFailed
from directory_local.images.archive import Image, Recipe, made
from directory_local.images.index import pip_secrets
from directory_local.repository import root

PRODUCTS: Final = ("operator", "api")


@dataclass(frozen=True, slots=True)
class Sources:
    """What an image's label says it was made of: a commit, the time of that commit, and the project's version."""

    revision: str
    epoch: int
    version: str


def product_image(
    product: str,
    tag: str | None = None,
    ref: str | None = None,
    progress: Progress = lambda _line: None,
) -> Image:
    """`companydirectory.io/<product>:<tag>`, from this checkout as it is, or from the sources of a commit.

    How it is built is this checkout's in either case. `tag` is the project's version unless given.
    """
    return made(recipe(product, tag, ref), cache_folder(os.environ), progress)


def recipe(product: str, tag: str | None = None, ref: str | None = None) -> Recipe:
    """How the image of a product is made."""
    paths = source_paths(product)
    sources = described(paths, ref)
    told = {
        "VERSION": tag or sources.version,
        "REVISION": sources.revision,
        "CREATED": datetime.fromtimestamp(sources.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Recipe(
        name=product,
        reference=f"companydirectory.io/{product}:{tag or sources.version}",
        file=root() / f"Dockerfile.{product}",
        stage=lambda context: _stage(context, paths, ref),
        base="PYTHON_IMAGE",
        arguments=told,
        # Once more, since buildah takes a LABEL from its cache without looking at the arguments it was made with.
        labels={f"org.opencontainers.image.{name.lower()}": value for name, value in told.items()},
        epoch=sources.epoch,
        secrets=pip_secrets,
    )


def source_paths(product: str) -> tuple[str, ...]:
    """Files and folders of the project that the image is made of."""
    return ("pyproject.toml", f"requirements/{product}.txt", "contract/src", f"{product}/src")


def described(paths: tuple[str, ...], ref: str | None) -> Sources:
    """The last commit that touched the image's sources: commits beside the point make no new image."""
    revision, epoch = _git("log", "-1", "--format=%H %ct", ref or "HEAD", "--", *paths).decode().split()
    changed = not ref and bool(_git("status", "--porcelain", "--", *paths))
    text = _git("show", f"{ref}:pyproject.toml").decode() if ref else (root() / "pyproject.toml").read_text()
    version: str = tomllib.loads(text)["project"]["version"]
    return Sources(f"{revision}-modified" if changed else revision, int(epoch), version)


def _stage(context: Path, paths: tuple[str, ...], ref: str | None) -> None:
    shutil.copytree(root() / "images" / "python", context / "images" / "python", ignore=_IGNORED)
    if ref:
        with tarfile.open(fileobj=BytesIO(_git("archive", ref, "--", *paths))) as archive:
            archive.extractall(context, filter="data")
        return
    for name in paths:
        source, target = root() / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_IGNORED)
        else:
            shutil.copy(source, target)


_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(root()), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise CommandFailed(f"git {' '.join(arguments)}", done.stderr.decode(errors="replace"))
    return done.stdout
