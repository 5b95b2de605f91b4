"""Reads other projects' manifests and changes them: pure, but for the reading."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from directory_local.cluster import Manifest

Changing = dict[str, Any]
"""A manifest that is ours alone, to be changed in place."""


class _Loader(yaml.CSafeLoader):
    """Plain YAML 1.2 in what matters here: dates and `=` stay text, as the Kubernetes API has them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] not in {"timestamp", "value"}]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def parsed(text: str) -> list[Changing]:
    """The objects in YAML text; empty documents and Lists' wrappers are left out."""
    documents = [document for document in yaml.load_all(text, _Loader) if document]
    return [item for document in documents for item in _unpacked(document)]


def read(*files: Path) -> list[Changing]:
    """The objects in YAML files."""
    return [manifest for file in files for manifest in parsed(file.read_text())]


def by_kind(manifests: Iterable[Changing], kind: str, name: str | None = None) -> Iterator[Changing]:
    """Those of one kind, or the one of that kind and name."""
    return (
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and (name is None or manifest["metadata"]["name"] == name)
    )


def pod_spec(manifest: Changing) -> Changing:
    """The pods' spec in a Deployment, DaemonSet, StatefulSet or Job."""
    spec: Changing = manifest["spec"]["template"]["spec"]
    return spec


def containers(manifest: Changing) -> list[Changing]:
    """Every container of a workload, those that run first included."""
    spec = pod_spec(manifest)
    return [*spec.get("initContainers", []), *spec["containers"]]


def use_image(container: Changing, reference: str) -> None:
    """Let a container run an image that may have been imported and never been in a registry."""
    container["image"] = reference
    container["imagePullPolicy"] = "IfNotPresent"


def restrict(manifest: Changing) -> None:
    """Make a workload's pods meet the `restricted` Pod Security Standard, keeping what they already say."""
    spec = pod_spec(manifest)
    spec["securityContext"] = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        **spec.get("securityContext", {}),
    }
    for container in containers(manifest):
        container["securityContext"] = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            **container.get("securityContext", {}),
        }


def with_images(manifests: Iterable[Manifest], references: Iterable[str]) -> list[Manifest]:
    """The objects with the images of these names, whatever tags they had."""
    known = {reference.rpartition(":")[0]: reference for reference in references}

    def changed(image: str) -> str:
        return known.get(image.rpartition(":")[0], image)

    return [_with_images(dict(manifest), changed) for manifest in manifests]


def relocated(manifests: Iterable[Manifest], registry: str | None) -> list[Manifest]:
    """The objects with this project's images taken from a registry: `companydirectory.io/x` becomes `<registry>/x`."""

    def changed(image: str) -> str:
        return f"{registry}/{image.removeprefix(_OURS)}" if registry and image.startswith(_OURS) else image

    return [_with_images(dict(manifest), changed) for manifest in manifests]


def _with_images(value: Changing, changed: Callable[[str], str]) -> Changing:
    return {
        key: changed(inner) if key in _IMAGE_FIELDS and isinstance(inner, str) else _descended(inner, changed)
        for key, inner in value.items()
    }


def _descended(value: Any, changed: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return _with_images(dict(value), changed)
    return [_descended(inner, changed) for inner in value] if isinstance(value, list) else value


def _unpacked(document: Changing) -> list[Changing]:
    return list(document["items"]) if document["kind"].endswith("List") and "items" in document else [document]


_OURS = "companydirectory.io/"
_IMAGE_FIELDS = ("image", "imageName", "value")  # `value`: CloudNativePG is told its own image by a variable
