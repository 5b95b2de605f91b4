"""The operator when PostgreSQL's name leads from one server to another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from directory_local.machine import Machine
from directory_operator.errors import SystemUnavailable
from tests.support.goodbye import Line, line_to
from tests.support.standby import standby_of
from tests.systems.rig import Rig, connect, platform_on


@pytest.fixture(scope="module")
def own_machine() -> Iterator[Machine]:
    """A machine whose PostgreSQL may be stopped for good."""
    with Machine.temporary() as machine:
        machine.start("postgres")
        machine.prepare_database()
        yield machine


@pytest.fixture(scope="module")
def line(own_machine: Machine) -> Iterator[Line]:
    with line_to(own_machine.ports.postgres) as line:
        yield line


@pytest.fixture
async def moving_rig(own_machine: Machine, line: Line) -> AsyncIterator[Rig]:
    platform = platform_on(own_machine)
    postgres = platform.spec.postgres.model_copy(update={"port": line.port})
    moved = replace(platform, spec=platform.spec.model_copy(update={"postgres": postgres}))
    made = connect(own_machine, moved)
    yield made
    await made.backends.close()


async def test_a_standby_counts_as_away_and_the_promoted_one_is_found(
    moving_rig: Rig, own_machine: Machine, line: Line
) -> None:
    tenant = moving_rig.tenant("moved")
    assert await moving_rig.converge("postgres", tenant)
    with standby_of(own_machine, Path("standby")) as standby:
        line.lead_to(standby.port)
        with pytest.raises(SystemUnavailable, match=r"a standby answers|the connection failed"):
            await moving_rig.converge("postgres", tenant)
        standby.promote()
        for _ in range(100):
            try:
                assert await moving_rig.converge("postgres", tenant) == []
                break
            except SystemUnavailable:
                await asyncio.sleep(0.2)  # the breaker's pause, and the promotion
        else:
            raise AssertionError("the promoted server was not found")
