"""A Kubernetes cluster as users reach it, by kubectl and a kubeconfig: our own control plane or theirs."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from directory_local.errors import CommandFailed

Manifest = Mapping[str, Any]
FIELD_MANAGER = "directory-local"
_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the kubeconfig's current context names."""

    binary: Path
    kubeconfig: Path

    def kubectl(self, *arguments: str, objects: Any = None) -> str:
        """Run kubectl; `objects` go to its standard input as JSON. Returns its output."""
        done = subprocess.run(
            [str(self.binary), *arguments],
            env=self.client_environment(),
            input="" if objects is None else json.dumps(objects),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(f"kubectl {' '.join(arguments[:3])}", done.stderr or done.stdout)
        return done.stdout

    def client_environment(self) -> dict[str, str]:
        """Environment for clients of this cluster. HOME stays: a user's kubeconfig may call for a login program.

        kubectl remembers which kinds a cluster has by its address alone, and each of our nodes has the same one: the
        memory lies in the folder that kubectl lies in.
        """
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        memory = self.binary.parent.parent / "kubectl-cache"
        return {**kept, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(memory)}

    def find(self, kind: str, name: str, namespace: str | None = None) -> Any:
        """One object, or None if there is none (or no such kind)."""
        where = [f"--namespace={namespace}"] if namespace else []
        text = self.kubectl("get", kind, name, "--output=json", "--ignore-not-found", *where)
        return json.loads(text) if text.strip() else None

    def items(self, kind: str, namespace: str) -> list[Any]:
        """All objects of a kind in a namespace."""
        return _documents(self.kubectl("get", kind, f"--namespace={namespace}", "--output=json"))

    def create_namespaces(self, *names: str) -> list[str]:
        """Create the namespaces that do not exist, marked as ours; those that exist are left as they are."""
        missing = [name for name in names if not self.find("namespace", name)]
        for name in missing:
            metadata = {"name": name, "labels": {_MANAGED_BY: FIELD_MANAGER}}
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            self.kubectl("create", "--filename=-", objects=namespace)
        return [f"Namespace/{name}" for name in missing]

    def delete_namespaces(self, timeout_seconds: int) -> None:
        """Delete the namespaces that `create_namespaces` made, and wait until they are gone."""
        selector = f"--selector={_MANAGED_BY}={FIELD_MANAGER}"
        self.kubectl("delete", "namespaces", selector, f"--timeout={timeout_seconds}s")

    def apply(self, manifests: Iterable[Manifest]) -> list[str]:
        """Server-side apply. Returns `Kind/name` of those that this created or changed."""
        listed = {"apiVersion": "v1", "kind": "List", "items": [_complete(manifest) for manifest in manifests]}
        before = self._versions("get", "--ignore-not-found", "--output=json", "--filename=-", objects=listed)
        after = self._versions(
            "apply",
            "--server-side",
            f"--field-manager={FIELD_MANAGER}",
            "--output=json",
            "--filename=-",
            objects=listed,
        )
        return [key for key, version in after.items() if before.get(key) != version]

    def apply_file(self, path: Path) -> list[str]:
        """Server-side apply of a YAML file."""
        text = self.kubectl("create", "--dry-run=client", "--output=json", "--validate=false", f"--filename={path}")
        return self.apply(_documents(text))

    def _versions(self, *arguments: str, objects: Any) -> dict[str, str]:
        documents = _documents(self.kubectl(*arguments, objects=objects))
        return {f"{item['kind']}/{item['metadata']['name']}": _version(item["metadata"]) for item in documents}


def _complete(manifest: Manifest) -> Manifest:
    """The manifest with the label that the API server gives to a Namespace.

    Whoever creates one by apply owns that label as well, and gives it up, which is a change, by not naming it again.
    """
    if manifest["kind"] != "Namespace":
        return dict(manifest)
    metadata = manifest["metadata"]
    labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": metadata["name"]}
    return {**manifest, "metadata": {**metadata, "labels": labels}}


def opaque_secret(namespace: str, name: str, values: Mapping[str, str]) -> Manifest:
    """A Secret manifest. `data`, not `stringData`, so that applying it again changes nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def _version(metadata: Mapping[str, Any]) -> str:
    """Changes with what was asked for: others write the status, and with it the resource version, at any time."""
    return f"{metadata['uid']} {metadata.get('generation') or metadata['resourceVersion']}"


def _documents(text: str) -> list[Any]:
    """The objects in kubectl's JSON: documents one after the other, Lists unpacked."""
    decoder, position = json.JSONDecoder(), 0
    found: list[Any] = []
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position + _blank(text, position))
        found.extend(document["items"] if document["kind"].endswith("List") else [document])
    return found


def _blank(text: str, position: int) -> int:
    return len(text) - position - len(text[position:].lstrip())
