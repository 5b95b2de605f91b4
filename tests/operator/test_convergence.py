"""What is converged is left alone: no write to the API server or to any backend."""

import pytest

from tests.support.world import World, settled
from tests.support.writes import kubernetes_writes, writes

NAMES = ("quiet-a", "quiet-b", "quiet-c")


@pytest.fixture(scope="module")
def quiet(world: World) -> World:
    for name in NAMES:
        world.apply(name, tier="Dedicated" if name == "quiet-c" else "Pooled")
    world.nodes.serve("quiet-c-directory")
    for name in NAMES:
        world.ready(name)
    settled(lambda: writes(world))
    return world


def test_the_counters_count(quiet: World) -> None:
    """Without this the zeroes below would prove nothing."""
    before = writes(quiet)
    quiet.apply("quiet-a", database={"connectionLimit": 9}, cors={"allowedOrigins": ["https://x.example"]})
    quiet.ready("quiet-a")
    quiet.apply("quiet-proof", deletionPolicy="Delete")
    quiet.ready("quiet-proof")
    quiet.delete("quiet-proof")
    counted = settled(lambda: writes(quiet)) - before
    assert counted.kubernetes > 0
    assert counted.postgres > 0
    assert counted.redis > 0
    assert counted.s3 > 0
    quiet.apply("quiet-a")
    quiet.ready("quiet-a")
    settled(lambda: writes(quiet))


def test_applying_the_same_again_writes_nothing(quiet: World) -> None:
    before = writes(quiet)
    for name in NAMES:
        quiet.apply(name, tier="Dedicated" if name == "quiet-c" else "Pooled")
    assert settled(lambda: writes(quiet), for_seconds=3) == before


def test_a_restart_with_everything_converged_writes_nothing(quiet: World) -> None:
    before, already = writes(quiet), len(kubernetes_writes(quiet))
    quiet.restart_operator()
    after = settled(lambda: writes(quiet), for_seconds=5)
    assert after == before, kubernetes_writes(quiet)[already:]


def test_sweeps_write_nothing(quiet: World) -> None:
    """The world's operator sweeps every two seconds."""
    before = writes(quiet)
    assert settled(lambda: writes(quiet), for_seconds=6) == before
