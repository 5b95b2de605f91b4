"""What is converged is left alone: no write to the API server or to any backend.

The tests of this module hand the count at rest on to each other, since MinIO's needs many seconds to come to rest.
"""

from dataclasses import dataclass

import pytest

from tests.support.world import World
from tests.support.writes import Writes, at_rest, kubernetes_writes

NAMES = ("quiet-a", "quiet-b", "quiet-c")


@dataclass
class Quiet:
    """Three converged tenants, and what had been written when they came to rest."""

    world: World
    written: Writes

    def apply_all(self) -> None:
        for name in NAMES:
            self.world.apply(name, tier="Dedicated" if name == "quiet-c" else "Pooled")

    def since(self) -> Writes:
        """Writes since the last call, once nothing more is written."""
        before, self.written = self.written, at_rest(self.world)
        return self.written - before


@pytest.fixture(scope="module")
def quiet(world: World) -> Quiet:
    world.restart_operator()  # it ends with what it had to save still after the outages of other tests
    world.nodes.serve("quiet-c-directory")
    converged = Quiet(world, Writes(0, 0, 0, 0))
    converged.apply_all()
    for name in NAMES:
        world.ready(name)
    counted = converged.since()
    assert min(counted.kubernetes, counted.postgres, counted.redis, counted.s3) > 0, "a counter that counts nothing"
    return converged


def test_applying_the_same_again_writes_nothing_and_nor_do_sweeps(quiet: Quiet) -> None:
    quiet.apply_all()
    assert quiet.since() == Writes(0, 0, 0, 0)


def test_a_restart_with_everything_converged_writes_nothing(quiet: Quiet) -> None:
    already = len(kubernetes_writes(quiet.world))
    quiet.world.restart_operator()
    assert quiet.since() == Writes(0, 0, 0, 0), kubernetes_writes(quiet.world)[already:]
