"""Secrets that the local platform makes for itself: created once, kept in files that only their owner can read."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from directory_local.folder import write_if_changed


def password(folder: Path, name: str) -> str:
    """The password `name`, made on first use. 32 random bytes, URL-safe, so that it needs no quoting anywhere."""
    return _kept(folder / name, lambda: secrets.token_urlsafe(32))


def access_key(folder: Path, name: str) -> str:
    """A 20-character identifier in the shape of an S3 access key."""
    return _kept(folder / name, lambda: "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(20)))


def encryption_key(folder: Path, name: str) -> str:
    """A named 256-bit key in MinIO's form, `<name>:<base64>`."""
    return _kept(folder / name, lambda: f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}")


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_if_changed(path, make())
    return path.read_text()
