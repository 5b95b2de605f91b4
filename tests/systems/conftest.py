"""The three backends, started once."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from directory_local.machine import Machine
from tests.systems.rig import Rig, connect


@pytest.fixture(scope="session")
async def rig(machine: Machine, postgres_server: Any, redis_server: Any, minio_server: Any) -> AsyncIterator[Rig]:
    if "operator" in machine.supervisor.states():
        # Other tests' operator, with a platform of the same name: it would repair what is broken here on purpose.
        machine.supervisor.stop_program("operator")
    made = connect(machine)
    yield made
    await made.backends.close()


@pytest.fixture(autouse=True)
def _no_keys_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "rig" in request.fixturenames:
        request.getfixturevalue("rig").forget_keys()
