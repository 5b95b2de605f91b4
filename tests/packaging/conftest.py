"""Helm as the project builds it, a real Kubernetes API whose namespaces admit restricted pods alone, and rendering."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from directory_local import binaries
from directory_local.addons.programs import HELM
from directory_local.addons.tools import run_helm
from directory_local.cluster import Cluster
from directory_local.machine import Machine
from scripts.packaging.chart import NAMESPACE, Document, render
from scripts.packaging.kubeconform import upstream_crds
from scripts.packaging.tools import tool

REPOSITORY = Path(__file__).resolve().parents[2]
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}

Values = dict[str, Any]


@pytest.fixture(scope="session")
def helm() -> Path:
    return tool(HELM)


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what needs no cluster."""
    own = binaries.control_plane_of_user(os.environ).get("kubectl")
    path = tmp_path_factory.mktemp("bin") / "kubectl"
    binaries.link(path, own or tool(binaries.kubernetes()))
    return path


@pytest.fixture(scope="session")
def api_server() -> Iterator[Cluster]:
    """A Kubernetes API with our CRDs, others' and a namespace as manifests/operator makes it, with warnings besides."""
    files = [f"--filename={path}" for path in (REPOSITORY / "crds", *upstream_crds())]
    with Machine.temporary(parts=("kubernetes",)) as machine:
        machine.cluster.kubectl("apply", "--server-side", *files)
        machine.cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
        machine.cluster.apply([namespace(NAMESPACE)])
        yield machine.cluster


@pytest.fixture
def rendered(helm: Path, tmp_path: Path) -> Callable[[Values], list[Document]]:
    """Renders the chart with values."""

    def make(values: Values) -> list[Document]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        return render(helm, file)

    return make


@pytest.fixture
def refusal(helm: Path, tmp_path: Path) -> Callable[[Values], str]:
    """What Helm says to values that it does not take."""

    def ask(values: Values) -> str:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        with pytest.raises(Exception, match="helm template") as caught:
            run_helm(helm, "template", str(REPOSITORY / "charts" / "company-directory"), f"--values={file}")
        return str(caught.value)

    return ask


def namespace(name: str) -> dict[str, Any]:
    """A namespace that refuses, and warns of, every pod that is not restricted."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}


def platform_spec(**parts: Any) -> Values:
    """A platform's spec with nothing but what it needs, and what is given."""
    spec: Values = {
        "postgres": {"host": "postgres.example", "adminSecretRef": {"name": "postgres-admin"}},
        "redis": {"host": "redis.example", "adminSecretRef": {"name": "redis-admin"}},
        "objectStorage": {"endpoint": "https://s3.example", "credentialsSecretRef": {"name": "s3-admin"}},
        "ingress": {"baseDomain": "directory.example"},
    }
    for name, fields in parts.items():
        spec[name] = {**spec.get(name, {}), **fields}
    return spec


def with_platform(**parts: Any) -> Values:
    """The least that the chart needs to know."""
    return {"platform": {"spec": platform_spec(**parts)}}
