"""Killed at any side effect of a creation or a deletion, the next start converges and nothing is left over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.traces import Traces
from tests.support.world import NAMESPACE, World, a_manifest, condition

MOST = 19
"""More side effects than any life has: a run that is never killed ends the enumeration."""
QUIET = {"DIRECTORY_OPERATOR_METRICS_PORT": "0", "DIRECTORY_OPERATOR_HEALTH_PORT": "0"}


class Crasher:
    """Runs the operator once, killed at a given side effect."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self._diary = folder / "diary"
        program = world.machine.operator_program()
        self._environment = {**os.environ, **program.environment, **QUIET}

    def run(self, tenant: str, number: int, moment: str, done: Callable[[], bool]) -> str | None:
        """The side effect at which it was killed; None if `done` came first, and it was stopped in peace."""
        self._diary.write_text("")
        environment = self._environment | {"CRASH_TENANT": tenant, "CRASH_DIARY": str(self._diary)}
        command = [sys.executable, "-m", "tests.support.crashing_operator", str(number), moment]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + 60
            while process.poll() is None:
                if done() or time.monotonic() > deadline:
                    process.send_signal(signal.SIGTERM)
                    process.wait(20)
                    assert time.monotonic() < deadline, "neither killed nor done"
                    return None
                time.sleep(0.05)
        assert process.returncode == -signal.SIGKILL
        return self._diary.read_text().splitlines()[number - 1]


@pytest.fixture(scope="module")
def crasher(world: World, tmp_path_factory: pytest.TempPathFactory) -> Crasher:
    return Crasher(world, tmp_path_factory.mktemp("crashes"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_creation_survives_every_crash(crasher: Crasher, moment: str) -> None:
    world = crasher.world
    born: dict[str, str] = {}
    world.stop_operator()
    try:
        for number in range(1, MOST):
            name = f"born-{moment}-{number}"
            world.apply(name, deletionPolicy="Delete")
            killed_at = crasher.run(name, number, moment, lambda name=name: _is_ready(world, name))
            if killed_at is None:
                break
            born[name] = killed_at
    finally:
        world.start_operator()
    assert killed_at is None, "more side effects than were tried"
    assert systems(born) == {"kubernetes", "postgres", "redis", "s3"}
    for each, effect in born.items():
        world.ready(each)
        assert Traces(world, each).role() == "can log in", f"killed {moment} {effect}"
    world.kubectl("delete", "dt", *born, name, "-n", NAMESPACE, "--timeout=60s")
    assert_nothing_left(world, born, moment)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_survives_every_crash(crasher: Crasher, moment: str) -> None:
    world = crasher.world
    names = [f"dying-{moment}-{number}" for number in range(1, MOST)]
    manifests = [a_manifest(name, deletionPolicy="Delete") for name in names]
    world.kubectl("apply", "-f", "-", objects={"apiVersion": "v1", "kind": "List", "items": manifests})
    for name in names:
        world.ready(name)
        Traces(world, name).add_person_and_photo()
    died: dict[str, str] = {}
    world.stop_operator()
    try:
        for number, name in enumerate(names, 1):
            world.delete(name, wait=False)
            killed_at = crasher.run(name, number, moment, lambda name=name: world.tenant(name) is None)
            if killed_at is None:
                break
            died[name] = killed_at
    finally:
        world.start_operator()
    assert killed_at is None, "more side effects than were tried"
    assert systems(died) == {"kubernetes", "postgres", "redis", "s3"}
    for name in died:
        eventually(lambda name=name: world.tenant(name) is None, timeout=30)
    assert_nothing_left(world, died, moment)
    for name in names[len(died) + 1 :]:
        assert Traces(world, name).rows() == 1, "a tenant that nobody deleted"
    world.kubectl("delete", "dt", *names, "-n", NAMESPACE, "--ignore-not-found", "--timeout=60s")


def systems(killed: dict[str, str]) -> set[str]:
    """Whose side effects they were, which enough were counted of."""
    assert len(killed) > 8, killed
    return {effect.split()[0] for effect in killed.values()}


def assert_nothing_left(world: World, killed: dict[str, str], moment: str) -> None:
    for name, effect in killed.items():
        assert Traces(world, name).everything() == Traces.NOTHING, f"killed {moment} {effect}"


def _is_ready(world: World, name: str) -> bool:
    return condition(world.tenant(name), "Ready").get("status") == "True"
