"""The versions that upgrades go between: this checkout's and an earlier commit's. e2e/prepare.py makes their images."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Final

from e2e.support.installation import REPOSITORY

EARLIER: Final = "89911c59263169e6bf2ce06300bab8515abfb77d"
"""The commit that upgrades begin at: the first one whose operator can run on newer CRDs, and thus be gone back to."""

EARLIER_TAG: Final = EARLIER[:12]
PRESENT_TAG: Final = version("company-directory-operator")
NEXT_TAG: Final = "next"
"""A tag that no installation has: the same API under another name rolls out like another one."""


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
