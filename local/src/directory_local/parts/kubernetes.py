"""A real Kubernetes API: etcd, kube-apiserver and kube-controller-manager, with TLS and RBAC."""

import ipaddress
import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

from directory_local import probes
from directory_local.certificates import Authority, KeyPair, Subject, signing_key
from directory_local.cluster import Cluster
from directory_local.errors import CommandFailed
from directory_local.folder import StateFolder, write_if_changed
from directory_local.ports import LOOPBACK
from directory_local.programs import Program

_ISSUER = "https://kubernetes.default.svc"

# What keeps objects true without nodes. Pods stay Pending: there is no scheduler and no kubelet.
_CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "endpointslice-controller",
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
)

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # Who wrote what, without bodies (they hold Secrets), once per request. Leases would drown the rest.
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {
            "level": "None",
            "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/metrics"],
        },
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where the API server is reached, and what more its programs are told: more than this once there are nodes."""

    address: str
    listen: str
    service_network: str
    api_server: tuple[str, ...]
    controller_manager: tuple[str, ...]

    @property
    def service_address(self) -> str:
        """The cluster address of the `kubernetes` Service, by rule the first of the network."""
        return str(ipaddress.ip_network(self.service_network)[1])


WITHOUT_NODES = Exposure(
    LOOPBACK,
    LOOPBACK,
    "10.0.0.0/24",
    # It refuses to publish a loopback address as the endpoint of the `kubernetes` Service.
    api_server=("--endpoint-reconciler-type=none", "--authorization-mode=RBAC", "--audit-log-maxbackup=1"),
    controller_manager=(f"--controllers={','.join(_CONTROLLERS)}",),
)


@dataclass(frozen=True, slots=True)
class KubernetesPorts:
    """Loopback ports of the control plane."""

    api: int
    controller_manager: int
    etcd: int
    etcd_peer: int


@dataclass(frozen=True)
class Kubernetes:
    """A control plane below `folder`. Not `durable` means etcd without fsync."""

    folder: StateFolder
    ports: KubernetesPorts
    durable: bool = True
    exposure: Exposure = WITHOUT_NODES

    @property
    def server(self) -> str:
        return f"https://{self.exposure.address}:{self.ports.api}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig file of a cluster administrator."""
        return self.folder.kubeconfig

    @property
    def audit_log(self) -> Path:
        """One JSON object per line and request (level Metadata, all verbs): what tests count writes with."""
        return self.folder.logs / "audit.log"

    @cached_property
    def authority(self) -> Authority:
        return Authority(self.folder.certificates, "kubernetes-ca")

    def prepare(self) -> None:
        """Certificates, kubeconfigs and policy files."""
        (self.folder.data / "etcd").mkdir(mode=0o700, exist_ok=True)
        self._server_pair("etcd")
        self._server_pair("kube-apiserver")
        signing_key(self.folder.certificates, "service-accounts")
        self._write_kubeconfig(self.kubeconfig, Subject("directory-admin", ["system:masters"], usages=("client",)))
        self.kubeconfig_of("controller-manager", "system:kube-controller-manager")
        write_if_changed(self.folder.config / "audit-policy.json", json.dumps(_AUDIT_POLICY, indent=2))

    def kubeconfig_of_service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig whose user is the ServiceAccount to RBAC; by certificate, so that no token expires."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return self.kubeconfig_of(name, f"system:serviceaccount:{namespace}:{name}", *groups)

    def kubeconfig_of(self, file_name: str, user: str, *groups: str) -> Path:
        """A kubeconfig of whom RBAC knows by that name and those groups."""
        path = self.folder.config / f"{file_name}.kubeconfig"
        self._write_kubeconfig(path, Subject(user, groups, usages=("client",)))
        return path

    def programs(self) -> list[Program]:
        """In the order in which they should start."""
        return [self._etcd(), self._api_server(), self._controller_manager()]

    def get(self, path: str, *, timeout: float = 10) -> Any:
        """The administrator's GET of a path such as `/api/v1/namespaces`, as JSON. None if there is no such object."""
        answer = probes.get(self.ports.api, path, tls=self.tls, timeout=timeout)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise CommandFailed(f"GET {path}", answer.body.decode(errors="replace"))
        return json.loads(answer.body)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.folder.bin / "kubectl", self.kubeconfig)

    def kubectl(self, *arguments: str, objects: Any = None) -> str:
        """Run kubectl as the administrator; `objects` go to its standard input as JSON. Returns its output."""
        return self.cluster.kubectl(*arguments, objects=objects)

    def is_ready(self) -> bool:
        """True once the API server serves, its own start-up (RBAC roles, priority classes) included."""
        return probes.is_ok(self.ports.api, "/readyz", tls=self.tls)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """TLS of a client that is the administrator."""
        client = self._client_pair(Subject("directory-admin", ["system:masters"], usages=("client",)))
        context = ssl.create_default_context(cafile=str(self.authority.files.certificate))
        context.load_cert_chain(client.certificate, client.key)
        return context

    def _etcd(self) -> Program:
        pair = self._server_pair("etcd")
        client, peer = f"https://{LOOPBACK}:{self.ports.etcd}", f"https://{LOOPBACK}:{self.ports.etcd_peer}"
        return Program(
            name="etcd",
            order=100,
            listens=("etcd", "etcd_peer"),
            argv=(
                *(str(self.folder.bin / "etcd"), "--name=local", f"--data-dir={self.folder.data / 'etcd'}"),
                *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
                *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
                *(f"--initial-cluster=local={peer}", "--auto-compaction-retention=1h", "--log-level=warn"),
                *(f"--cert-file={pair.certificate}", f"--key-file={pair.key}"),
                *(f"--peer-cert-file={pair.certificate}", f"--peer-key-file={pair.key}"),
                *(f"--trusted-ca-file={self._authority_file}", "--client-cert-auth"),
                *(f"--peer-trusted-ca-file={self._authority_file}", "--peer-client-cert-auth"),
                *(() if self.durable else ("--unsafe-no-fsync",)),
            ),
            ready=lambda: True,  # the API server does not become ready without it
        )

    def _api_server(self) -> Program:
        pair, etcd = self._server_pair("kube-apiserver"), self._server_pair("etcd")
        accounts = signing_key(self.folder.certificates, "service-accounts")
        return Program(
            name="kube-apiserver",
            order=200,
            listens=("kubernetes",),
            argv=(
                *(str(self.folder.bin / "kube-apiserver"), f"--bind-address={self.exposure.listen}"),
                *(f"--advertise-address={self.exposure.address}", f"--secure-port={self.ports.api}"),
                *(f"--etcd-servers=https://{LOOPBACK}:{self.ports.etcd}", f"--etcd-cafile={self._authority_file}"),
                *(f"--etcd-certfile={etcd.certificate}", f"--etcd-keyfile={etcd.key}"),
                *(f"--tls-cert-file={pair.certificate}", f"--tls-private-key-file={pair.key}"),
                *(f"--client-ca-file={self._authority_file}", "--anonymous-auth=false"),
                *(f"--service-account-issuer={_ISSUER}", f"--service-account-key-file={accounts.certificate}"),
                *(
                    f"--service-account-signing-key-file={accounts.key}",
                    f"--service-cluster-ip-range={self.exposure.service_network}",
                ),
                *(
                    f"--audit-policy-file={self.folder.config / 'audit-policy.json'}",
                    f"--audit-log-path={self.audit_log}",
                ),
                *("--audit-log-mode=blocking", "--audit-log-maxsize=100"),
                *("--enable-priority-and-fairness=false", "--max-requests-inflight=1000"),
                *("--max-mutating-requests-inflight=500", *self.exposure.api_server),
            ),
            ready=self.is_ready,
        )

    def _controller_manager(self) -> Program:
        kubeconfig = self.folder.config / "controller-manager.kubeconfig"
        accounts = signing_key(self.folder.certificates, "service-accounts")
        return Program(
            name="kube-controller-manager",
            order=300,
            listens=("controller_manager",),
            argv=(
                *(str(self.folder.bin / "kube-controller-manager"), f"--kubeconfig={kubeconfig}"),
                *("--use-service-account-credentials=true", "--leader-elect=false"),
                *(f"--bind-address={LOOPBACK}", f"--secure-port={self.ports.controller_manager}"),
                *(f"--cert-dir={self.folder.run}", f"--root-ca-file={self._authority_file}"),
                *(f"--service-account-private-key-file={accounts.key}", "--kube-api-qps=200", "--kube-api-burst=400"),
                *self.exposure.controller_manager,
            ),
            ready=lambda: True,  # nothing at start-up waits for it
        )

    @property
    def _authority_file(self) -> Path:
        return self.authority.files.certificate

    def _server_pair(self, name: str) -> KeyPair:
        addresses = dict.fromkeys((LOOPBACK, self.exposure.address, self.exposure.service_address))
        names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", *addresses)
        return self.authority.issue(name, Subject(name, names=names, usages=("server", "client")))

    def _client_pair(self, subject: Subject) -> KeyPair:
        return self.authority.issue(subject.common_name.replace(":", "_"), subject)

    def _write_kubeconfig(self, path: Path, subject: Subject) -> None:
        pair = self._client_pair(subject)
        named = {"cluster": "directory-local", "user": subject.common_name, "namespace": "default"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "directory-local",
            "contexts": [{"name": "directory-local", "context": named}],
            "clusters": [
                {
                    "name": "directory-local",
                    "cluster": {"server": self.server, "certificate-authority": str(self._authority_file)},
                }
            ],
            "users": [
                {
                    "name": subject.common_name,
                    "user": {"client-certificate": str(pair.certificate), "client-key": str(pair.key)},
                }
            ],
        }
        write_if_changed(path, json.dumps(document, indent=2) + "\n")
