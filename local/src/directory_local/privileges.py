"""Running a program that refuses to be root (PostgreSQL) when we are root, without adding users to the machine."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from directory_local.errors import LocalPlatformError

_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Identity:
    """How to run a program unprivileged: as another `user`, behind a `prefix` command, or (neither) as we are."""

    user: str | None = None
    prefix: tuple[str, ...] = ()

    def own(self, path: Path) -> None:
        """Give a file or folder to the identity."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def run(self, argv: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as the identity, both outputs captured together."""
        return subprocess.run(
            [*self.prefix, *argv],
            env=environment,
            user=self.user,
            group=pwd.getpwnam(self.user).pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def unprivileged(*paths: Path) -> Identity:
    """An identity that is not root and can reach `paths`.

    The user `nobody` where it may enter all the folders. Otherwise (a clone below /root) a user namespace, in which
    root's own files stay reachable while the program sees itself as `nobody`.
    """
    if os.geteuid() != 0:
        return Identity()
    blocked = [path for path in paths if not _open_to_all(path)]
    if not blocked:
        return Identity(user=_NOBODY)
    prefix = _namespace()
    if prefix:
        return Identity(prefix=prefix)
    message = (
        f"PostgreSQL does not run as root, and no other user can enter {blocked[0]}. Use a folder that others "
        "can enter (for example below /srv), or run as an ordinary user."
    )
    raise LocalPlatformError(message)


def _open_to_all(path: Path) -> bool:
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents) if folder.is_dir())


@cache
def _namespace() -> tuple[str, ...]:
    """The command that enters a user namespace as `nobody`; empty where the machine forbids it."""
    unshare = shutil.which("unshare")
    if not unshare:
        return ()
    entry = pwd.getpwnam(_NOBODY)
    prefix = (unshare, "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--")
    allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if allowed else ()
