"""A Redis that comes back without its users has them again before anybody would sweep."""

import time

from tests.support.eventually import eventually
from tests.support.traces import Traces
from tests.support.world import World


def test_users_that_a_restart_forgot_are_there_again_within_seconds(world: World) -> None:
    names = ("remembered-a", "remembered-b")
    for name in names:
        world.apply(name)
    for name in names:
        world.ready(name)
    redis = world.machine.redis
    world.machine.supervisor.stop_program("redis")
    lines = redis.acl_file.read_text().splitlines(keepends=True)
    redis.acl_file.write_text(
        "".join(line for line in lines if line.startswith(("user default ", f"user {redis.admin} ")))
    )
    world.machine.start("redis")
    began = time.monotonic()
    for name in names:
        eventually(lambda name=name: Traces(world, name).redis_user(), timeout=10)
    assert time.monotonic() - began < 10
    eventually(lambda: "user dp-default " in redis.acl_file.read_text(), timeout=20)
