"""The whole platform for one test session: what a user sees of it, and the hands that break it."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from directory_local.machine import Machine
from tests.support.eventually import eventually
from tests.support.nodes import Nodes

NAMESPACE = "tenants"
TENANTS = "/apis/companydirectory.io/v1beta1/namespaces/{}/directorytenants"
Body = dict[str, Any]


@dataclass
class World:
    """A machine with the platform, the operator and the pooled API on it."""

    machine: Machine
    nodes: "Nodes"

    # --- what a user does ---------------------------------------------------------------------------------------------

    def kubectl(self, *arguments: str, objects: Any = None) -> str:
        return self.machine.kubernetes.kubectl(*arguments, objects=objects)

    def apply(self, name: str, *, namespace: str = NAMESPACE, **spec: Any) -> None:
        """Apply a small DirectoryTenant; keywords are fields of its spec."""
        self.kubectl("apply", "-f", "-", objects=a_manifest(name, namespace=namespace, **spec))

    def delete(self, name: str, *, namespace: str = NAMESPACE, wait: bool = True) -> None:
        self.kubectl("delete", "dt", name, "-n", namespace, f"--wait={str(wait).lower()}", "--timeout=60s")

    def ready(self, name: str, *, namespace: str = NAMESPACE, timeout: float = 30) -> Body:
        """The tenant once it is Ready at its present generation."""

        def ask() -> Body | None:
            body = self.tenant(name, namespace=namespace)
            status = (body or {}).get("status", {})
            now = body is not None and status.get("observedGeneration") == body["metadata"]["generation"]
            return body if now and condition(body, "Ready").get("status") == "True" else None

        try:
            return eventually(ask, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{name} is not ready: {json.dumps(self.tenant(name), indent=1)}") from error

    # --- what a user sees ---------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        return self.machine.kubernetes.get(path)

    def tenant(self, name: str, *, namespace: str = NAMESPACE) -> Body | None:
        body: Body | None = self.get(f"{TENANTS.format(namespace)}/{name}")
        return body

    def secret(self, name: str, *, namespace: str = NAMESPACE) -> Body | None:
        body: Body | None = self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return body

    def events(self, name: str, *, namespace: str = NAMESPACE) -> list[tuple[str, str]]:
        """(reason, message) of every Event about a tenant (or, in `default`, a platform), oldest first."""
        items = self.get(f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name={name}")["items"]
        items.sort(key=lambda item: int(item["metadata"]["resourceVersion"]))
        return [(item["reason"], item["message"]) for item in items]

    def sql(self, query: str) -> str:
        """As the superuser; rows by line, columns by `|`."""
        return str(self.machine.postgres.psql(query)).strip()

    def statements(self, query: str) -> str:
        """The same, where pg_stat_statements tells of every database; beside ours, which lint and isolation examine."""
        return str(self.machine.postgres.psql(query, database="postgres")).strip()

    # --- the operator's life ------------------------------------------------------------------------------------------

    def stop_operator(self) -> None:
        self.machine.supervisor.stop_program("operator")

    def start_operator(self) -> None:
        self.machine.start("operator")

    def restart_operator(self) -> None:
        self.stop_operator()
        self.start_operator()

    def operator_log(self) -> str:
        return self.machine.supervisor.log("operator").read_text()


def a_manifest(name: str, *, namespace: str = NAMESPACE, **spec: Any) -> Body:
    return {
        "apiVersion": "companydirectory.io/v1beta1",
        "kind": "DirectoryTenant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"displayName": name.title(), "admins": [{"email": f"ada@{name}.example"}]} | spec,
    }


def condition(body: Body | None, kind: str) -> Body:
    """One condition of an object, empty if it has none of that type."""
    conditions = ((body or {}).get("status") or {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


@pytest.fixture(scope="session")
def world(machine: Machine) -> Iterator[World]:
    """Everything running, as `make up` runs it."""
    machine.start("platform", "operator", "pool")
    machine.postgres.psql("create extension if not exists pg_stat_statements", database="postgres")
    with Nodes(machine.kubernetes) as nodes:
        yield World(machine, nodes)


def settled(ask: Any, *, for_seconds: float = 1.5, timeout: float = 30) -> Any:
    """The value of `ask` once it has been the same for a while: for counts that should have come to rest."""
    deadline = time.monotonic() + timeout
    value, since = ask(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if (fresh := ask()) != value:
            value, since = fresh, time.monotonic()
        elif time.monotonic() - since > for_seconds:
            return value
    raise AssertionError(f"never came to rest, last {value!r}")


def processes_of(machine: Machine) -> list[str]:
    """Command lines of everything that the machine runs."""
    states = machine.supervisor.states().values()
    pids = [str(state.pid) for state in states if state.pid]
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", ",".join(pids)], capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()
