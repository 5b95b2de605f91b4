"""One platform as processes: in the state folder for `make up`, in a temporary folder on free ports for tests."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from directory_local import binaries, database, leftovers, platform_objects
from directory_local.build import Progress
from directory_local.cluster import Cluster
from directory_local.folder import StateFolder, write_if_changed
from directory_local.parts import directory
from directory_local.parts.kubernetes import Kubernetes, KubernetesPorts
from directory_local.parts.minio import Minio
from directory_local.parts.nginx import Nginx
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis
from directory_local.ports import Ports, require_free_or_ours, reserved_ports
from directory_local.programs import Program, placed
from directory_local.repository import root as repository
from directory_local.supervision import Supervisor

BACKENDS = ("postgres", "redis", "minio", "kubernetes")
PARTS = (*BACKENDS, "platform", "operator", "pool", "nginx")


@dataclass(frozen=True, slots=True)
class Profile:
    """What tells one machine from another.

    Not `durable` means no fsync. `kubeconfig` names a cluster of the user's own, used instead of one of ours.
    """

    durable: bool = True
    base_domain: str = "directory.localhost"
    kubeconfig: Path | None = None
    operator_environment: Mapping[str, str] = field(default_factory=dict)


class Machine:
    """The parts of one platform below one folder. They start when asked, what they need first, and only once."""

    def __init__(
        self,
        root: Path,
        ports: Ports,
        profile: Profile,
        environment: Mapping[str, str] = os.environ,
        progress: Progress = lambda _line: None,
    ) -> None:
        self.folder = StateFolder(root.resolve())
        self.ports = ports
        self.profile = profile
        self.postgres = Postgres(self.folder, ports.postgres, profile.durable)
        self.redis = Redis(self.folder, ports.redis, profile.durable)
        self.minio = Minio(self.folder, ports.minio)
        control_plane = KubernetesPorts(ports.kubernetes, ports.controller_manager, ports.etcd, ports.etcd_peer)
        self.kubernetes = Kubernetes(self.folder, control_plane, profile.durable)
        self.nginx = Nginx(self.folder, profile.base_domain, ports.https, ports.http, ports.api)
        self.supervisor = Supervisor(self.folder)
        self._environment = environment
        self._progress = progress
        self._started: set[str] = set()

    @classmethod
    @contextlib.contextmanager
    def temporary(
        cls,
        parts: Iterable[str] = (),
        progress: Progress = lambda _line: None,
        operator_environment: Mapping[str, str] | None = None,
    ) -> Iterator["Machine"]:
        """A machine on free ports in a new folder, gone at the end even if this process is killed."""
        with contextlib.ExitStack() as held:
            ports = held.enter_context(reserved_ports())
            root = Path(tempfile.mkdtemp(prefix="directory-"))
            profile = Profile(durable=False, operator_environment=operator_environment or {})
            machine = cls(root, ports, profile, progress=progress)
            held.callback(shutil.rmtree, root, ignore_errors=True)
            held.callback(machine.stop)
            machine.start_supervisor()
            held.enter_context(_ended_with_us(machine.supervisor.pid, root))
            machine.start(*parts)
            yield machine

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes API the platform lives in: ours, or the user's."""
        if self.profile.kubeconfig:
            return Cluster(self.folder.bin / "kubectl", self.profile.kubeconfig)
        return self.kubernetes.cluster

    def start_supervisor(self) -> bool:
        """Start supervisord, after ending what an earlier one may have left behind. True if it was started."""
        self.folder.create()
        if self.supervisor.is_running():
            return False
        leftovers.end(self.folder.root)
        return self.supervisor.start()

    def start(self, *parts: str) -> list[str]:
        """Start some of `PARTS` and wait until they serve. Returns what had to be started, created or changed."""
        backends = [part for part in parts if part in BACKENDS]
        changed = self._start_backends(*backends) if backends else []
        steps = {
            "platform": self._start_platform,
            "operator": self._start_operator,
            "pool": self._start_pool,
            "nginx": self._start_nginx,
        }
        for part in parts:
            if part not in BACKENDS:
                changed += steps[part]()
        self._started.update(parts)
        return changed

    def run(self, programs: list[Program]) -> list[str]:
        """Run programs and wait until each is ready. Returns the names of those (re)started."""
        self.require_ports(*(name for program in programs for name in program.listens))
        marked = [placed(program, self.folder.root) for program in programs]
        started = self.supervisor.run(marked)
        for program in marked:
            self.supervisor.wait_ready(program)
        return started

    def require_ports(self, *names: str) -> None:
        """Raise `PortTaken` if a process that is not ours has one of the ports (fields of `Ports`)."""
        ports = self.ports.named()
        require_free_or_ours({name: ports[name] for name in names}, self.folder.root)

    def prepare_database(self, name: str = "directory") -> list[str]:
        """Create the database `name` with its roles and migrate it. Returns what was done, if anything was due."""
        return database.prepare(self.postgres, name)

    def operator_program(self, overrides: Mapping[str, str] | None = None) -> Program:
        """The operator as it runs here, `overrides` on top of its environment."""
        kubeconfig = self.profile.kubeconfig or self._operator_kubeconfig()
        environment = {**self.profile.operator_environment, **(overrides or {})}
        return directory.operator(self.cluster, self.ports, kubeconfig, environment)

    @property
    def pool(self) -> directory.Pool:
        return directory.Pool(
            self.folder, self.cluster, self.ports, self.profile.base_domain, self.postgres, self.redis, self.minio
        )

    def stop(self) -> bool:
        """Stop everything; the data stays. True if something ran."""
        running = self.supervisor.stop()
        self._started.clear()
        return bool(leftovers.end(self.folder.root)) or running

    def install(self, *backends: str) -> None:
        """Put the binaries of the backends in place, building what is not there yet."""
        if "minio" in backends:
            binaries.install_minio(self.folder, self._environment, self._progress)
        if "kubernetes" in backends and self.profile.kubeconfig:
            binaries.install_kubectl(self.folder, self._environment, self._progress)
        elif "kubernetes" in backends:
            binaries.install_control_plane(self.folder, self._environment, self._progress)

    def _start_backends(self, *backends: str) -> list[str]:
        self.install(*backends)
        return self.run([program for backend in backends for program in self._prepared(backend)])

    def _prepared(self, backend: str) -> list[Program]:
        if backend == "kubernetes":
            if self.profile.kubeconfig:
                return []
            self.kubernetes.prepare()
            return self.kubernetes.programs()
        if backend == "postgres":
            self.postgres.prepare()
            return [self.postgres.program()]
        if backend == "redis":
            self.redis.prepare()
            return [self.redis.program()]
        self.minio.prepare()
        return [self.minio.program()]

    def _start_platform(self) -> list[str]:
        """The database, the CRDs and the platform's objects."""
        self._require(*BACKENDS)
        changed = [*self.prepare_database(), *self.apply_crds()]
        objects = platform_objects.admin_secrets(self.postgres, self.redis, self.minio)
        platform = platform_objects.platform(self.ports, self.profile.base_domain, self.minio)
        namespaces = (platform_objects.OPERATOR_NAMESPACE, platform_objects.TENANT_NAMESPACE)
        changed += self.cluster.create_namespaces(*namespaces)
        if platform_objects.rbac_file().exists():
            changed += self.cluster.apply_file(platform_objects.rbac_file())
        return changed + self.cluster.apply([*objects, platform])

    def apply_crds(self) -> list[str]:
        """Apply `crds/` and wait until the API server serves them."""
        files = sorted((repository() / "crds").glob("*.yaml"))
        changed = [change for path in files for change in self.cluster.apply_file(path)]
        if changed:
            names = [f"--filename={path}" for path in files]
            self.cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
        return changed

    def _start_operator(self) -> list[str]:
        self._require("platform")
        return self.run([self.operator_program()])

    def _start_pool(self) -> list[str]:
        self._require("operator")
        return self.run(self.pool.programs())

    def _start_nginx(self) -> list[str]:
        self.nginx.prepare()
        write_if_changed(self.folder.root / "ca.crt", self.nginx.authority.files.certificate.read_text(), mode=0o644)
        return self.run([self.nginx.program()])

    def _require(self, *parts: str) -> None:
        missing = [part for part in parts if part not in self._started]
        if missing:
            self.start(*missing)

    def _operator_kubeconfig(self) -> Path:
        """The operator is its own ServiceAccount here too, so that what RBAC forbids it fails on this machine first."""
        if not platform_objects.rbac_file().exists():
            return self.kubernetes.kubeconfig
        account = platform_objects.OPERATOR_ACCOUNT
        return self.kubernetes.kubeconfig_of_service_account(platform_objects.OPERATOR_NAMESPACE, account)


@contextlib.contextmanager
def _ended_with_us(supervisor: int, root: Path) -> Iterator[None]:
    """While inside, a guard waits for our end of a pipe to close: if this process is killed, it ends the supervisor
    (which ends its programs) and removes the folder.
    """
    script = 'read -r word; test "$word" = done && exit; kill "$1"; while kill -0 "$1"; do sleep 0.2; done; rm -rf "$2"'
    with subprocess.Popen(
        ["/bin/sh", "-c", script, "guard", str(supervisor), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            guard.communicate(b"done\n")
