"""The programs of the operating system that images are made with, installed when they are missing."""

import os
import shutil
import subprocess

from directory_local.errors import CommandFailed, ToolMissing


def require(*programs: str) -> None:
    """Have programs whose Debian packages bear their names; with root and apt they are installed."""
    missing = [program for program in programs if not shutil.which(program, path=_search_path())]
    if not missing:
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise ToolMissing(" and ".join(missing), f"Install it, for example with apt-get install {' '.join(missing)}.")
    install(*missing)


def install(*packages: str) -> None:
    """Install Debian packages; needs root and apt."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandFailed(" ".join(command), done.stdout + done.stderr)


def _search_path() -> str:
    """PATH with the system's own folders, which a user's PATH may lack (debootstrap is in /usr/sbin)."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
