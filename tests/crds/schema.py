"""The rules of a CRD, read from its YAML, so that none can be without a case."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.support.cluster import REPOSITORY

FILES = {"DirectoryTenant": "directorytenant.yaml", "DirectoryPlatform": "directoryplatform.yaml"}


@dataclass(frozen=True)
class Node:
    """One field of a schema: `spec.admins[0].email`."""

    path: str
    schema: dict[str, Any]


def crd(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "crds" / FILES[kind]).read_text())
    return loaded


def root(kind: str) -> dict[str, Any]:
    (version,) = crd(kind)["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[Node]:
    """The schema and everything below it."""
    yield Node(path, schema)
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[0]")


def spec_nodes(kind: str) -> list[Node]:
    """What users write: everything but status."""
    return [node for node in nodes(root(kind)) if node.path.split(".")[0] in {"", "metadata", "spec"}]


@dataclass(frozen=True)
class CelRule:
    """One entry of `x-kubernetes-validations`."""

    kind: str
    path: str
    rule: str
    message: str
    field_path: str

    @property
    def is_transition(self) -> bool:
        return "oldSelf" in self.rule


def cel_rules(kind: str) -> list[CelRule]:
    return [
        CelRule(kind, node.path, each["rule"], each["message"], each.get("fieldPath", ""))
        for node in nodes(root(kind))
        for each in node.schema.get("x-kubernetes-validations", [])
    ]
