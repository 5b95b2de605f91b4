"""Pods as they run: what they may do, who reaches them, and that a tenant changes its tier without a gap."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from e2e.support.installation import PLATFORM_PODS, SYSTEM, TENANTS, Body, Installation, names
from e2e.support.tenants import TenantUnderTest, client_of, first_answer
from tests.support.eventually import eventually
from tests.support.world import a_manifest

STRANGERS = "strangers"
OURS = ((SYSTEM, PLATFORM_PODS), (TENANTS, "companydirectory.io/tenant=stark"))

REACH = """
import json, socket
found = {}
for name, host, port in GIVEN:
    try:
        socket.create_connection((host, port), timeout=3).close()
        found[name] = "open"
    except OSError as error:
        found[name] = f"closed: {type(error).__name__}"
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tenant(installation: Installation) -> Iterator[TenantUnderTest]:
    found = TenantUnderTest(installation, "stark")
    installation.apply(a_manifest(found.name, tier="Dedicated"))
    found.ready()
    yield found
    found.delete()


@pytest.fixture(scope="module")
def stranger(installation: Installation) -> Iterator[str]:
    """A pod of somebody else, in a namespace that nothing was said about."""
    image = installation.image_of("deployment/default-pool", SYSTEM)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": STRANGERS},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": "python", "image": image, "command": ["python", "-c", "import time; time.sleep(3600)"]}
            ],
        },
    }
    installation.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STRANGERS}}, pod)
    installation.wait("condition=Ready", "pod/stranger", namespace=STRANGERS)
    yield "stranger"
    installation.kubectl("delete", "namespace", STRANGERS, "--timeout=60s")


def running(installation: Installation, tenant: TenantUnderTest) -> list[Body]:
    del tenant
    return [pod for namespace, selector in OURS for pod in installation.pods(namespace, selector)]


def test_all_pods_run_restricted(installation: Installation, tenant: TenantUnderTest) -> None:
    for namespace in (SYSTEM, TENANTS):
        body = installation.get("namespace", namespace)
        assert body
        assert body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = running(installation, tenant)
    assert len(pods) >= 4
    for pod in pods:
        for container in pod["spec"]["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert container["resources"]["requests"]


def test_no_pod_of_ours_was_restarted(installation: Installation, tenant: TenantUnderTest) -> None:
    restarts = {
        pod["metadata"]["name"]: status["restartCount"]
        for pod in running(installation, tenant)
        for status in pod["status"]["containerStatuses"]
    }
    assert {name: count for name, count in restarts.items() if count} == {}


def test_there_is_no_shell_and_no_way_to_write(installation: Installation, tenant: TenantUnderTest) -> None:
    [pod, *_] = names(installation.pods(TENANTS, f"companydirectory.io/tenant={tenant.name}"))
    assert "[exit" in installation.execute(pod, TENANTS, "sh", "-c", "true")
    wrote = installation.execute(pod, TENANTS, "python", "-", code="open('/app', 'w')")
    assert "Read-only file system" in wrote or "Permission denied" in wrote
    who = installation.execute(pod, TENANTS, "python", "-", code="import os; print(os.getuid())")
    assert who.strip() == "10001"


def test_strangers_reach_no_pod_of_ours(installation: Installation, tenant: TenantUnderTest, stranger: str) -> None:
    """The same stranger reaches the ingress, so that what is closed isn't closed by accident."""
    targets = [
        (f"{pod['metadata']['name']}", pod["status"]["podIP"], port["containerPort"])
        for pod in running(installation, tenant)
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    ]
    dns = installation.get("service", "kube-dns", "kube-system")
    assert dns
    targets.append(("open to everybody", dns["spec"]["clusterIP"], 53))
    told = installation.execute(stranger, STRANGERS, "python", "-", code=f"GIVEN = {targets!r}\n{REACH}")
    found = json.loads(told.strip().splitlines()[-1])
    assert found.pop("open to everybody") == "open"
    assert found
    assert {name: outcome for name, outcome in found.items() if outcome == "open"} == {}


def test_the_ingress_reaches_them(installation: Installation, tenant: TenantUnderTest) -> None:
    assert first_answer(installation, tenant.host) < 30


def test_a_tier_changes_without_a_gap(installation: Installation) -> None:
    """There and back: every request is answered while the tenant moves, though people may have to sign in again.

    On the way back only new connections are asked: Envoy ends those that a route of the tenant's own had, and answers
    503 on them until it has (docs/tenants.md).
    """
    tenant = TenantUnderTest(installation, "switch")
    installation.apply(a_manifest(tenant.name, tier="Pooled", ingress={"rateLimitPerMinute": 100_000}))
    tenant.ready()
    first_answer(installation, tenant.host)
    try:
        with client_of(installation, tenant.host) as client:
            assert set(moving(tenant, "Dedicated", lambda: ask(client))) == {200}
        assert set(moving(tenant, "Pooled", lambda: ask_anew(installation, tenant.host))) == {200}
    finally:
        tenant.delete()


def moving(tenant: TenantUnderTest, tier: str, asked: Callable[[], int]) -> list[int]:
    """What was answered from the change of the tier until a while after it was done."""
    tenant.installation.apply(a_manifest(tenant.name, tier=tier, ingress={"rateLimitPerMinute": 100_000}))
    answers: list[int] = []

    def moved() -> bool:
        answers.append(asked())
        status = (tenant.body() or {})["status"]
        return status.get("servedBy") == tier and not status.get("handover")

    eventually(moved, timeout=150, every=0.05, what=f"{tenant.name} {tier}")
    return answers + [asked() for _ in range(100)]


def ask(client: httpx.Client) -> int:
    return client.get("/.well-known/jwks.json").status_code


def ask_anew(installation: Installation, host: str) -> int:
    with client_of(installation, host) as client:
        return ask(client)
