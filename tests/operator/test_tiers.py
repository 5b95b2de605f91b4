"""A change of tier: wherever the route leads, somebody is there who serves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.support.eventually import eventually
from tests.support.world import World, condition

NAME = "moving"
CHILD = f"{NAME}-directory"
DEPLOYMENT = f"/apis/apps/v1/namespaces/tenants/deployments/{CHILD}"
INGRESS = f"/apis/networking.k8s.io/v1/namespaces/tenants/ingresses/{CHILD}"


@dataclass(frozen=True)
class Sample:
    """What a request would have met: the tenant's own route goes before the platform's wildcard."""

    own_route: bool
    served: bool


def pods(world: World) -> int:
    available: int = (world.get(DEPLOYMENT) or {}).get("status", {}).get("availableReplicas", 0)
    return available


def fleet_serves(world: World) -> bool:
    """Whether it asks for a token; of a stranger's host it says 421."""
    base = world.get("/apis/companydirectory.io/v1beta1/directoryplatforms/default")["spec"]
    host = f"{NAME}.{base['ingress']['baseDomain']}"
    answer = httpx.get(f"{base['api']['pooledEndpoint']}/api/v1/me", headers={"Host": host}, timeout=10)
    assert answer.status_code in {401, 421}
    return answer.status_code == 401


def sample(world: World) -> Sample:
    own_route = world.get(INGRESS) is not None
    return Sample(own_route, pods(world) > 0 if own_route else fleet_serves(world))


@contextmanager
def watching(world: World) -> Iterator[list[Sample]]:
    """Samples, as fast as they can be had."""
    samples: list[Sample] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            samples.append(sample(world))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()
    assert [each for each in samples if not each.served] == []


def is_over(world: World) -> Callable[[], bool]:
    return lambda: "handover" not in (world.tenant(NAME) or {})["status"]


def test_nobody_is_turned_away_while_a_tenant_moves_there_and_back(world: World) -> None:
    world.apply(NAME)
    assert world.ready(NAME)["status"]["servedBy"] == "Pooled"
    eventually(lambda: sample(world).served)
    with watching(world) as samples:
        world.apply(NAME, tier="Dedicated")
        eventually(lambda: condition(world.tenant(NAME), "ApiReady").get("reason") == "WorkloadUnavailable", timeout=20)
        waiting = condition(eventually(lambda: world.tenant(NAME)), "IngressReady")
        assert (waiting["reason"], waiting["message"]) == ("WaitingForDependency", "waits for workload")
        assert world.get(INGRESS) is None
        world.nodes.serve(CHILD)
        status = world.ready(NAME)["status"]
        assert (status["servedBy"], status["handover"]["from"]) == ("Dedicated", "Pooled")
        assert sample(world) == Sample(own_route=True, served=True)
        assert fleet_serves(world), "requests that were on their way, and proxies that are late"
        eventually(is_over(world), timeout=40)
        eventually(lambda: not fleet_serves(world), timeout=15)

        world.apply(NAME, tier="Pooled")
        status = world.ready(NAME)["status"]
        assert (status["servedBy"], status["handover"]["from"]) == ("Pooled", "Dedicated")
        assert world.get(INGRESS) is None
        assert pods(world) > 0
        eventually(is_over(world), timeout=40)
        eventually(lambda: world.get(DEPLOYMENT) is None, timeout=15)
    assert len(samples) > 50
    told = world.events(NAME)
    assert "DriftDetected" not in [reason for reason, _ in told]
    updates = [message for reason, message in told if reason == "Updated"]
    assert len(updates) == 2
    assert "tier differs" in updates[0]
    assert f"delete Deployment tenants/{CHILD}" in updates[1]
