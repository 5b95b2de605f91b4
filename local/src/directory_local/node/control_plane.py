"""The control plane of a cluster with a node: the one without, told about pods, kubelets and aggregated APIs."""

from dataclasses import dataclass

from directory_local import probes
from directory_local.certificates import Authority, KeyPair, Subject
from directory_local.folder import StateFolder
from directory_local.node.place import NODE_ADDRESS, POD_NETWORK, SERVICE_NETWORK
from directory_local.parts.kubernetes import Exposure, Kubernetes, KubernetesPorts
from directory_local.ports import LOOPBACK
from directory_local.programs import Program

# Alone in its network namespace, it has the ports that are usual.
_PORTS = KubernetesPorts(api=6443, controller_manager=10257, etcd=2379, etcd_peer=2380)
_SCHEDULER_PORT = 10259
# By this name, and by a certificate of the authority below, aggregated API servers (metrics-server) know that a request
# comes through the API server.
_FRONT_PROXY = "front-proxy-client"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler below `folder`."""

    folder: StateFolder

    @property
    def kubernetes(self) -> Kubernetes:
        return Kubernetes(self.folder, _PORTS, exposure=self._exposure())

    def prepare(self) -> None:
        """Certificates and kubeconfigs."""
        kubernetes = self.kubernetes
        kubernetes.prepare()
        kubernetes.kubeconfig_of("scheduler", "system:kube-scheduler")
        self._kubelet_client()
        self._front_proxy()

    def programs(self) -> list[Program]:
        """In the order in which they should start."""
        return [*self.kubernetes.programs(), self._scheduler()]

    def _scheduler(self) -> Program:
        kubeconfig = self.folder.config / "scheduler.kubeconfig"
        return Program(
            name="kube-scheduler",
            order=300,
            argv=(
                *(str(self.folder.bin / "kube-scheduler"), f"--kubeconfig={kubeconfig}", "--leader-elect=false"),
                *(f"--bind-address={LOOPBACK}", f"--secure-port={_SCHEDULER_PORT}", f"--cert-dir={self.folder.run}"),
                *(f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}"),
            ),
            ready=lambda: True,  # the first pod waits for it
        )

    def _exposure(self) -> Exposure:
        kubelet_client, proxy = self._kubelet_client(), self._front_proxy()
        authority = Authority(self.folder.certificates, "kubernetes-ca").files.certificate
        proxy_authority = Authority(self.folder.certificates, "front-proxy-ca").files.certificate
        return Exposure(
            address=NODE_ADDRESS,
            listen="0.0.0.0",  # noqa: S104 - pods and the node's own programs reach it; nothing enters the namespace
            service_network=SERVICE_NETWORK,
            api_server=(
                *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
                *("--allow-privileged=true", "--audit-log-maxbackup=20"),
                # The node's name is in no DNS.
                "--kubelet-preferred-address-types=InternalIP",
                *(f"--kubelet-certificate-authority={authority}", f"--kubelet-client-key={kubelet_client.key}"),
                f"--kubelet-client-certificate={kubelet_client.certificate}",
                *(f"--requestheader-client-ca-file={proxy_authority}", f"--requestheader-allowed-names={_FRONT_PROXY}"),
                *("--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group"),
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                *(f"--proxy-client-cert-file={proxy.certificate}", f"--proxy-client-key-file={proxy.key}"),
            ),
            controller_manager=(
                *("--allocate-node-cidrs=true", f"--cluster-cidr={POD_NETWORK}"),
                f"--service-cluster-ip-range={SERVICE_NETWORK}",
            ),
        )

    def _kubelet_client(self) -> KeyPair:
        subject = Subject("kube-apiserver-kubelet-client", ["system:masters"], usages=("client",))
        return Authority(self.folder.certificates, "kubernetes-ca").issue("kubelet-client", subject)

    def _front_proxy(self) -> KeyPair:
        subject = Subject(_FRONT_PROXY, usages=("client",))
        return Authority(self.folder.certificates, "front-proxy-ca").issue("front-proxy-client", subject)


def is_healthy(port: int) -> bool:
    """True if a program's plain health endpoint on the loopback address answers."""
    return probes.is_ok(port, "/healthz")
