"""Writes down which of the base image's packages the files of an image come from, for the bill of materials."""

import json
import platform
import subprocess
from pathlib import Path

PLACE = "usr/share/doc/components.json"


def write_components(root: Path) -> None:
    """`PLACE` below `root`: Python's version, and name and version of each Debian package that gave a file."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() or path.is_symlink()]
    owners: set[str] = set()
    for start in range(0, len(files), 1000):
        paths = [f"/{path.relative_to(root)}" for path in files[start : start + 1000]]
        done = subprocess.run(["dpkg-query", "--search", *paths], capture_output=True, text=True, check=False)
        # Lines are `package[:architecture][, package]: /path`; what no package owns is told on standard error.
        owners |= {name for line in done.stdout.splitlines() for name in line.rpartition(": ")[0].split(", ")}
    owners = {name for name in owners if not name.startswith("diversion by ")}
    query = ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n", *sorted(owners)]
    shown = subprocess.run(query, capture_output=True, text=True, check=True) if owners else None
    packages = [line.split("\t") for line in shown.stdout.splitlines()] if shown else []
    target = root / PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    described = [{"name": name, "version": version, "architecture": kind} for name, version, kind in sorted(packages)]
    target.write_text(json.dumps({"python": platform.python_version(), "debian": described}, indent=1) + "\n")
