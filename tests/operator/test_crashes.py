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
from tests.support.world import World, condition

MOST = 60
"""More side effects than any life has: a run that is never killed ends the enumeration."""


class Crasher:
    """Runs the operator once, killed at a given side effect."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self._diary = folder / "diary"
        program = world.machine.operator_program()
        self._environment = {**os.environ, **program.environment}

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
        return self._diary.read_text().splitlines()[-1]


@pytest.fixture(scope="module")
def crasher(world: World, tmp_path_factory: pytest.TempPathFactory) -> Crasher:
    return Crasher(world, tmp_path_factory.mktemp("crashes"))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_creation_survives_every_crash(crasher: Crasher, moment: str) -> None:
    world = crasher.world
    seen: list[str] = []
    for number in range(1, MOST):
        name = f"born-{moment}-{number}"
        world.stop_operator()
        world.apply(name, deletionPolicy="Delete")
        killed_at = crasher.run(name, number, moment, lambda name=name: _is_ready(world, name))
        world.start_operator()
        world.ready(name)
        assert Traces(world, name).role() == "can log in"
        world.delete(name)
        assert Traces(world, name).everything() == Traces.NOTHING, f"killed {moment} {killed_at}"
        if killed_at is None:
            break
        seen.append(killed_at.split()[0])
    assert set(seen) == {"kubernetes", "postgres", "redis", "s3"}
    assert number > 10, "too few side effects were counted"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_survives_every_crash(crasher: Crasher, moment: str) -> None:
    world = crasher.world
    seen: list[str] = []
    for number in range(1, MOST):
        name = f"dying-{moment}-{number}"
        world.apply(name, deletionPolicy="Delete")
        world.ready(name)
        Traces(world, name).add_person_and_photo()
        world.stop_operator()
        world.delete(name, wait=False)
        killed_at = crasher.run(name, number, moment, lambda name=name: world.tenant(name) is None)
        world.start_operator()
        eventually(lambda name=name: world.tenant(name) is None, timeout=30)
        assert Traces(world, name).everything() == Traces.NOTHING, f"killed {moment} {killed_at}"
        if killed_at is None:
            break
        seen.append(killed_at.split()[0])
    assert {"kubernetes", "postgres", "redis", "s3"} <= set(seen)


def _is_ready(world: World, name: str) -> bool:
    return condition(world.tenant(name), "Ready").get("status") == "True"
