"""Owns the kustomize manifests that are the chart's own objects, written without Helm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.packaging.chart import Document, example, render
from scripts.packaging.overlays import COMPONENTS, overlays

_HEAD: Final = "# Written by `python -m scripts.packaging` from charts/company-directory/templates/{sources}.\n"

_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "operator/rbac.yaml": ("operator/rbac.yaml",),
    "operator/deployment.yaml": ("operator/deployment.yaml",),
    "operator/service.yaml": ("operator/service.yaml",),
    "operator/networkpolicy.yaml": ("operator/networkpolicy.yaml",),
    "platform/platform.yaml": ("platform/platform.yaml",),
    "platform/migrate.yaml": ("database/networkpolicy.yaml", "database/migrate.yaml"),
    "platform/pool.yaml": (
        *("pool/service.yaml", "pool/deployment.yaml", "pool/scaling.yaml", "pool/networkpolicy.yaml"),
    ),
    "platform/route.yaml": ("pool/route.yaml",),
    "components/certificate/certificate.yaml": ("pool/certificate.yaml",),
    "components/monitoring/servicemonitors.yaml": ("monitoring/servicemonitors.yaml",),
    "release/job.yaml": ("hooks/networkpolicy.yaml", "hooks/release.yaml"),
}
"""Each file below manifests/, and the templates whose objects it holds."""


def manifests(helm: Path) -> dict[str, str]:
    """The text of each file."""
    settings = [each for part in COMPONENTS.values() for each in part]
    plain, full = render(helm, *example("base")), render(helm, *example("base"), settings=settings)
    files = {
        name: _text(sources, full if name.startswith("components/") else plain) for name, sources in _FILES.items()
    }
    return files | overlays(helm)


def _text(sources: tuple[str, ...], documents: list[Document]) -> str:
    wanted = [each.without_helm() for source in sources for each in documents if each.source == source]
    return _HEAD.format(sources=", ".join(sources)) + "---\n".join(wanted)
