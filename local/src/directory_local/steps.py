"""The steps of `make up`, in order: what is done, and how each says what it changed."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from directory_local import binaries
from directory_local.build import cache_folder
from directory_local.cluster import Manifest
from directory_local.configuration import Configuration
from directory_local.errors import DiskFull, LocalPlatformError
from directory_local.machine import Machine
from directory_local.platform_objects import PLATFORM, TENANT_NAMESPACE
from directory_local.ports import CONTROL_PLANE_PORTS
from directory_local.repository import root

_STATE_MEGABYTES = 500
# What the Go tool chain's own caches take while Kubernetes and MinIO are compiled for the first time.
_BUILD_MEGABYTES = 7_000
_TENANT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `run` returns what it changed, nothing when all was as it should be."""

    title: str
    run: Callable[[], Sequence[str]]


def steps(machine: Machine, configuration: Configuration, environment: dict[str, str]) -> list[Step]:
    """Everything that brings the platform from nothing to two working tenants; each step may find its work done."""
    control_plane = "your cluster" if configuration.kubeconfig else "etcd, kube-apiserver, kube-controller-manager"
    return [
        Step("Check free space and ports", lambda: check(machine, configuration, environment)),
        Step("Binaries of Kubernetes and MinIO", lambda: install(machine, environment)),
        Step("Process supervisor", lambda: ["supervisord"] if machine.start_supervisor() else []),
        Step(f"Kubernetes API ({control_plane})", lambda: machine.start("kubernetes")),
        Step("PostgreSQL, Redis and MinIO", lambda: machine.start("postgres", "redis", "minio")),
        Step("Database, CRDs and platform", lambda: machine.start("platform")),
        Step("Operator", lambda: machine.start("operator")),
        Step("Pooled API", lambda: machine.start("pool")),
        Step("nginx", lambda: machine.start("nginx")),
        Step("Sample tenants", lambda: apply_samples(machine)),
        Step("Tenants are ready", lambda: wait_for_tenants(machine)),
    ]


def check(machine: Machine, configuration: Configuration, environment: dict[str, str]) -> list[str]:
    """Say at once what would otherwise fail in the middle."""
    unused = CONTROL_PLANE_PORTS if configuration.kubeconfig else ()
    require_space(configuration.state, _STATE_MEGABYTES)
    if binaries.to_build(environment):
        require_space(cache_folder(environment), _BUILD_MEGABYTES)
    machine.require_ports(*(name for name in configuration.ports.named() if name not in unused))
    return []


def install(machine: Machine, environment: dict[str, str]) -> list[str]:
    """Build what is not in the cache; minutes the first time."""
    machine.folder.create()
    missing = [program.name for program in binaries.to_build(environment)]
    machine.install("minio", "kubernetes")
    return missing


def apply_samples(machine: Machine) -> list[str]:
    """Apply manifests/samples; what a user changed in a sample since is put back."""
    files = sorted((root() / "manifests" / "samples").glob("*.yaml"))
    return [change for path in files for change in machine.cluster.apply_file(path)]


def wait_for_tenants(machine: Machine) -> list[str]:
    """Wait until every tenant in the namespace is Ready; raise with the condition's own words if one isn't in time."""
    deadline = time.monotonic() + _TENANT_SECONDS
    while waiting := [tenant for tenant in tenants(machine) if not tenant.ready]:
        if time.monotonic() > deadline:
            reasons = "\n".join(f"    {tenant.name}: {tenant.message or 'no condition yet'}" for tenant in waiting)
            message = f"These tenants are not ready after {_TENANT_SECONDS} s:\n{reasons}"
            raise LocalPlatformError(message)
        time.sleep(0.25)
    return []


def leave_cluster(machine: Machine) -> None:
    """Take out of the user's cluster what `up` put there, tenants first, while the operator can still clean up.

    The CRDs and the operator's ClusterRole stay: others may use them.
    """
    if not machine.supervisor.is_running() or machine.supervisor.states()["operator"].state != "RUNNING":
        message = (
            f"Tenants may still be in your cluster ({machine.cluster.kubeconfig}), and only the running operator can "
            "remove them: run `make up`, then `make reset`; or, if the cluster is gone, "
            "`directory-local reset --leave-cluster`."
        )
        raise LocalPlatformError(message)
    timeout = f"--timeout={_TENANT_SECONDS}s"
    machine.cluster.kubectl("delete", "directorytenants", "--all", f"--namespace={TENANT_NAMESPACE}", timeout)
    machine.cluster.kubectl("delete", "directoryplatform", PLATFORM, "--ignore-not-found", timeout)
    machine.cluster.delete_namespaces(_TENANT_SECONDS)


@dataclass(frozen=True, slots=True)
class TenantView:
    """What the user is told of one tenant."""

    name: str
    namespace: str
    url: str
    administrator: str
    ready: bool
    message: str

    @classmethod
    def of(cls, manifest: Manifest) -> "TenantView":
        status = manifest.get("status", {})
        conditions: list[Manifest] = status.get("conditions", [])
        ready = next((condition for condition in conditions if condition["type"] == "Ready"), {})
        current = status.get("observedGeneration") == manifest["metadata"]["generation"]
        return cls(
            name=manifest["metadata"]["name"],
            namespace=manifest["metadata"]["namespace"],
            url=status.get("url", ""),
            administrator=manifest["spec"].get("admins", [{}])[0].get("email", ""),
            ready=current and ready.get("status") == "True",
            message=ready.get("message", ""),
        )

    @property
    def password_command(self) -> str:
        key = "admin-password." + self.administrator.replace("@", "_at_").replace("+", "_plus_")
        template = '{{index .data "' + key + '" | base64decode}}'
        return f"kubectl get secret {self.name}-directory -n {self.namespace} -o go-template='{template}'"


def tenants(machine: Machine) -> list[TenantView]:
    """The tenants of the namespace that the samples are in."""
    return [TenantView.of(manifest) for manifest in machine.cluster.items("directorytenants", TENANT_NAMESPACE)]


def require_space(folder: Path, megabytes: int) -> None:
    """Raise `DiskFull` if the file system of `folder`, which may not exist yet, has less room than that."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free // 1_000_000
    if free < megabytes:
        raise DiskFull(folder, free, megabytes)
