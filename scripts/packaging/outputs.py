"""Owns the list of what is written: first into the chart, then what is rendered from it."""

from pathlib import Path

from scripts.packaging.chart import CHART, REPOSITORY
from scripts.packaging.kustomize import manifests
from scripts.packaging.olm import bundle
from scripts.packaging.readme import readme
from scripts.packaging.schema import values_schema


def chart_files() -> dict[Path, str]:
    """What the chart has to bring along, its schema and its README."""
    crds, bootstrap = REPOSITORY / "crds", REPOSITORY / "infrastructure" / "database" / "bootstrap.sql"
    return {
        **{CHART / "crds" / crd.name: crd.read_text() for crd in sorted(crds.glob("*.yaml"))},
        CHART / "files" / bootstrap.name: bootstrap.read_text(),
        CHART / "values.schema.json": values_schema(crds),
        CHART / "README.md": readme(CHART),
    }


def rendered_files(helm: Path) -> dict[Path, str]:
    """The kustomize manifests and the OLM bundle, from the chart as it lies there."""
    return {
        **{REPOSITORY / "manifests" / name: text for name, text in manifests(helm).items()},
        **{REPOSITORY / "bundle" / name: text for name, text in bundle(helm).items()},
    }
