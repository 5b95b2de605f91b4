"""The installation under test, as its users have it: a kubeconfig, kubectl and helm, the ingress and its authority."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from directory_local.cluster import Cluster

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SYSTEM: Final = "directory-system"
DATA: Final = "directory-data"
TENANTS: Final = "tenants"
PLATFORM_PODS: Final = "app.kubernetes.io/name in (company-directory,directory-operator)"
"""Selects the pods of the chart: the operator's and the pooled fleet's."""
BASE_DOMAIN: Final = "directory.localhost"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Installation:
    """A cluster with the chart installed. Everything here goes through kubectl, as users go."""

    folder: Path
    cluster: Cluster

    @classmethod
    def found(cls) -> "Installation":
        """What `make cluster-up` left in its folder."""
        folder = Path(os.environ.get("DIRECTORY_CLUSTER_DIR", REPOSITORY / ".cluster")).resolve()
        kubectl, kubeconfig = folder / "bin" / "kubectl", folder / "kubeconfig"
        assert all(path.exists() for path in (kubectl, kubeconfig)), f"no cluster in {folder}: run make cluster-up"
        return cls(folder, Cluster(kubectl, kubeconfig))

    @property
    def authority(self) -> Path:
        """The certificate authority that signed the ingress' certificates."""
        return self.folder / "ca.crt"

    def kubectl(self, *arguments: str, objects: Any = None) -> str:
        return self.cluster.kubectl(*arguments, objects=objects)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Body | None:
        found: Body | None = self.cluster.find(kind, name, namespace)
        return found

    def items(self, kind: str, namespace: str, selector: str = "") -> list[Body]:
        text = self.kubectl("get", kind, "-n", namespace, "-o", "json", f"--selector={selector}")
        items: list[Body] = json.loads(text)["items"]
        return items

    def helm(self, *arguments: str) -> str:
        """Run helm against the cluster; returns its output."""
        command = [str(self.folder / "bin" / "helm"), *arguments]
        done = subprocess.run(
            command, env=self.cluster.client_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command[:3])}: {done.stderr or done.stdout}"
        return done.stdout

    def execute(self, pod: str, namespace: str, *command: str, code: str | None = None, container: str = "") -> str:
        """Run a command in a pod; `code` goes to its standard input. Returns its output, whatever its exit code."""
        where = ["exec", "-i", pod, "-n", namespace, *([f"--container={container}"] if container else []), "--"]
        done = subprocess.run(
            [str(self.cluster.binary), *where, *command],
            env=self.cluster.client_environment(),
            input=code or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stdout + (f"\n[exit {done.returncode}] {done.stderr}" if done.returncode else "")

    def apply(self, *objects: Body) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "-f", "-", objects=listed)

    def wait(self, condition: str, *what: str, namespace: str, timeout: int = 120) -> None:
        self.kubectl("wait", f"--for={condition}", *what, "-n", namespace, f"--timeout={timeout}s")

    def rolled_out(self, *deployments: str, namespace: str, timeout: int = 240) -> None:
        """Wait until the Deployments (or StatefulSets, by kind/name) run what their spec says."""
        for deployment in deployments:
            self.kubectl("rollout", "status", deployment, "-n", namespace, f"--timeout={timeout}s")

    @property
    def release(self) -> str:
        """The name that the chart was installed under."""
        [release] = json.loads(self.helm("list", "-n", SYSTEM, "-o", "json", "--filter", "directory"))
        return str(release["name"])

    def image_of(self, workload: str, namespace: str) -> str:
        """The image of a workload's (kind/name) first container."""
        kind, _, name = workload.partition("/")
        body = self.get(kind, name, namespace)
        assert body, workload
        return str(body["spec"]["template"]["spec"]["containers"][0]["image"])

    def audit_logs(self) -> list[Path]:
        """The API server's audit log, with what it was rotated into."""
        return sorted((self.folder / "logs").glob("audit*.log"))

    def pods(self, namespace: str, selector: str) -> list[Body]:
        """Pods that are not on their way out."""
        return [pod for pod in self.items("pods", namespace, selector) if "deletionTimestamp" not in pod["metadata"]]


def names(bodies: Iterable[Body]) -> list[str]:
    return [body["metadata"]["name"] for body in bodies]
