"""What the tests measured, printed at the end and kept beside the cluster."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from e2e.support.load import Run

_EVENT = ("event", "requests", "failed", "recovered after", "slowest", "acknowledged", "lost")


@dataclass
class Report:
    """Tables of figures, in the order they came in."""

    stages: list[tuple[str, str, float]] = field(default_factory=list)
    events: list[tuple[str, ...]] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    def stage(self, tenant: str, stage: str, seconds: float) -> None:
        """How long a stage took, from the `kubectl apply` on."""
        self.stages.append((tenant, stage, round(seconds, 2)))

    def event(self, name: str, run: Run, lost: Sequence[str]) -> None:
        """What users saw of an event."""
        acknowledged = sum(len(people) for people in run.acknowledged.values())
        seconds = (f"{run.recovery():.1f} s", f"{run.slowest():.1f} s")
        self.events.append(
            (name, str(len(run.outcomes)), str(len(run.failures())), *seconds, str(acknowledged), str(len(lost)))
        )

    def fact(self, name: str, value: str) -> None:
        """Anything else worth a line."""
        self.facts.append((name, value))

    def lines(self) -> list[str]:
        """For people, as the tables of a Markdown page."""
        text: list[str] = []
        for title, rows in (
            (("tenant", "stage", "seconds after kubectl apply"), self.stages),
            (_EVENT, self.events),
            (("what", "seen"), self.facts),
        ):
            if rows:
                text += ["", f"| {' | '.join(title)} |", f"|{'---|' * len(title)}"]
                text += [f"| {' | '.join(map(str, row))} |" for row in rows]
        return text

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"stages": self.stages, "events": self.events, "facts": self.facts}, indent=1))
