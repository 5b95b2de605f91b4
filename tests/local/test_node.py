"""The node of `make cluster-up`, as far as it can be judged without one: names, refusals, what programs are told."""

import io
import json
import os
import re
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from directory_local import binaries
from directory_local.errors import LocalPlatformError, ToolMissing
from directory_local.folder import StateFolder
from directory_local.images import packages
from directory_local.node import images, requirements
from directory_local.node.control_plane import ControlPlane
from directory_local.node.host import Host
from directory_local.node.kubelet import Kubelet
from directory_local.node.place import CLUSTER_FOLDER, DNS_ADDRESS, NODE_ADDRESS, Place
from directory_local.node.policies import Policies
from directory_local.node.runtime import Runtime
from directory_local.repository import root

MANIFESTS = sorted((root() / "local" / "node" / "manifests").glob("*.yaml"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = StateFolder(tmp_path / "cluster")
    folder.create()
    return Place(folder)


def test_clusters_in_different_folders_share_no_name() -> None:
    first, second = (Place(StateFolder(Path(path))) for path in ("/srv/first", "/srv/second"))
    assert first.name != second.name
    assert first.network_namespace != second.network_namespace
    assert first.name == Place(StateFolder(Path("/srv/first"))).name
    assert set(Host(first).mounts.values()).isdisjoint(Host(second).mounts.values())


def test_the_folder_may_be_chosen() -> None:
    assert Place.from_environment({}).folder.root == root() / ".cluster"
    assert Place.from_environment({CLUSTER_FOLDER: "/srv/cluster"}).folder.root == Path("/srv/cluster")


def test_a_path_too_long_for_sockets_is_refused_with_the_way_out() -> None:
    with pytest.raises(LocalPlatformError, match=rf"too long.*{CLUSTER_FOLDER}=<shorter path>"):
        Place.from_environment({CLUSTER_FOLDER: f"/srv/{'x' * 90}"})


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    Place(StateFolder(tmp_path / "new")).require_ours()
    Place(StateFolder(tmp_path)).require_ours()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LocalPlatformError, match=rf"something else.*{CLUSTER_FOLDER}=<path>"):
        Place(StateFolder(tmp_path)).require_ours()
    with pytest.raises(LocalPlatformError, match=r"is a file"):
        Place(StateFolder(tmp_path / "thesis.txt")).require_ours()


def test_without_root_the_message_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalPlatformError, match=r"needs root.*sudo.*KUBECONFIG=<file> make cluster-up.*make up"):
        requirements.require()


def test_missing_programs_are_installed_and_without_apt_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "install", lambda *names: installed.extend(names))
    found = {"apt-get", "ip", "nsenter"}
    monkeypatch.setattr(requirements.shutil, "which", lambda name, path=None: name if name in found else None)
    monkeypatch.setattr(requirements, "_PLUGINS", (tmp_path,))
    assert requirements.require() == installed
    assert {"runc", "ipset", "containernetworking-plugins"} <= set(installed)
    assert "iproute2" not in installed
    found.remove("apt-get")
    with pytest.raises(ToolMissing, match=r"runc.*package manager"):
        requirements.require()


def test_every_image_of_the_nodes_pods_is_one_that_is_built() -> None:
    named = {
        name for file in MANIFESTS for name in re.findall(r"companydirectory\.io/local/\S+:\S+\b", file.read_text())
    }
    provisioner = binaries.local_path_provisioner()
    assert named == {
        f"companydirectory.io/local/coredns:{binaries.coredns().version}",
        f"companydirectory.io/local/local-path-provisioner:{provisioner.version}",
        "companydirectory.io/local/busybox:1",
    }


def test_the_manifests_say_the_addresses_that_the_programs_are_told(place: Place) -> None:
    documents = [document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())]
    dns = next(found for found in documents if found["kind"] == "Service")
    assert dns["spec"]["clusterIP"] == DNS_ADDRESS
    configuration = next(found for found in documents if found["kind"] == "ConfigMap")
    assert NODE_ADDRESS in configuration["data"]["Corefile"]
    default = next(found for found in documents if found["kind"] == "StorageClass")
    assert default["metadata"]["name"] == "standard"


def test_no_flag_is_given_twice(place: Place) -> None:
    control_plane = ControlPlane(place.folder)
    control_plane.prepare()
    kubelet = Kubelet(place, control_plane.kubernetes)
    kubelet.prepare()
    wanted = [*control_plane.programs(), *kubelet.programs(), Policies(place, control_plane.kubernetes).program()]
    for program in wanted:
        flags = [argument.partition("=")[0] for argument in program.argv[1:]]
        assert len(flags) == len(set(flags)), program.name
    names = [program.name for program in wanted]
    assert len(names) == len(set(names)) == 7


def test_the_kubelet_asks_who_calls_and_stays_in_its_group(place: Place) -> None:
    kubernetes = ControlPlane(place.folder).kubernetes
    Kubelet(place, kubernetes).prepare()
    told = json.loads((place.folder.config / "kubelet.json").read_text())
    assert told["authentication"]["anonymous"] == {"enabled": False}
    assert told["authorization"] == {"mode": "Webhook"}
    assert told["cgroupRoot"] == f"/{place.name}"
    # Images are never pulled again, so they must not be collected.
    assert told["imageGCHighThresholdPercent"] == 100


def test_containerd_keeps_everything_below_the_folder(place: Place) -> None:
    runtime = Runtime(place, "pause:1")
    runtime.prepare()
    told = tomllib.loads((place.folder.config / "containerd.toml").read_text())
    assert Path(told["root"]).is_relative_to(place.folder.root)
    assert told["plugins"]["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": "pause:1"}
    assert told["plugins"]["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True
    assert runtime.write_network("10.244.0.0/24")
    assert not runtime.write_network("10.244.0.0/24")
    assert not runtime.is_ready()


def test_an_archive_says_its_images(tmp_path: Path) -> None:
    annotations = {"org.opencontainers.image.ref.name": "companydirectory.io/local/x:1"}
    index = json.dumps({"manifests": [{"digest": "sha256:1", "annotations": annotations}]}).encode()
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("index.json")
        member.size = len(index)
        tar.addfile(member, io.BytesIO(index))
    assert images.contents(archive) == {"companydirectory.io/local/x:1": "sha256:1"}
    with tarfile.open(archive, "w"):
        pass
    with pytest.raises(LocalPlatformError, match=r"no OCI archive"):
        images.contents(archive)
