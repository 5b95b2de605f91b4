"""Helm installs, upgrades and removes the chart on a real API server. Its hooks are pods, which tests/e2e runs."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from directory_local.addons.tools import run_helm
from directory_local.cluster import Cluster
from directory_local.machine import Machine
from scripts.packaging.chart import CHART, NAMESPACE
from tests.packaging.conftest import RESTRICTED, with_platform
from tests.support.eventually import eventually

RELEASE = "directory-system"


class Release:
    """The chart as one release of a cluster."""

    def __init__(self, helm: Path, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._helm = helm
        self._values = folder / "values.yaml"

    def upgrade(self, **values: Any) -> str:
        """`helm upgrade --install`; returns what Helm says at its end."""
        self._values.write_text(yaml.safe_dump({**with_platform(), **values}))
        where = (RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--create-namespace")
        return self.helm("upgrade", "--install", *where, "--no-hooks", f"--values={self._values}")

    def uninstall(self) -> None:
        self.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--no-hooks", "--wait")

    def helm(self, *arguments: str) -> str:
        return run_helm(self._helm, *arguments, kubeconfig=self.cluster.kubeconfig)


@pytest.fixture(scope="module")
def release(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Installed into a namespace that admits restricted pods alone, on a cluster that had no CRDs of ours."""
    labels = [f"{name}={value}" for name, value in RESTRICTED.items()]
    with Machine.temporary(parts=("kubernetes",)) as machine:
        installed = Release(helm, machine.cluster, tmp_path_factory.mktemp("release"))
        installed.upgrade()
        machine.cluster.kubectl("label", "--overwrite", "namespace", NAMESPACE, *labels)
        yield installed


def pods(cluster: Cluster, selector: str) -> list[Any]:
    text = cluster.kubectl("get", "pods", f"--namespace={NAMESPACE}", f"--selector={selector}", "--output=json")
    found: list[Any] = json.loads(text)["items"]
    return found


def test_one_command_installs_the_crds_the_operator_the_platform_and_the_fleet(release: Release) -> None:
    platform = release.cluster.find("directoryplatform", "default")
    assert platform["spec"]["postgres"]["host"] == "postgres.example"
    assert platform["spec"]["postgres"]["port"] == 5432, "the CRD's defaults hold at once"
    for name in ("directory-operator", "default-pool"):
        assert release.cluster.find("deployment", name, NAMESPACE)


@pytest.mark.parametrize(
    "selector", ["app.kubernetes.io/name=directory-operator", "companydirectory.io/platform=default"]
)
def test_the_pods_are_admitted_where_pods_have_to_be_restricted(release: Release, selector: str) -> None:
    release.cluster.kubectl("delete", "pods", "--all", f"--namespace={NAMESPACE}", "--force", "--grace-period=0")
    assert eventually(lambda: pods(release.cluster, selector))


def test_it_says_what_to_do_next(release: Release) -> None:
    notes = release.upgrade()
    for told in (
        "kubectl get directoryplatform default",
        "helm test directory-system",
        "postgres-admin",
        "kubectl apply",
    ):
        assert told in notes


def test_the_notes_tenant_is_taken_by_the_api_server(release: Release) -> None:
    notes = release.upgrade()
    manifest = notes.split("<<EOF\n", 1)[1].split("EOF\n", 1)[0]
    done = subprocess.run(
        [str(release.cluster.binary), "create", "--dry-run=server", "--filename=-", "--namespace=default"],
        env=release.cluster.client_environment(),
        input=manifest,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_same_again_changes_nothing(release: Release) -> None:
    release.upgrade()
    before = release.cluster.find("deployment", "default-pool", NAMESPACE)["metadata"]["generation"]
    release.upgrade()
    assert release.cluster.find("deployment", "default-pool", NAMESPACE)["metadata"]["generation"] == before


def test_an_upgrade_leaves_the_number_of_pods_to_the_autoscaler(release: Release) -> None:
    release.cluster.kubectl("scale", "deployment/default-pool", "--replicas=7", f"--namespace={NAMESPACE}")
    release.upgrade(pool={"logLevel": "WARNING"})
    assert release.cluster.find("deployment", "default-pool", NAMESPACE)["spec"]["replicas"] == 7


def test_an_uninstall_keeps_the_crds_the_platform_and_the_tenants_and_an_install_takes_them_up(
    release: Release,
) -> None:
    tenant = {
        "apiVersion": "companydirectory.io/v1beta1",
        "kind": "DirectoryTenant",
        "metadata": {"name": "acme", "namespace": "default"},
        "spec": {"displayName": "Acme", "admins": [{"email": "ada@acme.example"}]},
    }
    release.cluster.apply([tenant])
    uid = release.cluster.find("directoryplatform", "default")["metadata"]["uid"]
    release.uninstall()
    assert release.cluster.find("deployment", "directory-operator", NAMESPACE) is None
    assert release.cluster.find("clusterrole", "directory-operator") is None
    assert release.cluster.find("directorytenant", "acme", "default")
    release.upgrade()
    assert release.cluster.find("directoryplatform", "default")["metadata"]["uid"] == uid
    assert release.cluster.find("deployment", "directory-operator", NAMESPACE)


def test_a_second_platform_is_a_second_release(release: Release, tmp_path: Path) -> None:
    values = with_platform()
    values["platform"]["name"] = "eu"
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({**values, "operator": {"enabled": False}}))
    release.helm("install", "eu", str(CHART), f"--namespace={NAMESPACE}", "--no-hooks", f"--values={file}")
    assert release.cluster.find("deployment", "eu-pool", NAMESPACE)
    release.helm("uninstall", "eu", f"--namespace={NAMESPACE}", "--no-hooks", "--wait")
    assert release.cluster.find("deployment", "directory-operator", NAMESPACE)


def test_a_rollback_brings_back_what_was(release: Release) -> None:
    def level() -> str:
        deployment = release.cluster.find("deployment", "default-pool", NAMESPACE)
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return str(next(each["value"] for each in container["env"] if each["name"] == "DIRECTORY_LOG_LEVEL"))

    release.upgrade()
    release.upgrade(pool={"logLevel": "DEBUG"})
    assert level() == "DEBUG"
    release.helm("rollback", RELEASE, f"--namespace={NAMESPACE}", "--no-hooks")
    assert level() == "INFO"
