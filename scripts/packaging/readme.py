"""Owns the chart's README.md: what values.yaml says of each value in its comments that begin with `--`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

_KEY: Final = re.compile(r"^( *)([A-Za-z]\w*):")
_FIRST: Final = re.compile(r"^ *# -- (.*)")
_MORE: Final = re.compile(r"^ *# (.*)")
_DEFAULT: Final = "@default "

_INTRO: Final = """\
# company-directory

Installs the Company Directory Operator: the CRDs, the operator, a DirectoryPlatform, the migrations of its database,
and the pooled API fleet with its route. [docs/install.md](../../docs/install.md) says how,
[docs/upgrade.md](../../docs/upgrade.md) what to know before an upgrade,
[docs/uninstall.md](../../docs/uninstall.md) before an uninstall.

    helm upgrade --install directory-system charts/company-directory --namespace directory-system --create-namespace \\
      --values charts/company-directory/examples/base.yaml --values charts/company-directory/examples/production.yaml
    helm test directory-system --namespace directory-system

Helm 3.18 or newer, or Helm 4; Kubernetes 1.31 or newer.

## Values

Written by `python -m scripts.packaging` from values.yaml. What is not listed is refused, and so is a wrong type.

| value | default | |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Value:
    """One documented value."""

    path: str
    default: str
    text: str


@dataclass(slots=True)
class _Reader:
    """Where in the file we are: the keys we are below, and the comment that is being read."""

    path: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    default: str | None = None

    def read(self, line: str) -> list[str] | None:
        """The path of the key that the line documents; None for any other line."""
        if first := _FIRST.match(line):
            self.comment, self.default = [first.group(1)], None
        elif (more := _MORE.match(line)) and self.comment:
            if more.group(1).startswith(_DEFAULT):
                self.default = more.group(1).removeprefix(_DEFAULT)
            else:
                self.comment.append(more.group(1))
        elif key := _KEY.match(line):
            self.path = [*self.path[: len(key.group(1)) // 2], key.group(2)]
            return self.path if self.comment else None
        return None


def values(file: Path) -> Iterator[Value]:
    """Every value that has a comment of its own, in the order of the file."""
    text = file.read_text()
    defaults, reader = yaml.safe_load(text), _Reader()
    for line in text.splitlines():
        path = reader.read(line)
        if path:
            default = reader.default or f"`{_short(_at(defaults, path))}`"
            yield Value(".".join(path), default, " ".join(reader.comment))
            reader.comment = []


def readme(chart: Path) -> str:
    """The text of README.md."""
    rows = (f"| `{each.path}` | {each.default} | {each.text} |" for each in values(chart / "values.yaml"))
    return _INTRO + "\n".join(rows) + "\n"


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _short(value: Any) -> str:
    return json.dumps(value) if value != "" else '""'
