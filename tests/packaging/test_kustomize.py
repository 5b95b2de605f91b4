"""Kustomize and Helm make the same objects."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from directory_local.cluster import Cluster
from scripts.packaging.chart import REPOSITORY, example, render
from scripts.packaging.overlays import ENVIRONMENTS, Key, Manifest, applied, key

GITOPS = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/")


def built(kubectl: Path, folder: str) -> dict[Key, Manifest]:
    """What kustomize makes, without the namespace, which Helm is told, and what GitOps tools alone read."""
    text = subprocess.run(
        [str(kubectl), "kustomize", str(REPOSITORY / "manifests" / folder)], capture_output=True, text=True, check=True
    ).stdout
    return {key(each): without_gitops(each) for each in yaml.safe_load_all(text) if each["kind"] != "Namespace"}


def without_gitops(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    annotations = metadata.pop("annotations", {})
    kept = {name: value for name, value in annotations.items() if not name.startswith(GITOPS)}
    return manifest | {"metadata": {**metadata, **({"annotations": kept} if kept else {})}}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_overlay_is_what_the_chart_makes(helm: Path, kubectl: Path, environment: str) -> None:
    from_chart, from_overlay = applied(render(helm, *example(environment))), built(kubectl, f"overlays/{environment}")
    assert from_overlay == from_chart


def test_the_base_is_what_the_chart_makes(helm: Path, kubectl: Path) -> None:
    assert built(kubectl, "base") == applied(render(helm, *example("base")))


def test_environments_differ() -> None:
    texts = {(REPOSITORY / "manifests/overlays" / name / "kustomization.yaml").read_text() for name in ENVIRONMENTS}
    assert len(texts) == len(ENVIRONMENTS)


def test_the_hook_of_an_uninstall_can_be_run_by_hand(kubectl: Path) -> None:
    objects = built(kubectl, "release")
    job = objects["batch/v1", "Job", "directory-release"]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "directory-operator"
    assert "helm.sh/hook" not in str(objects)


def generations(cluster: Cluster, folder: str) -> dict[tuple[str, str], Any]:
    """What tells an object from a changed one: its generation, or its version where its kind counts none."""
    found = json.loads(cluster.kubectl("get", f"--kustomize={folder}", "--output=json"))["items"]
    marks = ((each["kind"], each["metadata"]) for each in found)
    return {(kind, mark["name"]): mark.get("generation", mark["resourceVersion"]) for kind, mark in marks}


def test_an_overlay_is_applied_by_one_command_and_again_changes_nothing(api_server: Cluster) -> None:
    folder = str(REPOSITORY / "manifests" / "overlays" / "production")
    api_server.kubectl("apply", "--server-side", f"--kustomize={folder}")
    before = generations(api_server, folder)
    assert ("Deployment", "default-pool") in before
    api_server.kubectl("apply", "--server-side", f"--kustomize={folder}")
    assert generations(api_server, folder) == before
