"""Where the project's own files are: the checkout that this package is installed from (editable)."""

from pathlib import Path

from directory_local.errors import LocalPlatformError


def root() -> Path:
    """The checkout's folder."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / "pyproject.toml").exists():
        message = "directory-local works from a checkout of the project. Clone it and run `make setup` there."
        raise LocalPlatformError(message)
    return folder
