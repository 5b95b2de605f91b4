"""Runs Helm."""

import os
import subprocess
from pathlib import Path

from directory_local.errors import CommandFailed


def run_helm(helm: Path, *arguments: str, kubeconfig: Path | None = None) -> str:
    """Run Helm and return its output. It reads no configuration or plug-in of the user's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
    done = subprocess.run([str(helm), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"helm {' '.join(arguments[:2])}", done.stderr or done.stdout)
    return done.stdout
