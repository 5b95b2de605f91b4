"""The operator, killed with SIGKILL at the Nth side effect: `python -m tests.support.crashing_operator N before|after`.

Every way in which the operator changes the outside is wrapped from here; the operator itself knows nothing of it. Each
side effect about the tenant in CRASH_TENANT is counted and written to CRASH_DIARY, so that the test can enumerate them.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from directory_operator import __main__ as operator
from directory_operator import wiring
from directory_operator.kube import Kube

KUBE_WRITES = ("apply", "apply_status", "set_finalizers", "delete", "patch", "create")


class Fuse:
    """Counts side effects and kills the process at one of them."""

    def __init__(self, number: int, moment: str) -> None:
        self._left = number
        self._moment = moment
        self._tenant = os.environ["CRASH_TENANT"]
        self._diary = Path(os.environ["CRASH_DIARY"])

    def wrap(self, verb: Callable[..., Any], what: str) -> Callable[..., Any]:
        """The verb, counted; `what` and its arguments are told to the diary."""

        @functools.wraps(verb)
        async def counted(*arguments: Any, **keywords: Any) -> Any:
            text = f"{what} {' '.join(map(_name, arguments[1:]))}"
            if self._tenant not in text:
                return await verb(*arguments, **keywords)
            self._left -= 1
            fatal = self._left == 0  # now: side effects of two systems run side by side, and the count goes on
            self._tell(text)
            if fatal and self._moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = await verb(*arguments, **keywords)
            if fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    def _tell(self, text: str) -> None:
        with self._diary.open("a") as diary:
            diary.write(text.strip() + "\n")
            diary.flush()


def _name(argument: Any) -> str:
    """An argument as the diary names it: never its content, which may be secret."""
    if isinstance(argument, dict):
        return f"{argument.get('kind')} {argument.get('metadata', {}).get('name')}"
    return str(getattr(argument, "key", argument))


def main() -> None:
    fuse = Fuse(int(sys.argv[1]), sys.argv[2])
    del sys.argv[1:]  # the operator has words of its own there
    for verb in KUBE_WRITES:
        setattr(Kube, verb, fuse.wrap(getattr(Kube, verb), f"kubernetes {verb}"))
    connect = wiring.PlatformController._placement

    def placement(*arguments: Any, **keywords: Any) -> Any:
        placed = connect(*arguments, **keywords)
        for name in ("postgres", "redis", "s3"):
            kind = type(placed.systems[name])
            if not hasattr(kind.apply, "__wrapped__"):
                kind.apply = fuse.wrap(kind.apply, f"{name} apply")
                kind.release = fuse.wrap(kind.release, f"{name} release")
        return placed

    wiring.PlatformController._placement = placement  # type: ignore[method-assign]
    operator.main()


if __name__ == "__main__":
    main()
