"""Owns the chart's values.schema.json: our own fields from values.schema.yaml, the platform's from its CRD."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

Schema = dict[str, Any]
SOURCE: Final = Path(__file__).with_name("values.schema.yaml")

_KEPT: Final = (
    *("type", "description", "enum", "items", "properties", "required", "additionalProperties"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"),
)
"""What JSON Schema and a CRD's schema mean alike. CEL rules are left to the API server."""

_FILLED_IN: Final = {"api": ["image", "pooledEndpoint"]}
"""Fields of the platform that the chart sets where the values don't."""


def values_schema(crds: Path) -> str:
    """The text of values.schema.json."""
    schema = _closed(_with_crds(yaml.safe_load(SOURCE.read_text()), crds))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _with_crds(schema: Any, crds: Path) -> Any:
    if isinstance(schema, list):
        return [_with_crds(item, crds) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-crd" in schema:
        return _platform(crds / f"{schema['x-crd']}.yaml")
    return {key: _with_crds(value, crds) for key, value in schema.items()}


def _platform(file: Path) -> Schema:
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    spec: Schema = _converted(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    # A template says in a sentence which backend is missing; JSON Schema would list names.
    spec.pop("required")
    for part, names in _FILLED_IN.items():
        required = [each for each in spec["properties"][part].pop("required", []) if each not in names]
        spec["properties"][part] |= {"required": required} if required else {}
    return spec


def _converted(field: Schema) -> Schema:
    kept = {key: value for key, value in field.items() if key in _KEPT}
    if "properties" in kept:
        kept["properties"] = {name: _converted(each) for name, each in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _converted(kept["items"])
    return kept


def _closed(schema: Any) -> Any:
    """The same with `additionalProperties: false` wherever an object lists what it holds."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
