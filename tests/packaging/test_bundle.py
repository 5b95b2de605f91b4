"""The OLM bundle is one that OLM's own validation takes, and says of the operator what the chart says."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.packaging.chart import REPOSITORY
from scripts.packaging.tools import BUNDLE_VALIDATE, tool

BUNDLE = REPOSITORY / "bundle"


def verdict(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tool(BUNDLE_VALIDATE)), str(folder)], capture_output=True, text=True, check=False)


@pytest.fixture
def service_version() -> Any:
    (file,) = (BUNDLE / "manifests").glob("*.clusterserviceversion.yaml")
    return yaml.safe_load(file.read_text())


def test_olms_validation_takes_it() -> None:
    done = verdict(BUNDLE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 0.1.0", "version: newest"),
        ("kind: DirectoryTenant\n", "kind: DirectoryWidget\n"),
        ("supported: true", "supported: false"),
    ],
)
def test_a_wrong_one_is_refused(tmp_path: Path, right: str, wrong: str) -> None:
    copy = shutil.copytree(BUNDLE, tmp_path / "bundle")
    (file,) = (copy / "manifests").glob("*.clusterserviceversion.yaml")
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    assert verdict(copy).returncode != 0


def test_it_grants_what_the_chart_grants(service_version: Any) -> None:
    documents = yaml.safe_load_all((REPOSITORY / "manifests" / "operator" / "rbac.yaml").read_text())
    (role,) = [each for each in documents if each["kind"] == "ClusterRole"]
    (permissions,) = service_version["spec"]["install"]["spec"]["clusterPermissions"]
    assert permissions["rules"] == role["rules"]


def test_its_examples_are_of_kinds_that_it_owns(service_version: Any) -> None:
    owned = {each["kind"] for each in service_version["spec"]["customresourcedefinitions"]["owned"]}
    examples = json.loads(service_version["metadata"]["annotations"]["alm-examples"])
    assert {each["kind"] for each in examples} == owned
