"""Where Go keeps the pinned modules of the add-ons: their manifests are read there, and nothing of them is in this
repository.
"""

import functools
import json
import shutil
import subprocess
from pathlib import Path

from directory_local.errors import CommandFailed, ToolMissing
from directory_local.repository import root


@functools.cache
def folder(home: str, module: str) -> Path:
    """The module's folder in Go's module cache, fetched if it isn't there."""
    go = shutil.which("go")
    if not go:
        raise ToolMissing(
            "Go", f"The manifests of {module} are in its module. Install Go from https://go.dev/doc/install."
        )
    done = subprocess.run(
        [go, "mod", "download", "-json", module],
        cwd=root() / "local" / home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"go mod download {module}", done.stderr or done.stdout)
    return Path(json.loads(done.stdout)["Dir"])
