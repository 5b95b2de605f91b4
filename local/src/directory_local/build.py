"""Builds the Go programs that no package registry carries, into a cache that every checkout of the user shares."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from directory_local.errors import BuildFailed, ToolMissing
from directory_local.repository import root

Progress = Callable[[str], None]
"""Takes one line that says how far a long piece of work is."""

_EVERY = 5.0  # seconds between two lines of progress


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program in a Go module of ours under `local/`, whose go.mod and go.sum pin everything it is made of."""

    name: str
    package: str
    tags: tuple[str, ...] = ()
    linker_flags: tuple[str, ...] = ()

    @property
    def module(self) -> Path:
        return root() / "local" / self.name

    @property
    def key(self) -> str:
        """Changes whenever the result would: sources, pinned versions, flags and the machine's kind."""
        digest = hashlib.sha256(repr((self, platform.system(), platform.machine())).encode())
        for source in sorted((*self.module.glob("*.go"), self.module / "go.mod", self.module / "go.sum")):
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where built programs are kept: the XDG cache folder, since they outlive every state folder and checkout."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "company-directory"


def built(program: GoProgram, cache: Path) -> Path | None:
    """The program's binary if the cache has it."""
    binary = cache / f"{program.name}-{program.key}" / program.name
    return binary if binary.exists() else None


def build(program: GoProgram, cache: Path, progress: Progress) -> Path:
    """The program's binary, built now if the cache lacks it. Two callers at once build it once."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{program.name}.lock").open("w") as lock:
        _wait_for(lock.fileno(), program, progress)
        done = built(program, cache)
        if done:
            return done
        folder = cache / f"{program.name}-{program.key}"
        folder.mkdir(exist_ok=True)
        unfinished = folder / f"{program.name}.unfinished"
        _compile(program, unfinished, progress)
        unfinished.rename(folder / program.name)
        return folder / program.name


def _wait_for(lock: int, program: GoProgram, progress: Progress) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{program.name}: another process is building it, waiting")
            time.sleep(_EVERY)
        else:
            return


def _compile(program: GoProgram, target: Path, progress: Progress) -> None:
    go = shutil.which("go")
    if not go:
        raise ToolMissing(
            "Go", f"It is needed once, to build {program.name}. Install it from https://go.dev/doc/install."
        )
    flags = [f"-tags={','.join(program.tags)}"] if program.tags else []
    progress(f"{program.name}: fetching the pinned modules")
    total = len(_run(program, [go, "list", "-deps", "-mod=readonly", *flags, program.package]))
    command = [
        *(go, "build", "-v", "-mod=readonly", "-trimpath", *flags),
        *("-ldflags", " ".join(("-s", "-w", *program.linker_flags)), "-o", str(target), program.package),
    ]
    _run(program, command, lambda done, seconds: progress(_position(program, done, total, seconds)))


def _position(program: GoProgram, done: int, total: int, seconds: float) -> str:
    if done >= total:
        return f"{program.name}: linking ({seconds:.0f} s)"
    return f"{program.name}: compiled {done} of at most {total} packages ({seconds:.0f} s)"


def _run(
    program: GoProgram, command: list[str], report: Callable[[int, float], None] = lambda _done, _seconds: None
) -> deque[str]:
    """Run a Go command and return its output's lines, reporting their number every few seconds."""
    started = reported = time.monotonic()
    lines: deque[str] = deque()
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with subprocess.Popen(
        command, cwd=program.module, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            if not line.startswith("go: "):
                lines.append(line.rstrip())
            if time.monotonic() - reported > _EVERY:
                reported = time.monotonic()
                report(len(lines), reported - started)
    if process.returncode:
        raise BuildFailed(program.name, list(lines)[-20:])
    return lines
