"""What the operator does not find when it, or a backend, starts: users in Redis, kinds in Kubernetes."""

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


def test_a_cluster_without_the_gateway_api_is_no_trouble(world: World) -> None:
    assert world.get("/apis/gateway.networking.k8s.io/v1") is None
    world.apply("gateless", tier="Dedicated")
    world.nodes.serve("gateless-directory")
    world.ready("gateless")
    world.kubectl("delete", "ingress", "gateless-directory", "-n", "tenants")
    eventually(lambda: world.get("/apis/networking.k8s.io/v1/namespaces/tenants/ingresses/gateless-directory"))
