"""Owns rendering: what `helm template` makes of the chart, one document after the other, with its comments."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
CHART: Final = REPOSITORY / "charts" / "company-directory"
EXAMPLES: Final = CHART / "examples"
NAMESPACE: Final = "directory-system"

_SOURCE: Final = re.compile(r"^# Source: company-directory/templates/(\S+)\n", re.MULTILINE)
_OF_HELM: Final = re.compile(r"^ +(helm\.sh/\S+|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)
_NO_ANNOTATIONS: Final = re.compile(r"^  annotations:\n(?=  \w|\w)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One object, and the template it comes from."""

    source: str
    text: str

    @property
    def object(self) -> dict[str, Any]:
        """The object."""
        loaded: dict[str, Any] = yaml.safe_load(self.text)
        return loaded

    def without_helm(self) -> str:
        """The text without what only Helm reads: its labels, its annotations and its hooks."""
        return _NO_ANNOTATIONS.sub("", _OF_HELM.sub("", self.text))


def render(helm: Path, *values: Path, settings: Sequence[str] = ()) -> list[Document]:
    """The objects that an installation with these values would make, hooks among them."""
    files = [f"--values={file}" for file in values]
    command = [str(helm), "template", NAMESPACE, str(CHART), f"--namespace={NAMESPACE}", *files]
    done = subprocess.run(  # noqa: S603 - a program of ours
        [*command, *(f"--set={each}" for each in settings)],
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(_documents(done.stdout))


def example(name: str) -> list[Path]:
    """The files of values of one of our environments."""
    return [EXAMPLES / "base.yaml", *([EXAMPLES / f"{name}.yaml"] if name != "base" else [])]


def _documents(text: str) -> list[Document]:
    parts = [part for part in re.split(r"^---\n", text, flags=re.MULTILINE) if _SOURCE.search(part)]
    found = []
    for part in parts:
        source = _SOURCE.search(part)
        body = _SOURCE.sub("", part)
        if source and yaml.safe_load(body):
            found.append(Document(source.group(1), body.strip("\n") + "\n"))
    return found
