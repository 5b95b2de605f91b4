"""Owns the schemas that kubeconform checks manifests against, made from what projects publish themselves.

Kubernetes' kinds come from the OpenAPI document in its Go module, those of CRDs from the CRDs: ours, and others' in
their modules. No schema comes from the network. `python -m scripts.packaging.kubeconform <folder>` writes them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from directory_local.addons import modules
from scripts.packaging.chart import REPOSITORY

Schema = dict[str, Any]

LOCATION: Final = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
"""How kubeconform finds the schema of a kind below the folder."""

UPSTREAM: Final = {
    "github.com/cert-manager/cert-manager": "deploy/crds/cert-manager.io_certificates.yaml",
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
    ),
    "github.com/operator-framework/api": "crds/operators.coreos.com_clusterserviceversions.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
}
"""CRDs of others whose kinds we make: the Go module that has them, and the file in it."""

_KEYWORDS: Final = (
    *("$ref", "type", "enum", "items", "required", "additionalProperties", "allOf", "anyOf", "oneOf", "not"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"),
)
"""What JSON Schema and OpenAPI mean alike; `format` names Go's number types, and formats that only Kubernetes knows."""

_HOME: Final = "addons/packaging"
_REFERENCE: Final = "#/definitions/"
_INT_OR_STRING: Final = {"type": ["integer", "string"]}
_LOOSE: Final = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}


def upstream_crds() -> list[Path]:
    """The files of UPSTREAM, fetched by Go if they aren't there."""
    return [modules.folder(_HOME, module) / file for module, file in UPSTREAM.items()]


def schemas() -> Iterator[tuple[str, Schema]]:
    """Each file's name and its schema."""
    openapi = modules.folder("kubernetes", "k8s.io/kubernetes") / "api" / "openapi-spec" / "swagger.json"
    yield from _of_kubernetes(json.loads(openapi.read_text())["definitions"])
    for file in (*sorted((REPOSITORY / "crds").glob("*.yaml")), *upstream_crds()):
        yield from _of_crd(yaml.safe_load(file.read_text())["spec"])


def write(folder: Path) -> None:
    """Write them all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas():
        (folder / name).write_text(json.dumps(schema))


def _file(kind: str, group: str, version: str) -> str:
    """LOCATION for a kind. What kubeconform calls the group of `v1` is `v1`."""
    parts = {"{{.ResourceKind}}": kind, "{{.Group}}": group or version, "{{.ResourceAPIVersion}}": version}
    name = LOCATION
    for placeholder, value in parts.items():
        name = name.replace(placeholder, value)
    return name.lower()


def _of_kubernetes(definitions: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    closed = {name: _LOOSE.get(name) or _closed(each) for name, each in definitions.items()}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            needed = {each: closed[each] for each in sorted(_reachable(name, definitions))}
            yield _file(kind["kind"], kind["group"], kind["version"]), {**closed[name], "definitions": needed}


def _reachable(name: str, definitions: dict[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        text = json.dumps(definitions[waiting.pop()])
        named = {part.split('"', 1)[0] for part in text.split(f'"{_REFERENCE}')[1:]}
        waiting += named - found
        found |= named
    return found


def _of_crd(crd: Schema) -> Iterator[tuple[str, Schema]]:
    for version in crd["versions"]:
        schema = _closed(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        yield _file(crd["names"]["kind"], crd["group"], version["name"]), schema


def _closed(schema: Any) -> Any:
    """The same for JSON Schema: no object takes fields that it does not list."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return _INT_OR_STRING
    closed = {key: _closed(value) for key, value in schema.items() if key in _KEYWORDS}
    if "properties" in schema:
        closed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed


if __name__ == "__main__":
    write(Path(sys.argv[1]))
