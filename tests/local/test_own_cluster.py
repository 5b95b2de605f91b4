"""Using what the user has: a cluster by DIRECTORY_KUBECONFIG, binaries by KUBEBUILDER_ASSETS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from directory_local.binaries import control_plane_of_user, to_build
from directory_local.machine import Machine
from directory_local.ports import reserved_ports, variable

DIRECTORY_LOCAL = Path(sys.executable).with_name("directory-local")


@pytest.mark.timeout(600)
def test_up_uses_the_users_cluster_and_reset_leaves_it_clean(tmp_path: Path) -> None:
    with Machine.temporary(parts=["kubernetes"]) as users, reserved_ports() as ports:
        state = tmp_path / "state"
        environment = {
            **os.environ,
            **{variable(name): str(port) for name, port in ports.named().items()},
            "DIRECTORY_STATE_DIR": str(state),
            "DIRECTORY_KUBECONFIG": str(users.kubernetes.kubeconfig),
        }
        run(environment, "up")
        ready = users.kubernetes.kubectl("wait", "--for=condition=Ready", "dt", "--all", "--namespace=tenants")
        assert ready.count("condition met") == 2
        assert not (state / "data" / "etcd").exists()
        # Forgetting the variable does not make `reset` forget the cluster.
        run({**environment, "DIRECTORY_KUBECONFIG": ""}, "reset")
        assert not state.exists()
        for kind in ("directorytenants", "directoryplatforms"):
            assert users.kubernetes.get(f"/apis/companydirectory.io/v1beta1/{kind}")["items"] == []
        assert users.kubernetes.get("/api/v1/namespaces/directory-system") is None


def test_reset_refuses_to_forget_tenants_in_the_users_cluster(tmp_path: Path) -> None:
    with Machine.temporary(parts=["kubernetes"]) as users:
        state = tmp_path / "state"
        environment = {
            **os.environ,
            "DIRECTORY_STATE_DIR": str(state),
            "DIRECTORY_KUBECONFIG": str(users.kubernetes.kubeconfig),
        }
        (state / "config").mkdir(parents=True)
        refused = subprocess.run(
            [DIRECTORY_LOCAL, "reset"], env=environment, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1
        assert "--leave-cluster" in refused.stderr
        run(environment, "reset", "--leave-cluster")
        assert not state.exists()


def run(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([DIRECTORY_LOCAL, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assets(folder: Path, versions: dict[str, str]) -> dict[str, str]:
    """An environment whose KUBEBUILDER_ASSETS holds programs that print these versions."""
    folder.mkdir()
    for name, version in versions.items():
        (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / name).chmod(0o755)
    return {"KUBEBUILDER_ASSETS": str(folder), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}


ENVTEST = {
    "etcd": "etcd Version: 3.6.4",
    "kube-apiserver": "Kubernetes v1.34.1",
    "kubectl": "Client Version: v1.34.1",
}


def test_envtests_programs_are_used_and_only_the_controller_manager_is_built(tmp_path: Path) -> None:
    environment = assets(tmp_path / "assets", ENVTEST)
    assert set(control_plane_of_user(environment)) == set(ENVTEST)
    assert [program.tags for program in to_build(environment) if program.name == "kubernetes"] == [
        ("only_controller_manager",)
    ]


def test_a_whole_control_plane_needs_no_build(tmp_path: Path) -> None:
    environment = assets(tmp_path / "assets", {**ENVTEST, "kube-controller-manager": "Kubernetes v1.34.1"})
    assert [program.name for program in to_build(environment)] == ["minio"]


def test_programs_that_are_too_old_are_not_used(tmp_path: Path) -> None:
    environment = assets(tmp_path / "assets", {**ENVTEST, "etcd": "etcd Version: 3.4.23"})
    assert "etcd" not in control_plane_of_user(environment)
    assert [program.tags for program in to_build(environment) if program.name == "kubernetes"] == [()]
