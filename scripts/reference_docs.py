"""Writes docs/reference/crds.md from the CRDs: `python scripts/reference_docs.py`. tests/house checks that it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "reference" / "crds.md"
CRDS = ("directorytenant.yaml", "directoryplatform.yaml")
Schema = dict[str, Any]


def page() -> str:
    """The whole page."""
    intro = (
        "# Fields of the resources\n\n"
        "Written by `python scripts/reference_docs.py` from `crds/`. Fields in **bold** are required.\n"
        "The conditions are in [conditions.md](conditions.md).\n"
    )
    sections = [_section(yaml.safe_load((REPOSITORY / "crds" / name).read_text())) for name in CRDS]
    return "\n".join([intro, *sections])


def _section(crd: Schema) -> str:
    names, (version,) = crd["spec"]["names"], crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    title = f"## {names['kind']} (`{crd['spec']['group']}/{version['name']}`, short name `{names['shortNames'][0]}`)"
    head = "| field | type | default | what it is |\n|---|---|---|---|"
    parts = [f"{title}\n\n{_text(schema)}\n"]
    for part in ("spec", "status"):
        rows = "\n".join(_rows(schema["properties"][part], part))
        parts.append(f"### {part}\n\n{_text(schema['properties'][part])}\n\n{head}\n{rows}\n")
    rules = "\n".join(f"- `{where}` {message}" for where, message in _rules(schema, ""))
    return "\n".join([*parts, f"### Rules\n\n{rules}\n"])


def _text(field: Schema) -> str:
    return str(field["description"]).replace("<", "\\<")


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        shown = f"**`{here}`**" if name in required else f"`{here}`"
        yield f"| {shown} | {_type(field)} | {_default(field)} | {_text(field)} |"
        if name != "conditions":
            yield from _rows(field, here)
            yield from _rows(field.get("items", {}), f"{here}[]")


def _type(field: Schema) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field["type"] == "array":
        return f"list of {field['items']['type']}s"
    bounds = [field[key] for key in ("minimum", "maximum") if key in field]
    return f"{field['type']} {bounds[0]}…{bounds[1]}" if len(bounds) == 2 else str(field["type"])


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, {}, []):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield f"{path}{rule.get('fieldPath', '')}".lstrip(".") or "metadata.name", rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


if __name__ == "__main__":
    PAGE.write_text(page())
