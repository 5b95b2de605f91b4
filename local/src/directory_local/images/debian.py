"""The base of every image where no image registry is reachable: Debian as debootstrap makes it from its packages."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from directory_local.build import Progress
from directory_local.errors import BuildFailed
from directory_local.images.buildah import Build, Buildah
from directory_local.images.packages import require
from directory_local.repository import root

LOCAL: Final = "companydirectory.io/local"
"""What the names of images begin with that only the local cluster runs."""

SUITE: Final = "trixie"
BASE: Final = f"{LOCAL}/base:{SUITE}"

_PACKAGES: Final = ("ca-certificates", "python3", "python3-pip", "tzdata")
"""What the official `python` image has too and our build stages use."""

_LEFT_OVER: Final = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log", "var/cache/debconf")
"""Differs between two runs and serves nobody."""


def base_key() -> str:
    """Changes with what the base is made of: the suite, its packages and its build file."""
    what = repr((SUITE, _PACKAGES)).encode() + _file().read_bytes()
    return hashlib.sha256(what).hexdigest()[:16]


def load_base(cache: Path, progress: Progress) -> str:
    """The reference of the base in buildah's store, put there from the cache or made now (a minute)."""
    archive = cache / "images" / f"base-{base_key()}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(cache)
    reference = f"{BASE}-{base_key()}"
    with (archive.parent / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _make(buildah, archive, reference, progress)
        buildah.load(archive, reference)
    return reference


def _make(buildah: Buildah, archive: Path, reference: str, progress: Progress) -> None:
    require("debootstrap")
    with tempfile.TemporaryDirectory(prefix="directory-base-", dir=archive.parent) as temporary:
        tree = Path(temporary) / "rootfs"
        progress(f"{reference}: debootstrap, about a minute")
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, str(tree)],
            env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildFailed(reference, done.stdout.splitlines()[-20:])
        for name in _LEFT_OVER:
            shutil.rmtree(tree / name, ignore_errors=True)
            (tree / name).mkdir()
        buildah.build(Build(_file(), tree, reference, fresh=True), progress)
    buildah.save(reference, archive)


def _file() -> Path:
    return root() / "images" / "debian" / "Dockerfile"
