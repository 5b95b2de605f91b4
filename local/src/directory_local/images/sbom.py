"""The bill of materials of an image, as CycloneDX JSON, read from the image itself, not from plans."""

import json
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_COMPONENTS: Final = "usr/share/doc/components.json"  # images/python/components.py writes it


def bill_of_materials(tree: Path, reference: str, epoch: int) -> str:
    """Everything in an image's tree: Python, its packages, and the Debian packages whose files are there."""
    name, _, version = reference.rpartition(":")
    itself = Component(type=ComponentType.CONTAINER, name=name, version=version, bom_ref=reference)
    bom = Bom(components=[*python_packages(tree), *system_packages(tree)])
    bom.metadata.component = itself
    # Given, so that the same image has the same bill.
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    bom.serial_number = uuid5(NAMESPACE_URL, f"{reference}@{epoch}")
    for component in bom.components:
        bom.register_dependency(itself, [component])
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)


def python_packages(tree: Path) -> list[Component]:
    """One component per distribution that is installed."""
    found = []
    for path in sorted(tree.glob("usr/local/lib/python3*/*-packages/*.dist-info/METADATA")):
        metadata = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        found.append(_component(PackageURL("pypi", None, metadata["Name"].lower(), metadata["Version"])))
    return found


def system_packages(tree: Path) -> list[Component]:
    """Python itself and what comes from the base image's packages."""
    described: dict[str, Any] = json.loads((tree / _COMPONENTS).read_text())
    debian = [
        PackageURL("deb", "debian", item["name"], item["version"], {"arch": item["architecture"]})
        for item in described["debian"]
    ]
    return [_component(url) for url in (PackageURL("generic", None, "python", described["python"]), *debian)]


def _component(url: PackageURL) -> Component:
    return Component(type=ComponentType.LIBRARY, name=url.name, version=url.version, purl=url, bom_ref=url.to_string())
