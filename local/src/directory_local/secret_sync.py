"""Does the kubelet's job for processes outside a cluster: keeps a Secret's values as files, replaced all at once.

`python -m directory_local.secret_sync <kubectl> <namespace> <secret> <folder>`
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_LINK = "..data"
_PAUSE = 1.0  # seconds before a watch that ended is opened again


def main() -> None:
    # By an exception, so that `_watch` ends its kubectl.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    kubectl, namespace, name, folder = sys.argv[1:]
    while True:
        for secret in _watch(kubectl, namespace, name):
            write(Path(folder), _values(secret))
        time.sleep(_PAUSE)


def write(folder: Path, values: Mapping[str, str]) -> bool:
    """Make `folder` hold exactly `values`. True if anything changed.

    As the kubelet does it: a new folder, then one swap of the link that all files go through, so that a reader never
    sees half an update.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    link = folder / _LINK
    if link.exists() and {path.name: path.read_text() for path in link.iterdir()} == dict(values):
        return False
    generation = folder / f"..{time.time_ns()}"
    generation.mkdir(mode=0o700)
    for name, value in values.items():
        descriptor = os.open(generation / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
    _point(link, Path(generation.name))
    for name in values:
        _point(folder / name, Path(_LINK) / name)
    for path in folder.iterdir():
        if path.name.startswith("..") and path not in {link, generation}:
            shutil.rmtree(path)
        elif not path.name.startswith("..") and path.name not in values:
            path.unlink()
    return True


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    temporary = link.with_name(f"..link.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _watch(kubectl: str, namespace: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The Secret as it is now, and again after every change, until the server ends the watch."""
    command = [
        *(kubectl, "get", "secrets", f"--namespace={namespace}", f"--field-selector=metadata.name={name}"),
        *("--watch", "--output-watch-events", "--output=json"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():  # kubectl prints a watch event a line
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    yield event["object"]
        finally:
            process.kill()


def _values(secret: Mapping[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}


if __name__ == "__main__":
    main()
