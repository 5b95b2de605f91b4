"""What may connect to a Dedicated tenant's pods, and what these may connect to. Pure."""

from urllib.parse import urlsplit

from directory_contract.environment import API_PORT
from directory_operator.children import child_name, metadata
from directory_operator.manifests import Manifest
from directory_operator.platform.spec import Destination, Peer, PlatformSpec
from directory_operator.systems.workload.pod import pod_labels
from directory_operator.tenant.model import Tenant


def network_policy(tenant: Tenant) -> Manifest:
    """In: who may ask the API. Out: name resolution and the backends, nothing else."""
    platform = tenant.platform.spec
    clients = [_peer(each) for each in platform.network.clients] if platform.network else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(tenant, child_name(tenant)),
        "spec": {
            "podSelector": {"matchLabels": pod_labels(tenant)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [_port(API_PORT)], **({"from": clients} if clients else {})}],
            "egress": _egress(platform),
        },
    }


def _egress(platform: PlatformSpec) -> list[Manifest]:
    network = platform.network
    anywhere = [{"ports": [_port(port) for port in sorted(_backend_ports(platform))]}]
    if network is None:
        return [{"ports": [_port(53, "UDP"), _port(53)]}, *anywhere]
    names = [_rule(each, "UDP", "TCP") for each in network.dns]
    return [*names, *([_rule(each, "TCP") for each in network.backends] or anywhere)]


def _backend_ports(platform: PlatformSpec) -> set[int]:
    """Where nothing says which ports the pods behind the backends' addresses have: those of the addresses."""
    storage = urlsplit(platform.object_storage.endpoint)
    return {
        platform.postgres.for_api.port,
        platform.redis.port,
        *(each.port for each in (platform.redis.sentinel.hosts if platform.redis.sentinel else ())),
        storage.port or (443 if storage.scheme == "https" else 80),
    }


def _rule(destination: Destination, *protocols: str) -> Manifest:
    ports = [_port(port, protocol) for port in destination.ports for protocol in protocols]
    return {"to": [_peer(destination)], "ports": ports}


def _peer(peer: Peer) -> Manifest:
    if peer.namespace is None:
        return {"ipBlock": {"cidr": peer.cidr}}
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": peer.namespace}}}


def _port(port: int, protocol: str = "TCP") -> Manifest:
    return {"protocol": protocol, "port": port}
