"""Writes everything that is made from the chart, the CRDs and bootstrap.sql: `python -m scripts.packaging`.

tests/packaging checks that it was.
"""

import sys
from pathlib import Path

from directory_local.addons.programs import HELM
from scripts.packaging.chart import REPOSITORY
from scripts.packaging.outputs import chart_files, rendered_files
from scripts.packaging.tools import tool


def main() -> None:
    """Write what differs, and say what that was."""
    _write(chart_files())
    _write(rendered_files(tool(HELM)))


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(REPOSITORY)}\n")


if __name__ == "__main__":
    main()
