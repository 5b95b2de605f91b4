"""Taking the product away, in whatever order: data is kept, and nothing hangs on a finalizer of ours."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from directory_local.machine import Machine
from tests.support.eventually import eventually
from tests.support.nodes import Nodes
from tests.support.traces import Traces
from tests.support.world import TENANTS, World, condition

PLATFORM = "/apis/companydirectory.io/v1beta1/directoryplatforms/default"
CRDS = ("directorytenants.companydirectory.io", "directoryplatforms.companydirectory.io")
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "operator", "namespace": "directory-system", "finalizers": ["example.org/still-stopping"]},
    "spec": {"containers": [{"name": "operator", "image": "none.example/none"}]},
}


@pytest.fixture(scope="module")
def own_world() -> Iterator[World]:
    """A world that may end."""
    quick = {"DIRECTORY_OPERATOR_SWEEP_INTERVAL_SECONDS": "2", "DIRECTORY_OPERATOR_PLATFORM_PROBE_SECONDS": "2"}
    with Machine.temporary(operator_environment=quick) as machine:
        machine.start("platform", "operator", "pool")
        with Nodes(machine.kubernetes) as nodes:
            yield World(machine, nodes)


@pytest.fixture
def installed(own_world: World) -> World:
    """Everything there and running, whatever the test before took away."""
    own_world.machine.start("platform", "operator", "pool")
    eventually(lambda: condition(own_world.get(PLATFORM), "Ready").get("status") == "True", timeout=60)
    return own_world


def make(world: World, name: str, **spec: object) -> Traces:
    world.apply(name, **spec)
    world.ready(name)
    traces = Traces(world, name)
    traces.add_person_and_photo()
    return traces


def release(world: World) -> str:
    program = world.machine.operator_program()
    command = [sys.executable, "-m", "directory_operator", "release"]
    done = subprocess.run(command, env=program.environment, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout


def finalizers(world: World) -> list[str]:
    items = [*world.get(TENANTS.format("tenants"))["items"], world.get(PLATFORM)]
    return [each for item in items if item for each in item["metadata"].get("finalizers", [])]


def test_a_platform_stays_as_long_as_a_tenant_lives_on_it(installed: World) -> None:
    world = installed
    traces = make(world, "resident")
    world.kubectl("delete", "dplat", "default", "--wait=false")
    told = eventually(
        lambda: (found := condition(world.get(PLATFORM), "Ready")).get("reason") == "Deleting" and found, timeout=15
    )
    assert "goes once its 1 tenants are gone (tenants/resident)" in told["message"]
    world.sql("alter role dt_resident connection limit 1")
    eventually(lambda: world.sql("select rolconnlimit from pg_roles where rolname = 'dt_resident'") == "20", timeout=20)
    assert condition(world.tenant("resident"), "Ready")["status"] == "True"
    world.apply("newcomer")
    eventually(lambda: condition(world.tenant("newcomer"), "Ready").get("reason") == "Deleting", timeout=15)
    world.delete("newcomer")
    world.delete("resident")
    eventually(lambda: world.get(PLATFORM) is None, timeout=15)
    assert traces.registry() == "Released"


def test_whoever_removes_the_operator_first_lets_go_first_and_may_come_back(installed: World) -> None:
    world = installed
    kept, doomed = make(world, "kept-on"), make(world, "doomed-later", deletionPolicy="Delete")
    world.stop_operator()
    assert "let go of 3 tenants and platforms" in release(world)
    assert "let go of 0 tenants and platforms" in release(world)
    assert finalizers(world) == []
    assert (kept.role(), doomed.rows()) == ("can log in", 1)
    world.start_operator()
    eventually(lambda: len(finalizers(world)) == 3, timeout=30)
    world.stop_operator()
    release(world)
    world.kubectl("delete", "crd", *CRDS, "--timeout=30s")
    assert [each.rows() for each in (kept, doomed)] == [1, 1]
    assert [each.objects() for each in (kept, doomed)] == [1, 1]
    world.machine.start("platform", "operator")
    eventually(lambda: condition(world.get(PLATFORM), "Ready").get("status") == "True", timeout=60)
    eventually(lambda: (kept.registry(), doomed.registry()) == ("Released", "Released"), timeout=30)
    world.apply("doomed-later")
    world.ready("doomed-later")
    assert (doomed.rows(), doomed.objects()) == (1, 1)


@pytest.mark.parametrize("order", [CRDS, CRDS[::-1]], ids=["tenants first", "platforms first"])
def test_crds_that_go_while_the_operator_runs_take_no_data_along(installed: World, order: tuple[str, str]) -> None:
    world = installed
    names = [f"{which}-{order[0].split('.')[0][9:]}" for which in ("kept", "would-go")]
    kept, would_go = make(world, names[0]), make(world, names[1], deletionPolicy="Delete")
    for crd in order:
        world.kubectl("delete", "crd", crd, "--timeout=60s")
    assert [each.rows() for each in (kept, would_go)] == [1, 1]
    assert [each.objects() for each in (kept, would_go)] == [1, 1]
    world.stop_operator()


def test_the_operators_namespace_may_go_first(installed: World) -> None:
    world = installed
    traces = make(world, "homeless", deletionPolicy="Delete")
    world.kubectl("apply", "-f", "-", objects=POD)
    world.kubectl("delete", "namespace", "directory-system", "--wait=false")
    world.stop_operator()
    assert finalizers(world) == []
    world.kubectl("delete", "dt", "homeless", "-n", "tenants", "--timeout=20s")
    assert (traces.rows(), traces.objects()) == (1, 1)
    patch = json.dumps({"metadata": {"finalizers": None}})
    world.kubectl("patch", "pod", "operator", "-n", "directory-system", "--type=merge", "-p", patch)
    world.kubectl("wait", "--for=delete", "namespace/directory-system", "--timeout=60s")
