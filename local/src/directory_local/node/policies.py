"""What enforces NetworkPolicies: kube-router's firewall, by iptables and ipset, beside the bridge that pods are on."""

from dataclasses import dataclass

from directory_local.node.control_plane import is_healthy
from directory_local.node.place import NODE_NAME, SERVICE_NETWORK, Place
from directory_local.parts.kubernetes import Kubernetes
from directory_local.programs import Program

# The user that local/node/manifests/policies.yaml gives its rights to.
_USER = "kube-router"
_HEALTH_PORT = 20244


@dataclass(frozen=True, slots=True)
class Policies:
    """The firewall of one node. Routing and Services are not its work here: the bridge and kube-proxy do that."""

    place: Place
    kubernetes: Kubernetes

    def prepare(self) -> None:
        """Its kubeconfig."""
        self.kubernetes.kubeconfig_of("kube-router", _USER)

    def program(self) -> Program:
        folder = self.place.folder
        return Program(
            name="kube-router",
            order=500,
            argv=(
                *(str(folder.bin / "kube-router"), f"--kubeconfig={folder.config / 'kube-router.kubeconfig'}"),
                *("--run-firewall=true", "--run-router=false", "--run-service-proxy=false"),
                *(f"--hostname-override={NODE_NAME}", f"--service-cluster-ip-range={SERVICE_NETWORK}"),
                f"--health-port={_HEALTH_PORT}",
            ),
            environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            ready=lambda: is_healthy(_HEALTH_PORT),
        )
