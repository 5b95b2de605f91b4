"""The hook that brings CRDs along on an upgrade, on a real API server."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from directory_local.cluster import Cluster
from tests.packaging.conftest import REPOSITORY

CRD = "directoryplatforms.companydirectory.io"


@pytest.fixture
def crd(api_server: Cluster) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "crds" / "directoryplatform.yaml").read_text())
    return loaded


def run(cluster: Cluster, folder: Path, *manifests: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The program as the Job of the chart runs it."""
    for index, manifest in enumerate(manifests):
        (folder / f"{index}.json").write_text(json.dumps(manifest))
    return subprocess.run(
        [sys.executable, "-m", "directory_operator.crds", str(folder)],
        env={"PATH": os.environ["PATH"], "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def live(cluster: Cluster) -> Any:
    return cluster.find("customresourcedefinition", CRD)


def properties(manifest: Any) -> Any:
    return manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_what_is_as_it_should_be_is_left_alone(api_server: Cluster, crd: dict[str, Any], tmp_path: Path) -> None:
    assert run(api_server, tmp_path, crd).returncode == 0
    before = live(api_server)["metadata"]["resourceVersion"]
    done = run(api_server, tmp_path, crd)
    assert (done.returncode, done.stdout) == (0, f"CustomResourceDefinition {CRD} unchanged\n")
    assert live(api_server)["metadata"]["resourceVersion"] == before


def test_fields_come_and_go_whoever_wrote_them(api_server: Cluster, crd: dict[str, Any], tmp_path: Path) -> None:
    older = deepcopy(crd)
    properties(older)["former"] = {"type": "string"}
    del properties(older)["network"]
    del older["spec"]["versions"][0]["additionalPrinterColumns"][0]["description"]
    api_server.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", objects=older)
    api_server.kubectl("annotate", "--overwrite", "crd", CRD, "example.com/note=theirs")
    assert "former" in properties(live(api_server))
    done = run(api_server, tmp_path, crd)
    assert (done.returncode, done.stdout) == (0, f"CustomResourceDefinition {CRD} upgraded\n")
    assert set(properties(live(api_server))) == set(properties(crd))
    assert live(api_server)["metadata"]["annotations"]["example.com/note"] == "theirs"


def test_one_that_is_missing_is_made(api_server: Cluster, crd: dict[str, Any], tmp_path: Path) -> None:
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    new = {**crd, "metadata": {"name": "widgets.companydirectory.io"}, "spec": {**crd["spec"], "names": names}}
    done = run(api_server, tmp_path, new)
    assert done.stdout == "CustomResourceDefinition widgets.companydirectory.io created\n", done.stderr
    api_server.kubectl("delete", "crd", "widgets.companydirectory.io")


def test_a_version_that_objects_are_stored_in_cannot_be_taken_away(
    api_server: Cluster, crd: dict[str, Any], tmp_path: Path
) -> None:
    newer = deepcopy(crd)
    newer["spec"]["versions"][0]["name"] = "v1"
    done = run(api_server, tmp_path, newer)
    assert done.returncode == 1
    assert "v1beta1" in done.stderr
    assert "storedVersions" in done.stderr
    assert live(api_server)["spec"]["versions"][0]["name"] == "v1beta1"


def test_an_empty_folder_is_an_error(api_server: Cluster, tmp_path: Path) -> None:
    done = run(api_server, tmp_path)
    assert done.returncode == 1
    assert "holds no CRDs" in done.stderr
