"""The versions that upgrades go between: images of this checkout and of an earlier commit, and that commit's chart."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from directory_local.images.product import product_image
from e2e.support.installation import REPOSITORY, Installation

EARLIER: Final = "0000000000000000000000000000000000000000"
"""The commit that upgrades begin at: the first one whose chart and images a cluster could run."""

_KEPT: Final = 12  # characters of a commit that make a tag


def tag(commit: str) -> str:
    return commit[:_KEPT]


def load(installation: Installation, program: str, tag: str, ref: str | None = None) -> None:
    """Build an image of the operator or the API, and give it to the node."""
    image = product_image(program, tag=tag, ref=ref)
    command = [str(installation.folder / "bin" / "ctr"), "-n", "k8s.io", "images", "import", str(image.archive)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


@contextmanager
def earlier_chart() -> Iterator[Path]:
    """The chart as it was."""
    archive = subprocess.run(
        ["git", "archive", EARLIER, "charts"], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory(prefix="directory-chart-") as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder) / "charts" / "company-directory"
