"""One node with its control plane: started, looked at and removed as a whole."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from directory_local.build import Progress
from directory_local.cluster import Cluster
from directory_local.errors import LocalPlatformError
from directory_local.folder import write_if_changed
from directory_local.images.archive import Image
from directory_local.node import cgroups, images, network, programs, removal, requirements
from directory_local.node.control_plane import ControlPlane
from directory_local.node.host import Host
from directory_local.node.kubelet import Kubelet
from directory_local.node.place import NODE_NAME, Place
from directory_local.node.policies import Policies
from directory_local.node.runtime import Runtime
from directory_local.programs import Program, placed
from directory_local.repository import root
from directory_local.supervision import ProgramState, Supervisor, wait_until

_MANIFESTS = Path("local/node/manifests")
_ENTER = """\
#!/bin/sh
# Runs a command (default: a shell) where the cluster is reached: in its network namespace, with its tools and settings.
export KUBECONFIG="{kubeconfig}" KUBECACHEDIR="{memory}" CONTAINERD_ADDRESS="{socket}" CONTAINERD_NAMESPACE=k8s.io
export PATH="{bin}:$PATH"
[ "$#" -gt 0 ] || set -- "${{SHELL:-/bin/sh}}"
exec nsenter --net="{namespace}" -- "$@"
"""


@dataclass(frozen=True, slots=True)
class NodeMachine:
    """The node of one place."""

    place: Place
    progress: Progress

    @property
    def cluster(self) -> Cluster:
        """The cluster, for callers that are in its network namespace (`network.entered`)."""
        return self.control_plane.kubernetes.cluster

    @property
    def control_plane(self) -> ControlPlane:
        return ControlPlane(self.place.folder)

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.place, f"companydirectory.io/local/pause:{programs.PAUSE_VERSION}")

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.place.folder, Host(self.place).prefix)

    def install(self) -> list[str]:
        """Packages, programs and the node's own images. Minutes the first time, and the only part that may build."""
        self.place.require_ours()
        installed = requirements.require()
        self.place.folder.create()
        programs.install(self.place.folder, self.progress)
        self._own_images()
        return installed

    def start_supervisor(self) -> list[str]:
        """The namespaces and the supervisor in them; what an earlier one may have left running is ended first."""
        if self.supervisor.is_running():
            return []
        removal.end(self.place, self.supervisor)
        made = network.create(self.place)
        cgroups.create(self.place)
        self.place.volumes.mkdir(exist_ok=True)
        self._write_enter()
        with Host(self.place).prepared():
            self.supervisor.start()
        return [*(["network namespace"] if made else []), "supervisord"]

    def start_control_plane(self) -> list[str]:
        self.control_plane.prepare()
        return self._run(self.control_plane.programs())

    def start_node(self) -> list[str]:
        """Start containerd with the images of the node's own pods, kubelet and kube-proxy; wait until it is Ready."""
        self.runtime.prepare()
        changed = self._run([self.runtime.program()])
        for image in self._own_images():
            changed += self.load(image.archive)
        kubelet = Kubelet(self.place, self.control_plane.kubernetes)
        kubelet.prepare()
        changed += self._run(kubelet.programs())
        if self.runtime.write_network(self._pod_network()):
            changed.append("pod network")
        failed = LocalPlatformError(f"The node is not Ready after 90 s; see {self.place.folder.logs / 'kubelet.log'}.")
        wait_until(self.is_ready, timeout=90, failed=lambda: failed)
        return changed

    def start_essentials(self) -> list[str]:
        """DNS, the default StorageClass and the firewall that enforces NetworkPolicies."""
        changed = []
        for file in sorted((root() / _MANIFESTS).glob("*.yaml")):
            changed += self.cluster.apply_file(file)
        changed += self.cluster.apply([self._volume_settings()])
        policies = Policies(self.place, self.control_plane.kubernetes)
        policies.prepare()
        changed += self._run([policies.program()])
        for namespace, name in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
            self.cluster.kubectl("rollout", "status", f"deployment/{name}", f"--namespace={namespace}", "--timeout=90s")
        return changed

    def load(self, archive: Path) -> list[str]:
        """Import the images of an OCI archive; those that are there already are left alone."""
        return images.load(self.runtime, archive)

    def is_ready(self) -> bool:
        """True if the node takes pods, as its present kubelet says: the API server still has what the last one said."""
        kubelet = self.supervisor.states().get("kubelet")
        conditions = self._node().get("status", {}).get("conditions", [])
        return kubelet is not None and any(
            condition["type"] == "Ready"
            and condition["status"] == "True"
            and dt.datetime.fromisoformat(condition["lastHeartbeatTime"]).timestamp() >= kubelet.since
            for condition in conditions
        )

    def unready_pods(self) -> list[str]:
        """The pods that are neither ready nor done, as `namespace/name: phase`."""
        pods = json.loads(self.cluster.kubectl("get", "pods", "--all-namespaces", "--output=json"))["items"]
        return [
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: {pod['status'].get('phase')}"
            for pod in pods
            if pod["status"].get("phase") != "Succeeded" and not _is_true(pod, "Ready")
        ]

    def states(self) -> list[ProgramState]:
        """The node's programs; empty if it does not run."""
        return list(self.supervisor.states().values()) if self.supervisor.is_running() else []

    def remove(self) -> bool:
        """End everything and leave nothing behind. True if there was anything."""
        self.place.require_ours()
        return removal.remove(self.place, self.supervisor)

    def _run(self, wanted: list[Program]) -> list[str]:
        marked = [placed(program, self.place.folder.root) for program in wanted]
        started = self.supervisor.run(marked)
        for program in marked:
            self.supervisor.wait_ready(program)
        return started

    def _own_images(self) -> list[Image]:
        return programs.images(self.progress)

    def _node(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self.cluster.find("node", NODE_NAME)
        return found or {}

    def _pod_network(self) -> str:
        """What the controller manager gave to the node, once it has."""
        wait_until(
            lambda: "podCIDR" in self._node().get("spec", {}),
            timeout=60,
            failed=lambda: LocalPlatformError("The node got no pod network from the controller manager."),
        )
        return str(self._node()["spec"]["podCIDR"])

    def _volume_settings(self) -> dict[str, Any]:
        paths = {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(self.place.volumes)]}]}
        # The helper pod makes the folder; whoever mounts it runs as a user of its own.
        data = {
            "config.json": json.dumps(paths),
            "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
            "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
            "helperPod.yaml": json.dumps(_HELPER),
        }
        metadata = {"name": "local-path-config", "namespace": "local-path-storage"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def _write_enter(self) -> None:
        folder = self.place.folder
        text = _ENTER.format(
            kubeconfig=folder.kubeconfig,
            memory=self.cluster.client_environment()["KUBECACHEDIR"],
            socket=self.place.containerd_socket,
            bin=folder.bin,
            namespace=self.place.network_namespace,
        )
        write_if_changed(folder.bin / "enter", text, mode=0o700)


def _is_true(manifest: Mapping[str, Any], condition: str) -> bool:
    conditions = manifest.get("status", {}).get("conditions", [])
    return any(found["type"] == condition and found["status"] == "True" for found in conditions)


_HELPER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "helper-pod"},
    "spec": {
        "containers": [
            {
                "name": "helper-pod",
                "image": "companydirectory.io/local/busybox:1",
                "imagePullPolicy": "IfNotPresent",
            }
        ]
    },
}
