"""containerd, which runs the containers, and the network that it gives to pods."""

import json
from dataclasses import dataclass
from pathlib import Path

from directory_local.folder import write_if_changed
from directory_local.node import requirements
from directory_local.node.network import run
from directory_local.node.place import Place
from directory_local.programs import Program

_CONFIGURATION = """\
version = 4
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.grpc.v1.cri-nri"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins.'io.containerd.internal.v1.opt']
  path = "{opt}"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"

[plugins.'io.containerd.cri.v1.runtime']
  # Whoever may not lower a process's oom_score_adj (no CAP_SYS_RESOURCE) could otherwise start no pod.
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{plugins}"]
  conf_dir = "{networks}"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """containerd of one node. Its socket, and all that is in /run, is in the node's mount namespace only."""

    place: Place
    pause_image: str

    def prepare(self) -> None:
        """The configuration of containerd, and the folder of the pod network's."""
        folder = self.place.folder
        self._networks.mkdir(exist_ok=True)
        text = _CONFIGURATION.format(
            root=folder.data / "containerd",
            opt=folder.data / "containerd-opt",
            pause=self.pause_image,
            plugins=requirements.network_plugins(),
            networks=self._networks,
        )
        write_if_changed(self._file, text)

    def program(self) -> Program:
        folder = self.place.folder
        return Program(
            name="containerd",
            order=400,
            argv=(str(folder.bin / "containerd"), f"--config={self._file}", "--log-level=warn"),
            # It looks for its shim and for runc there.
            environment={"PATH": f"{folder.bin}:/usr/sbin:/usr/bin:/sbin:/bin"},
            ready=self.is_ready,
            watches=(self._file,),
        )

    def is_ready(self) -> bool:
        """True if containerd answers."""
        if not self.place.containerd_socket.exists():
            return False
        self.ctr("version")
        return True

    def ctr(self, *arguments: str) -> str:
        """Run ctr in Kubernetes' namespace of containerd; its output."""
        address = f"--address={self.place.containerd_socket}"
        return run(str(self.place.folder.bin / "ctr"), address, "--namespace=k8s.io", *arguments)

    def write_network(self, pod_network: str) -> bool:
        """Give pods addresses of `pod_network` on a bridge. True if that changed anything."""
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": pod_network}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
            ],
        }
        return write_if_changed(self._networks / "10-pods.conflist", json.dumps(network, indent=2))

    @property
    def _file(self) -> Path:
        return self.place.folder.config / "containerd.toml"

    @property
    def _networks(self) -> Path:
        return self.place.folder.config / "networks"
