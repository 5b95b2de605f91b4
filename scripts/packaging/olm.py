"""Owns the OLM bundle: a ClusterServiceVersion made of the chart's operator, the CRDs and the samples."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.packaging.chart import REPOSITORY, Document, example, render

_NAME: Final = "company-directory-operator"
_CHANNEL: Final = "candidate"
_HEAD: Final = "# Written by `python -m scripts.packaging` from charts/company-directory and crds/.\n"
_DESCRIPTION: Final = """\
One `DirectoryTenant` gives a company its own directory: people, departments, org chart, search, photos and sign-in.
The operator turns it into a database login under row-level security, a Redis namespace, an S3 bucket, an address with a
certificate, and the API that serves it; it keeps all of that true, proves the isolation, and takes it away safely.

It needs a `DirectoryPlatform` that names PostgreSQL, Redis, object storage and an ingress. OLM installs the operator:
the pooled API fleet, the migrations and the NetworkPolicies are in the Helm chart (`operator.enabled=false` there).
"""

Manifest = dict[str, Any]


def bundle(helm: Path) -> dict[str, str]:
    """Each file below bundle/ and its text."""
    crds = sorted((REPOSITORY / "crds").glob("*.yaml"))
    version = _service_version(render(helm, *example("base")), crds)
    return {
        f"manifests/{_NAME}.clusterserviceversion.yaml": _HEAD + _yaml(version),
        **{f"manifests/{crd.name}": crd.read_text() for crd in crds},
        "metadata/annotations.yaml": _HEAD + _yaml({"annotations": _annotations()}),
    }


def _annotations() -> dict[str, str]:
    prefix = "operators.operatorframework.io.bundle"
    return {
        f"{prefix}.mediatype.v1": "registry+v1",
        f"{prefix}.manifests.v1": "manifests/",
        f"{prefix}.metadata.v1": "metadata/",
        f"{prefix}.package.v1": _NAME,
        f"{prefix}.channels.v1": _CHANNEL,
        f"{prefix}.channel.default.v1": _CHANNEL,
    }


def _service_version(documents: list[Document], crds: list[Path]) -> Manifest:
    operator = [each for each in documents if each.source.startswith("operator/")]
    deployment, role = _of_kind(operator, "Deployment"), _of_kind(operator, "ClusterRole")
    version = deployment["metadata"]["labels"]["app.kubernetes.io/version"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": f"{_NAME}.v{version}",
            "namespace": "placeholder",
            "annotations": {
                "alm-examples": json.dumps(_samples(documents), indent=2),
                "capabilities": "Deep Insights",
                "categories": "Database, Security",
                "containerImage": container["image"],
                "description": "Gives every company its own directory: one DirectoryTenant, one isolated tenant.",
                "operatorframework.io/suggested-namespace": "directory-system",
            },
        },
        "spec": {
            "displayName": "Company Directory Operator",
            "description": _DESCRIPTION,
            "version": version,
            "minKubeVersion": "1.31.0",
            "maturity": "alpha",
            "provider": {"name": "Company Directory"},
            "maintainers": [{"name": "Company Directory", "email": "maintainers@companydirectory.io"}],
            "links": [{"name": "Company Directory", "url": "https://companydirectory.io"}],
            "keywords": ["directory", "multi-tenancy", "postgresql"],
            # One operator serves all namespaces: a tenant can't be hidden from whoever checks that no two claim a host.
            "installModes": [
                {"type": each, "supported": each == "AllNamespaces"}
                for each in ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
            ],
            "customresourcedefinitions": {"owned": [_owned(yaml.safe_load(crd.read_text())) for crd in crds]},
            "install": {
                "strategy": "deployment",
                "spec": {
                    "clusterPermissions": [{"serviceAccountName": role["metadata"]["name"], "rules": role["rules"]}],
                    "deployments": [{"name": deployment["metadata"]["name"], "spec": deployment["spec"]}],
                },
            },
        },
    }


def _owned(crd: Manifest) -> Manifest:
    spec = crd["spec"]
    (version,) = spec["versions"]
    kind = spec["names"]["kind"]
    return {
        "name": crd["metadata"]["name"],
        "kind": kind,
        "version": version["name"],
        "displayName": kind.replace("Directory", "Directory "),
        "description": version["schema"]["openAPIV3Schema"]["description"],
    }


def _samples(documents: list[Document]) -> list[Manifest]:
    """A tenant, and the platform of the chart's first example: OLM's console shows them to start from."""
    tenant = yaml.safe_load((REPOSITORY / "manifests" / "samples" / "acme.yaml").read_text())
    platform = _of_kind(documents, "DirectoryPlatform")
    return [tenant, {**platform, "metadata": {"name": platform["metadata"]["name"]}}]


def _of_kind(documents: list[Document], kind: str) -> Manifest:
    (found,) = [each.object for each in documents if each.object["kind"] == kind]
    return found


def _yaml(manifest: Manifest) -> str:
    return yaml.safe_dump(manifest, sort_keys=False, width=120, allow_unicode=True)
