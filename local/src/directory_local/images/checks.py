"""What a product's image must be: small, and the same bytes whenever it is made of the same commit."""

import hashlib
import json
import os
import tarfile
import tempfile
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from directory_local.build import Progress, cache_folder
from directory_local.errors import LocalPlatformError
from directory_local.images.archive import Image, build
from directory_local.images.buildah import Buildah
from directory_local.images.product import recipe
from directory_local.images.sbom import bill_of_materials

LARGEST: Final = {"operator": 150_000_000, "api": 180_000_000}
"""Bytes of an image's files, uncompressed."""


class ImageTooLarge(LocalPlatformError):
    """An image outgrew its limit."""

    def __init__(self, reference: str, size: int, largest: int) -> None:
        super().__init__(
            f"{reference} has {size / 1e6:.0f} MB and may have {largest / 1e6:.0f} MB. See what is new in it "
            "(docs/images.md), and add what nothing needs to images/python/pruned.py."
        )


class NotReproducible(LocalPlatformError):
    """The same sources gave two different images."""

    def __init__(self, reference: str, different: list[str]) -> None:
        super().__init__(f"Two builds of {reference} differ:\n" + "\n".join(different))


def size(image: Image) -> int:
    """Bytes of the image's files, uncompressed."""
    with _mounted(image.archive) as tree:
        return sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


def require_small(product: str, image: Image) -> int:
    """The image's size in bytes; raises `ImageTooLarge`."""
    found = size(image)
    if found > LARGEST[product]:
        raise ImageTooLarge(image.reference, found, LARGEST[product])
    return found


def write_bill(image: Image, epoch: int) -> Path:
    """The image's bill of materials beside its archive."""
    path = image.archive.with_suffix(".cdx.json")
    if not path.exists():
        with _mounted(image.archive) as tree:
            path.write_text(bill_of_materials(tree, image.reference, epoch))
    return path


def digest(archive: Path) -> str:
    """The digest of an OCI archive's image: what a registry would call it by."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        found: str = json.loads(index.read() if index else b"{}")["manifests"][0]["digest"]
    return found


def require_reproducible(product: str, ref: str | None, progress: Progress) -> str:
    """Build a product's image twice, but for the downloads; the digest both have. Raises `NotReproducible`."""
    wanted = recipe(product, "reproducible", ref)
    trees: list[dict[str, str]] = []
    digests: list[str] = []
    cache = cache_folder(os.environ)
    with tempfile.TemporaryDirectory(prefix="directory-twice-", dir=cache) as temporary:
        context = Path(temporary) / "context"
        context.mkdir()
        wanted.stage(context)
        for turn in ("first", "second"):
            archive = Path(temporary) / f"{turn}.tar"
            again = replace(wanted, arguments={**wanted.arguments, "TURN": f"{turn}-{uuid4()}"})
            build(again, context, archive, cache, progress)
            digests.append(digest(archive))
            with _mounted(archive) as tree:
                trees.append(_contents(tree))
    if len(set(digests)) > 1:
        names = sorted(name for name in trees[0] | trees[1] if trees[0].get(name) != trees[1].get(name))
        raise NotReproducible(wanted.reference, names[:20] or ["in what is said about it, not in its files"])
    return digests[0]


def _mounted(archive: Path) -> AbstractContextManager[Path]:
    return Buildah(cache_folder(os.environ)).mounted(archive)


def _contents(tree: Path) -> dict[str, str]:
    return {
        str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
