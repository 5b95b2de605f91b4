"""Builds the Go programs that no package registry carries, into a cache that every checkout of the user shares."""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from directory_local.errors import BuildFailed, ToolMissing
from directory_local.repository import root

Progress = Callable[[str], None]
"""Takes one line that says how far a long piece of work is."""

_EVERY = 5.0  # seconds between two lines of progress


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program in a Go module of ours under `local/`, whose go.mod and go.sum pin everything it is made of.

    The module may have several programs: its own packages (`.`, `./pause`) and those its `tool` directives name (by
    import path). `home` is its folder below `local/`, where that is not called as the program is. Names are unique.
    """

    name: str
    package: str
    tags: tuple[str, ...] = ()
    linker_flags: tuple[str, ...] = ()
    home: str = field(default="", repr=False)

    @property
    def module(self) -> Path:
        return root() / "local" / (self.home or self.name)

    @property
    def version(self) -> str:
        """Of a program that a `tool` directive of its module names: what go.mod requires, without the v."""
        return required_version(self.home or self.name, self.package)

    @property
    def key(self) -> str:
        """Changes whenever the result would: sources, pinned versions, flags and the machine's kind."""
        digest = hashlib.sha256(repr((self, platform.system(), platform.machine())).encode())
        sources = (*self.module.rglob("*.go"), *self.module.glob("go.mod"), *self.module.glob("go.sum"))
        for source in sorted(sources):
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]


def required_version(home: str, module: str) -> str:
    """The version of a module, without its v, that `local/<home>/go.mod` requires."""
    text = (root() / "local" / home / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} v(\S+)", text, re.MULTILINE)
    if not found:
        message = f"local/{home}/go.mod requires no {module}"
        raise ValueError(message)
    return found.group(1)


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
    total = len(_run(program, [go, "list", "-deps", "-mod=readonly", *flags, program.package], progress, 0))
    command = [
        *(go, "build", "-v", "-mod=readonly", "-trimpath", *flags),
        *("-ldflags", " ".join(("-s", "-w", *program.linker_flags)), "-o", str(target), program.package),
    ]
    _run(program, command, progress, total)


def _run(program: GoProgram, command: list[str], progress: Progress, packages: int) -> list[str]:
    """Run a Go command and return its output's lines; say every few seconds how far it is, in silence too."""
    output = _Output()
    started = time.monotonic()
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with subprocess.Popen(
        command, cwd=program.module, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        reader = Thread(target=output.read, args=(process.stdout or (),), daemon=True)
        reader.start()
        while reader.is_alive():
            progress(f"{program.name}: {output.position(packages)} ({time.monotonic() - started:.0f} s)")
            reader.join(_EVERY)
    if process.returncode:
        raise BuildFailed(program.name, output.lines[-20:])
    return output.lines


@dataclass
class _Output:
    """What a Go command has printed so far: a line per package, and notes that begin with `go: `."""

    lines: list[str] = field(default_factory=list)
    downloads: int = 0

    def read(self, stream: Iterable[str]) -> None:
        for line in stream:
            if line.startswith("go: downloading "):
                self.downloads += 1
            else:
                self.lines.append(line.rstrip())

    def position(self, packages: int) -> str:
        """How far a build of so many packages is; 0 while they are not even known."""
        if not packages:
            return f"fetching the pinned modules, {self.downloads} so far"
        # Packages that Go has in its own cache print nothing, so the number may never reach the total.
        return f"compiled {len(self.lines)} of at most {packages} packages"
