"""What an image is here, and the cache that keeps it: a name and an archive, made once per content."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from directory_local.build import Progress
from directory_local.images.buildah import Build, Buildah
from directory_local.images.debian import base_key, load_base

_STEPS_KEPT = 300
"""How many intermediate steps of builds the store keeps: a few gigabytes."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was built: its name for pods, and the OCI archive to import."""

    reference: str
    archive: Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image that may have to be built. `stage` fills an empty folder with what the build file copies.

    `base` is the build argument that takes the local base's name. `epoch` (seconds) becomes the time of everything.
    """

    name: str
    reference: str
    file: Path
    stage: Callable[[Path], None]
    base: str = "BASE"
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 0
    secrets: Callable[[Path], Mapping[str, Path]] = lambda _folder: {}
    """Writes files into a folder of its own, and says under which names the build sees them."""


def made(recipe: Recipe, cache: Path, progress: Progress) -> Image:
    """The recipe's image from the cache, built now if the cache lacks it. Two callers at once build it once."""
    folder = cache / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="directory-image-") as temporary:
        context = Path(temporary) / "context"
        context.mkdir()
        recipe.stage(context)
        archive = folder / f"{recipe.name}-{key(recipe, context)}.tar"
        with (folder / f"{recipe.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not archive.exists():
                build(recipe, context, archive, cache, progress)
    return Image(recipe.reference, archive)


def build(recipe: Recipe, context: Path, archive: Path, cache: Path, progress: Progress) -> None:
    """Build the image of a staged context into `archive`."""
    arguments = {**recipe.arguments, recipe.base: load_base(cache, progress)}
    progress(f"{recipe.reference}: building")
    buildah = Buildah(cache)
    with tempfile.TemporaryDirectory(prefix="directory-secrets-") as secrets, _working(cache, buildah):
        wanted = Build(recipe.file, context, recipe.reference, arguments, labels=recipe.labels, epoch=recipe.epoch)
        buildah.build(replace(wanted, secrets=recipe.secrets(Path(secrets))), progress)
        buildah.save(recipe.reference, archive)


@contextlib.contextmanager
def _working(cache: Path, buildah: Buildah) -> Iterator[None]:
    """While inside, nobody tidies the store up. Who finds nobody inside does, when much has gathered there."""
    with (cache / "images" / "store.lock").open("w") as lock:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            buildah.tidy(_STEPS_KEPT)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def key(recipe: Recipe, context: Path) -> str:
    """Changes whenever the image would: base, build file, arguments, and every file of the context with its mode."""
    told = (recipe.reference, sorted(recipe.arguments.items()), recipe.epoch, base_key())
    digest = hashlib.sha256(repr(told).encode() + recipe.file.read_bytes())
    for path in sorted(context.rglob("*")):
        what = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        name = str(path.relative_to(context))
        digest.update(repr((name, path.lstat().st_mode, len(what))).encode() + what)
    return digest.hexdigest()[:16]
