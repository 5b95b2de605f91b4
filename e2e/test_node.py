"""The node itself, beside the installed one: a second cluster runs pods, outlives a kill, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory_local import leftovers
from directory_local.folder import StateFolder
from directory_local.node import cgroups, network
from directory_local.node.host import Host
from directory_local.node.machine import NodeMachine
from directory_local.node.place import Place
from directory_local.supervision import wait_until

IMAGE = "companydirectory.io/local/busybox:1"


@pytest.fixture(scope="module")
def node() -> Iterator[NodeMachine]:
    folder = Path(tempfile.mkdtemp(prefix="node-")) / "cluster"
    machine = NodeMachine(Place(StateFolder(folder)), print)
    try:
        machine.install()
        start(machine)
        yield machine
    finally:
        machine.remove()
        shutil.rmtree(folder.parent)


def start(machine: NodeMachine) -> list[str]:
    changed = machine.start_supervisor()
    with network.entered(machine.place):
        return [*changed, *machine.start_control_plane(), *machine.start_node(), *machine.start_essentials()]


def kubectl(machine: NodeMachine, *arguments: str, objects: object = None) -> str:
    with network.entered(machine.place):
        return machine.cluster.kubectl(*arguments, objects=objects)


def pod(name: str, command: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {"app": name}}
    container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", command]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def reaches(machine: NodeMachine, client: str, address: str) -> bool:
    """Whether a pod can open a connection to port 8080 there."""
    argv = (machine.place.folder.bin / "enter", "kubectl", "exec", client, "--", "nc", "-w", "2", address, "8080")
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    return done.returncode == 0


def test_a_volume_outlives_its_pod_and_logs_are_read(node: NodeMachine) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    volume = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim}
    writer = pod("writer", "echo kept >> /data/file; cat /data/file; sleep 1000")
    writer["spec"] |= {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    writer["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    kubectl(node, "create", "--filename=-", objects=volume)
    for expected in ("kept\n", "kept\nkept\n"):
        kubectl(node, "create", "--filename=-", objects=writer)
        kubectl(node, "wait", "--for=condition=Ready", "pod/writer", "--timeout=90s")
        wait_until(
            lambda wanted=expected: kubectl(node, "logs", "writer") == wanted,
            timeout=10,
            failed=lambda: AssertionError(kubectl(node, "logs", "writer")),
        )
        kubectl(node, "delete", "pod", "writer", "--wait")


def test_a_policy_lets_in_whom_it_names_and_nobody_else(node: NodeMachine) -> None:
    pods = [pod("server", "cd /tmp; exec httpd -f -p 8080"), pod("friend", "sleep 1000"), pod("stranger", "sleep 1000")]
    for manifest in pods:
        kubectl(node, "create", "--filename=-", objects=manifest)
    kubectl(node, "wait", "--for=condition=Ready", "pod/server", "pod/friend", "pod/stranger", "--timeout=90s")
    server = json.loads(kubectl(node, "get", "pod", "server", "--output=json"))["status"]["podIP"]
    assert reaches(node, "friend", server)
    assert reaches(node, "stranger", server)
    friends = {"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}
    spec = {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": [friends]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "server"},
        "spec": spec,
    }
    kubectl(node, "create", "--filename=-", objects=policy)
    wait_until(lambda: not reaches(node, "stranger", server), timeout=20, failed=lambda: AssertionError("not enforced"))
    assert reaches(node, "friend", server)


def test_again_changes_nothing_and_a_kill_is_recovered_from(node: NodeMachine) -> None:
    assert start(node) == []
    os.kill(node.supervisor.pid, signal.SIGKILL)
    assert {"supervisord", "kubelet", "containerd"} <= set(start(node))
    wait_until(
        lambda: _restarted(node, "server"), timeout=60, failed=lambda: AssertionError(kubectl(node, "get", "pods"))
    )


def test_the_end_leaves_nothing(node: NodeMachine) -> None:
    place = node.place
    assert node.remove()
    assert not place.folder.root.exists()
    assert not place.network_namespace.exists()
    assert leftovers.find(place.folder.root) == []
    assert [group for group in cgroups.groups(place) if group.exists()] == []
    assert Host(place).mounted() == []
    assert not node.remove()


def _restarted(machine: NodeMachine, name: str) -> bool:
    status = json.loads(kubectl(machine, "get", "pod", name, "--output=json"))["status"]["containerStatuses"][0]
    return bool(status["restartCount"] and status["ready"])
