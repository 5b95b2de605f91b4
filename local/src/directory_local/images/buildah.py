"""The home of the buildah command: builds, loads and saves images in a store of the project's own."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from directory_local.build import Progress
from directory_local.errors import BuildFailed, LocalPlatformError
from directory_local.images.packages import require


@dataclass(frozen=True, slots=True)
class Build:
    """One image to build: its build file, the folder it may copy from, and what it is told.

    `epoch` (seconds) becomes the time of every file and of the image, so that the same input is the same image.
    """

    file: Path
    context: Path
    reference: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 0
    fresh: bool = False


class Buildah:
    """Images in one store, apart from those of the user. Needs root: layers are mounted and have owners."""

    def __init__(self, cache: Path) -> None:
        require("buildah")
        if os.getuid() != 0:
            message = "Building the local cluster's images needs root: run the command with sudo."
            raise LocalPlatformError(message)
        self._command = (
            *("buildah", "--storage-driver", "overlay"),
            *("--root", str(cache / "containers"), "--runroot", "/run/company-directory/containers"),
        )

    def build(self, build: Build, progress: Progress) -> None:
        """Build an image; steps that were done before are not repeated, unless it is to be `fresh`."""
        self._run(
            build.reference,
            [
                *("build", "--pull=never", "--force-rm", "--no-cache" if build.fresh else "--layers"),
                *("--timestamp", str(build.epoch), "--identity-label=false"),
                *(f"--build-arg={name}={value}" for name, value in build.arguments.items()),
                *(f"--label={name}={value}" for name, value in build.labels.items()),
                *(f"--secret=id={name},src={path}" for name, path in build.secrets.items()),
                *("--file", str(build.file), "--tag", build.reference, str(build.context)),
            ],
            progress,
        )

    def save(self, reference: str, archive: Path) -> None:
        """Write the image as an OCI archive that bears its name."""
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        self._run(reference, ["push", "--quiet", reference, f"oci-archive:{unfinished}:{reference}"])
        unfinished.replace(archive)

    def load(self, archive: Path, reference: str) -> None:
        """Put an archive's image into the store under a name, unless the name is there."""
        if not self.has(reference):
            self._run(reference, ["tag", self._pull(archive), reference])

    def tidy(self, steps: int) -> None:
        """Forget the intermediate steps of builds when there are more than so many: the next builds do them again."""
        if len(self._run("the store", ["images", "--all", "--quiet"]).split()) > steps:
            self._run("the store", ["rmi", "--prune", "--force"])

    def has(self, reference: str) -> bool:
        done = subprocess.run([*self._command, "inspect", "--type=image", reference], capture_output=True, check=False)
        return done.returncode == 0

    @contextlib.contextmanager
    def mounted(self, archive: Path) -> Iterator[Path]:
        """The files of an archive's image, to be read."""
        container = self._run(archive.name, ["from", "--pull=never", self._pull(archive)]).split()[-1]
        try:
            yield Path(self._run(archive.name, ["mount", container]).split()[-1])
        finally:
            self._run(archive.name, ["rm", container])

    def _pull(self, archive: Path) -> str:
        """The identifier of an archive's image, which is in the store afterwards."""
        return self._run(archive.name, ["pull", "--quiet", f"oci-archive:{archive}"]).split()[-1]

    def _run(self, what: str, arguments: list[str], progress: Progress | None = None) -> str:
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        lines: list[str] = []
        with subprocess.Popen(
            [*self._command, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if progress and " STEP " in line:
                    progress(f"{what}: {line.strip()[:120]}")
        if process.returncode:
            raise BuildFailed(what, lines[-30:])
        return "\n".join(lines)
