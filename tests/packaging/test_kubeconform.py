"""What needs no cluster: every manifest against the schemas of its kinds. test_admission.py asks a real API server."""

import subprocess
from pathlib import Path

import pytest
import yaml

from directory_local.addons.programs import KUBECONFORM
from scripts.packaging.chart import REPOSITORY, Document, render
from scripts.packaging.kubeconform import LOCATION, write
from scripts.packaging.overlays import ENVIRONMENTS
from scripts.packaging.tools import tool
from tests.packaging.test_admission import EVERYTHING, GATEWAY


class Checker:
    """kubeconform with our schemas."""

    def __init__(self, folder: Path) -> None:
        self._binary = tool(KUBECONFORM)
        self._location = f"-schema-location={folder}/{LOCATION}"
        write(folder)

    def check(self, text: str) -> str:
        """What is wrong; nothing if all is well and every kind has a schema."""
        done = subprocess.run(
            [str(self._binary), "-strict", self._location, "-"], input=text, capture_output=True, text=True, check=False
        )
        assert bool(done.returncode) == bool(done.stdout or done.stderr)
        return done.stdout + done.stderr


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    return Checker(tmp_path_factory.mktemp("schemas"))


def text(documents: list[Document]) -> str:
    return "---\n".join(each.text for each in documents)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_overlays(checker: Checker, kubectl: Path, environment: str) -> None:
    folder = REPOSITORY / "manifests" / "overlays" / environment
    built = subprocess.run([str(kubectl), "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout
    assert checker.check(built) == ""


@pytest.mark.parametrize("values", [EVERYTHING, GATEWAY], ids=["everything", "gateway"])
def test_what_the_chart_makes(checker: Checker, helm: Path, tmp_path: Path, values: dict[str, object]) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    assert checker.check(text(render(helm, file))) == ""


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("crds", "manifests/samples", "bundle/manifests")
        for path in (REPOSITORY / folder).rglob("*.yaml")
    ],
    ids=str,
)
def test_what_is_applied_as_it_is(checker: Checker, path: Path) -> None:
    assert checker.check(path.read_text()) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("replicas: 1", "replicaz: 1", "replicaz"),
        ("kind: DirectoryPlatform", "kind: DirectoryPlattform", "could not find schema"),
        ("baseDomain:", "baseDomane:", "baseDomane"),
        ("maxReplicas: 10", "maxReplicas: ten", "maxReplicas"),
    ],
)
def test_what_is_wrong_is_found(checker: Checker, helm: Path, right: str, wrong: str, said: str) -> None:
    manifests = text(render(helm, REPOSITORY / "charts/company-directory/examples/base.yaml"))
    assert right in manifests
    assert said in checker.check(manifests.replace(right, wrong))
