"""A stand-in for kubelets where no node runs: it reports the pods of chosen Deployments as ready, as a kubelet would.

The Deployment and ReplicaSet controllers are real; only the containers are missing.
"""

import json
import threading
from types import TracebackType
from typing import Any, Self

from directory_local.errors import CommandFailed
from directory_local.parts.kubernetes import Kubernetes

READY = {
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
    }
}


class Nodes:
    """Keeps the pods of `serve`d Deployments ready until it is left."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        self._served: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def serve(self, deployment: str) -> None:
        """From now on this Deployment's pods come up."""
        self._served.add(deployment)

    def _run(self) -> None:
        while not self._stopped.wait(0.2):
            if not self._served:
                continue
            for pod in self._kubernetes.get("/api/v1/pods")["items"]:
                if self._waits(pod):
                    self._report_ready(pod["metadata"])

    def _waits(self, pod: dict[str, Any]) -> bool:
        deployment = pod["metadata"].get("generateName", "").rsplit("-", 2)[0]
        return deployment in self._served and pod["status"].get("phase") == "Pending"

    def _report_ready(self, metadata: dict[str, Any]) -> None:
        arguments = ("patch", "pod", metadata["name"], "-n", metadata["namespace"], "--subresource=status")
        try:
            self._kubernetes.kubectl(*arguments, "--type=merge", "-p", json.dumps(READY))
        except CommandFailed:
            return  # deleted meanwhile
