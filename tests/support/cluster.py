"""A Kubernetes API of its own with what manifests/operator installs, but nothing that runs it: no operator that has
opinions about what tests make.
"""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kubernetes.aio import client, config

from directory_local.machine import Machine
from directory_local.parts.kubernetes import Kubernetes
from directory_operator.kube import Kube
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.tenant.model import Tenant
from tests.support.builders import a_tenant
from tests.support.eventually import eventually
from tests.support.world import a_manifest

REPOSITORY = Path(__file__).resolve().parents[2]
CUSTOM = "/apis/companydirectory.io/v1beta1"
WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True)
class Cluster:
    """The API server, as its administrator."""

    kubernetes: Kubernetes
    http: httpx.Client

    def refusal(
        self, path: str, body: Manifest, *, method: str = "POST", content_type: str = "application/json"
    ) -> Any:
        """What the API server has against the object, by server-side dry run: its `Status`, or None."""
        answer = self.http.request(
            method,
            path,
            params={"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "tests"},
            content=json.dumps(body),
            headers={"Content-Type": content_type},
        )
        return None if answer.is_success else answer.json()

    def get(self, ref: ObjectRef) -> Manifest | None:
        live: Manifest | None = self.kubernetes.get(ref.path)
        return live

    def merge(self, ref: ObjectRef, patch: Any, *, subresource: str = "") -> None:
        """Edit an object by hand."""
        answer = self.http.patch(
            ref.path + subresource,
            params={"fieldManager": "somebody"},
            content=json.dumps(patch),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()

    def create(self, path: str, body: Manifest) -> Manifest:
        answer = self.http.post(path, json=body)
        answer.raise_for_status()
        created: Manifest = answer.json()
        return created

    def delete(self, ref: ObjectRef) -> None:
        self.http.delete(ref.path).raise_for_status()
        eventually(lambda: self.get(ref) is None)

    def writes(self, namespace: str) -> int:
        """Writes by the operator's client in a namespace so far, from the audit log."""
        lines = self.kubernetes.audit_log.read_text().splitlines()
        entries = [json.loads(line) for line in lines if f'"namespace":"{namespace}"' in line]
        return sum(each["verb"] in WRITES and each["userAgent"] == "directory-operator" for each in entries)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, with both CRDs established."""
    with Machine.temporary(parts=("kubernetes",)) as machine:
        user = json.loads(machine.kubernetes.kubeconfig.read_text())
        pair, trust = user["users"][0]["user"], user["clusters"][0]["cluster"]
        tls = ssl.create_default_context(cafile=trust["certificate-authority"])
        tls.load_cert_chain(pair["client-certificate"], pair["client-key"])
        machine.kubernetes.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        machine.kubernetes.kubectl(
            "wait", "--for=condition=Established", "--timeout=30s", "-f", str(REPOSITORY / "crds")
        )
        machine.kubernetes.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "operator"))
        with httpx.Client(base_url=trust["server"], verify=tls, timeout=20) as http:
            # Discovery says Established a moment before the endpoint serves.
            eventually(lambda: http.get(f"{CUSTOM}/directorytenants").is_success)
            yield Cluster(machine.kubernetes, http)


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[Kube]:
    """The operator's client, with the rights of the operator's role and no others."""
    identity = cluster.kubernetes.kubeconfig_of_service_account("directory-system", "directory-operator")
    configuration = client.Configuration()
    await config.load_kube_config(str(identity), client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        yield Kube(api)


MakeTenant = Callable[..., Tenant]


@pytest.fixture
def live_tenant(cluster: Cluster) -> MakeTenant:
    """Makes a DirectoryTenant in a namespace of its own and returns it as the systems see it.

    The object has to exist: the garbage collector takes away what an unknown owner is said to own.
    """

    def make(name: str = "acme", *, namespace: str | None = None, **options: Any) -> Tenant:
        tenant = a_tenant(name, **options)
        spec = tenant.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
        if namespace is None:
            namespace = f"tenants-{uuid4().hex[:8]}"
            cluster.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        body = a_manifest(name, namespace=namespace, **spec)
        created = cluster.create(f"{CUSTOM}/namespaces/{namespace}/directorytenants", body)
        return replace(tenant, namespace=namespace, uid=created["metadata"]["uid"])

    return make
