"""How `directory-local` shows what it is doing: a line per step with its time, and moving progress on a terminal."""

import time

from rich.console import Console
from rich.status import Status

from directory_local.steps import Step


class Reporter:
    """Runs steps one after the other and prints how each ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._title = ""

    def run(self, steps: list[Step]) -> int:
        """Run the steps; the number of things they changed. The first error ends it."""
        return sum(self._run(step) for step in steps)

    def line(self, text: str) -> None:
        """Progress within the present step: replaces the last such line on a terminal, adds one to a log."""
        if self._status and self._console.is_terminal:
            self._status.update(f"{self._title}: {text}")
        else:
            self._console.print(f"    {text}")

    def _run(self, step: Step) -> int:
        started = time.monotonic()
        self._title = step.title
        try:
            with self._console.status(step.title) as self._status:
                changed = step.run()
        except BaseException:
            self._console.print(f"[red]✗[/] {step.title}")
            raise
        finally:
            self._status = None
        seconds = time.monotonic() - started
        said = f"{len(changed)} started or changed" if changed else "nothing to do"
        self._console.print(f"[green]✓[/] {step.title}  [dim]{said}, {seconds:.1f} s[/]")
        return len(changed)
