"""The kubelet and kube-proxy: what makes this machine a node, and Services work on it."""

import json
from dataclasses import dataclass
from typing import Any

from directory_local.certificates import KeyPair, Subject
from directory_local.folder import write_if_changed
from directory_local.node.control_plane import is_healthy
from directory_local.node.place import CLUSTER_DOMAIN, DNS_ADDRESS, NODE_ADDRESS, NODE_NAME, POD_NETWORK, Place
from directory_local.parts.kubernetes import Kubernetes
from directory_local.ports import LOOPBACK
from directory_local.programs import Program

_KUBELET_HEALTH = 10248
_PROXY_HEALTH = 10256


@dataclass(frozen=True, slots=True)
class Kubelet:
    """The two programs of one node and their configuration."""

    place: Place
    kubernetes: Kubernetes

    def prepare(self) -> None:
        """Certificates, kubeconfigs and configuration files."""
        folder = self.place.folder
        self.kubernetes.kubeconfig_of("kubelet", f"system:node:{NODE_NAME}", "system:nodes")
        self.kubernetes.kubeconfig_of("kube-proxy", "system:kube-proxy")
        # Nothing to ask beyond the cluster's own DNS.
        write_if_changed(folder.config / "resolv.conf", "")
        write_if_changed(folder.config / "kubelet.json", json.dumps(self._kubelet_configuration(), indent=2))
        write_if_changed(folder.config / "kube-proxy.json", json.dumps(self._proxy_configuration(), indent=2))

    def programs(self) -> list[Program]:
        folder = self.place.folder
        configuration, proxy = folder.config / "kubelet.json", folder.config / "kube-proxy.json"
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        kubelet = (
            *(str(folder.bin / "kubelet"), f"--config={configuration}"),
            *(f"--kubeconfig={folder.config / 'kubelet.kubeconfig'}", f"--hostname-override={NODE_NAME}"),
            f"--node-ip={NODE_ADDRESS}",
        )
        return [
            Program(
                name="kubelet",
                order=500,
                argv=kubelet,
                environment=path,
                ready=lambda: is_healthy(_KUBELET_HEALTH),
                watches=(configuration,),
            ),
            Program(
                name="kube-proxy",
                order=500,
                argv=(str(folder.bin / "kube-proxy"), f"--config={proxy}", f"--hostname-override={NODE_NAME}"),
                environment=path,
                ready=lambda: is_healthy(_PROXY_HEALTH),
                watches=(proxy,),
            ),
        ]

    def _kubelet_configuration(self) -> dict[str, Any]:
        folder, serving = self.place.folder, self._serving()
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.place.name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "address": "0.0.0.0",  # noqa: S104 - of the node's own network namespace
            "healthzBindAddress": LOOPBACK,
            "healthzPort": _KUBELET_HEALTH,
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.kubernetes.authority.files.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDomain": CLUSTER_DOMAIN,
            "clusterDNS": [DNS_ADDRESS],
            "resolvConf": str(folder.config / "resolv.conf"),
            "maxPods": 250,
            "serializeImagePulls": False,
            "volumePluginDir": str(folder.data / "volume-plugins"),
            # The machine is not the node's alone, and images that were collected could not be pulled again.
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        }

    def _proxy_configuration(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self.place.folder.config / "kube-proxy.kubeconfig")},
            "mode": "iptables",
            "clusterCIDR": POD_NETWORK,
            "oomScoreAdj": 0,
            "healthzBindAddress": f"{LOOPBACK}:{_PROXY_HEALTH}",
            "metricsBindAddress": f"{LOOPBACK}:10249",
            # The table of connections is the machine's, and its size not ours to set.
            "conntrack": {"maxPerCore": 0},
        }

    def _serving(self) -> KeyPair:
        subject = Subject(f"system:node:{NODE_NAME}", ["system:nodes"], names=(NODE_NAME, NODE_ADDRESS))
        return self.kubernetes.authority.issue("kubelet-serving", subject)
