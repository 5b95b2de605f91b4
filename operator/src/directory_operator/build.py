"""Which build of the operator this is: what it makes may differ from what the one before made."""

from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

_PACKAGES: Final = ("directory_contract", "directory_operator")


def build_id() -> str:
    """Digest of the program's own text: the same wherever and whenever the same code runs."""
    digest = sha256()
    for package in _PACKAGES:
        for name, text in _modules(resources.files(package)):
            digest.update(name.encode() + b"\0" + text)
    return digest.hexdigest()[:16]


def _modules(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _modules(entry)
        elif entry.name.endswith(".py"):
            yield entry.name, entry.read_bytes()
