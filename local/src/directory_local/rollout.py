"""Waits until objects of a cluster are ready, and says why they are not: by the pods that cannot run, with the end of
what they wrote.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from directory_local.build import Progress
from directory_local.cluster import Cluster, Manifest
from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.readiness import knows, pending

_PAUSE = 1.0
_SAID_EVERY = 10.0
_RESTARTS = 4
"""A container that ended this often will not mend itself: something it needs may come late once or twice."""
# The kubelet names these when no retry will help, as long as nobody brings the image.
_HOPELESS = frozenset({"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"})
_PATIENCE = 30.0
"""Seconds for which such a state is borne: a Secret, or an image that is being imported, may be under way."""


class NotReady(LocalPlatformError):
    """Objects of the cluster did not become ready."""

    def __init__(self, reasons: Sequence[str], seconds: float, details: Sequence[str]) -> None:
        listed = "\n".join(f"    {line}" for line in (*reasons, *details))
        super().__init__(f"Not ready after {seconds:.0f} s:\n{listed}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One object to wait for."""

    kind: str
    group: str
    name: str
    namespace: str

    @classmethod
    def of(cls, manifest: Manifest) -> "Reference":
        group = manifest["apiVersion"].rpartition("/")[0]
        metadata = manifest["metadata"]
        return cls(manifest["kind"], group, metadata["name"], metadata.get("namespace", ""))

    @property
    def resource(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def wait(cluster: Cluster, manifests: Iterable[Manifest], seconds: float, progress: Progress) -> None:
    """Wait until all of the objects that can be ready are; raise `NotReady` when time is up or a pod has no hope."""
    awaited = [Reference.of(manifest) for manifest in manifests if knows(manifest)]
    started = said = time.monotonic()
    while reasons := unready(cluster, awaited):
        waited = time.monotonic() - started
        namespaces = {reference.namespace for reference in awaited if reference.namespace}
        if waited > seconds:
            raise NotReady(reasons, waited, [trouble for name in namespaces for trouble in troubles(cluster, name)])
        if waited > _PATIENCE:
            lost = [trouble for name in namespaces for trouble in troubles(cluster, name, only_lost=True)]
            if lost:
                raise NotReady(reasons, waited, lost)
        if time.monotonic() - said > _SAID_EVERY:
            said = time.monotonic()
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            progress(f"{reasons[0]}{more}")
        time.sleep(_PAUSE)


def unready(cluster: Cluster, awaited: Sequence[Reference]) -> list[str]:
    """A line for each object that is not there or not ready."""
    found: dict[tuple[str, str, str], Manifest] = {}
    for resource in sorted({reference.resource for reference in awaited}):
        try:
            text = cluster.kubectl("get", resource, "--all-namespaces", "--output=json")
        except CommandFailed as error:
            # A kind that is not served yet, or an API server that is busy: both pass.
            return [error.args[0].splitlines()[-1]]
        for item in json.loads(text)["items"]:
            metadata = item["metadata"]
            found[item["kind"], metadata["name"], metadata.get("namespace", "")] = item
    lines = []
    for reference in awaited:
        item = found.get((reference.kind, reference.name, reference.namespace))
        reason = pending(item) if item else "not there"
        if reason:
            lines.append(f"{reference}: {reason}")
    return lines


def troubles(cluster: Cluster, namespace: str, *, only_lost: bool = False) -> list[str]:
    """What keeps a namespace's pods from running, with the last lines of those that ended, and the latest warnings."""
    pods = cluster.items("pods", namespace)
    lines = [line for pod in pods for line in _troubles(cluster, pod, only_lost=only_lost)]
    return lines if only_lost else [*lines, *_warnings(cluster, namespace)]


def _warnings(cluster: Cluster, namespace: str) -> list[str]:
    events = [event for event in cluster.items("events", namespace) if event.get("type") == "Warning"]
    events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    said = {f"{event['involvedObject']['name']}: {event.get('message', '')}": None for event in events}
    return [f"warning {line}" for line in list(said)[-5:]]


def _troubles(cluster: Cluster, pod: Manifest, *, only_lost: bool) -> Iterator[str]:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True" and not only_lost:
            yield f"pod {namespace}/{name}: {condition.get('message', 'not scheduled')}"
    for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        waiting: dict[str, Any] = container.get("state", {}).get("waiting") or {}
        ended = container.get("restartCount", 0)
        if not waiting or waiting.get("reason") in {"PodInitializing", "ContainerCreating"}:
            continue
        if only_lost and waiting.get("reason") not in _HOPELESS and ended < _RESTARTS:
            continue
        why = f"{waiting.get('reason')}, {waiting.get('message', '')}"
        yield f"pod {namespace}/{name}, container {container['name']}: {why}"
        yield from (f"    {line}" for line in _last_words(cluster, namespace, name, container["name"], ended))


def _last_words(cluster: Cluster, namespace: str, pod: str, container: str, restarts: int) -> list[str]:
    if not restarts:
        return []
    try:
        text = cluster.kubectl(
            "logs", pod, f"--namespace={namespace}", f"--container={container}", "--previous", "--tail=12"
        )
    except CommandFailed:
        return []  # the runtime no longer has them
    return text.splitlines()
