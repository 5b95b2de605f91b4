"""A build file as data: enough of the format to hold ours to rules."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCTS = ("operator", "api")


@dataclass(frozen=True)
class Instruction:
    """One line, its continuations joined."""

    word: str
    rest: str

    @property
    def arguments(self) -> list[str]:
        """Words without the options before them."""
        return [word for word in self.rest.split() if not word.startswith("--")]

    @property
    def option(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z]+)=(\S+)", self.rest))

    def is_exec_form(self) -> bool:
        """Written as a JSON list, which needs no shell."""
        found = re.search(r"\[.*\]$", self.rest)
        return bool(found) and isinstance(json.loads(found.group()), list)


@dataclass(frozen=True)
class Stage:
    """What begins with a FROM."""

    base: str
    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]


@dataclass(frozen=True)
class Dockerfile:
    """A parsed build file."""

    path: Path
    before: list[Instruction]
    stages: list[Stage]

    @property
    def last(self) -> Stage:
        return self.stages[-1]

    @property
    def instructions(self) -> list[Instruction]:
        return [*self.before, *(each for stage in self.stages for each in stage.instructions)]

    def copied(self) -> set[str]:
        """What is copied from the context."""
        copies = [each for stage in self.stages for each in stage.all("COPY") if "from" not in each.option]
        return {source.rstrip("/") for each in copies for source in each.arguments[:-1]}


def parse(path: Path) -> Dockerfile:
    """Read a build file."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    found = Dockerfile(path, [], [])
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.stages.append(Stage(base, name, []))
        else:
            target = found.stages[-1].instructions if found.stages else found.before
            target.append(Instruction(word, rest.strip()))
    return found


def product(name: str) -> Dockerfile:
    return parse(REPOSITORY / f"Dockerfile.{name}")


def every() -> list[Dockerfile]:
    """All build files of the repository."""
    paths = [*REPOSITORY.glob("Dockerfile.*"), *REPOSITORY.glob("images/*/Dockerfile")]
    return [parse(path) for path in sorted(paths)]
