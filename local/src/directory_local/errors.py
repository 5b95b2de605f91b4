"""What can stop the local platform from starting, each with the way out in its message."""

from collections.abc import Sequence
from pathlib import Path


class LocalPlatformError(Exception):
    """Something on this machine is in the way. The message is written for the person at the terminal."""


class ToolMissing(LocalPlatformError):
    """A program that the platform needs is neither installed nor can be built here."""

    def __init__(self, tool: str, way_out: str) -> None:
        super().__init__(f"{tool} is missing. {way_out}")


class PortTaken(LocalPlatformError):
    """Another process listens on a port the platform was told to use."""

    def __init__(self, port: int, purpose: str, holder: str, variable: str) -> None:
        super().__init__(
            f"Port {port} ({purpose}) is taken by {holder}. "
            f"Stop that process, or choose another port with {variable}=<port>."
        )


class DiskFull(LocalPlatformError):
    """There is not enough room for the state folder or the build cache."""

    def __init__(self, folder: Path, free_megabytes: int, needed_megabytes: int) -> None:
        super().__init__(
            f"{folder} has {free_megabytes} MB free and {needed_megabytes} MB are needed. Make room, or choose another "
            "folder with DIRECTORY_STATE_DIR (state) or XDG_CACHE_HOME (built binaries)."
        )


class BuildFailed(LocalPlatformError):
    """A Go build ended with an error."""

    def __init__(self, what: str, output: Sequence[str]) -> None:
        super().__init__(f"Building {what} failed:\n" + "\n".join(output))


class ProgramFailed(LocalPlatformError):
    """A program did not become ready."""

    def __init__(self, program: str, why: str, log: Path, tail: Sequence[str]) -> None:
        excerpt = "\n".join(f"    {line}" for line in tail) or "    (the log is empty)"
        super().__init__(f"{program} {why}. The end of {log}:\n{excerpt}")


class CommandFailed(LocalPlatformError):
    """A command that the platform ran ended with an error."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed:\n{output.strip()}")
