"""What is wrong is said in a condition with the way out, and never becomes a hot loop."""

import time

import pytest

from directory_local.errors import CommandFailed
from tests.support.eventually import eventually
from tests.support.world import World, condition
from tests.support.writes import kubernetes_writes


def reason_of(world: World, name: str, kind: str = "Ready") -> str:
    return str(condition(world.tenant(name), kind).get("reason"))


def test_an_unknown_platform(world: World) -> None:
    world.apply("nowhere", platformRef="atlantis")
    eventually(lambda: reason_of(world, "nowhere") == "PlatformNotFound")
    message = condition(world.tenant("nowhere"), "Ready")["message"]
    assert message == ("DirectoryPlatform atlantis does not exist: create it, or set spec.platformRef to one that does")
    assert _writes_while_waiting(world, "nowhere") == 0


def test_a_taken_slug_goes_to_the_elder_and_passes_on_when_it_goes(world: World) -> None:
    world.apply("elder", slug="contested", deletionPolicy="Delete")
    world.ready("elder")
    world.apply("younger", slug="contested", deletionPolicy="Delete")
    eventually(lambda: reason_of(world, "younger", "Stalled") == "Conflict")
    message = condition(world.tenant("younger"), "Ready")["message"]
    assert "slug contested" in message  # as this cluster or, for two of the same second, as the registry says it
    assert "tenants/elder" in message
    assert _writes_while_waiting(world, "younger") == 0
    world.delete("elder")
    world.ready("younger")
    world.delete("younger")


def test_a_taken_host(world: World) -> None:
    tls = {"tls": {"secretName": "custom-tls"}}
    world.apply("host-elder", hosts=["people.example.com"], ingress=tls)
    eventually(lambda: condition(world.tenant("host-elder"), "DatabaseReady").get("status") == "True")
    world.apply("host-younger", hosts=["people.example.com"], ingress=tls)
    eventually(lambda: reason_of(world, "host-younger", "Stalled") == "Conflict")
    assert "people.example.com" in condition(world.tenant("host-younger"), "Ready")["message"]
    for name in ("host-younger", "host-elder"):
        world.delete(name)


def test_an_elder_that_asks_later_does_not_take_a_host_from_whom_it_serves(world: World) -> None:
    wanted = {"hosts": ["staff.example.com"], "ingress": {"tls": {"secretName": "custom-tls"}}}
    world.apply("robber")
    world.ready("robber")
    world.apply("robbed", **wanted)  # its certificate is missing, which is no matter here
    eventually(lambda: condition(world.tenant("robbed"), "DatabaseReady").get("status") == "True")
    world.apply("robber", **wanted)
    eventually(lambda: reason_of(world, "robber", "Stalled") == "Conflict")
    assert "belongs to tenant robbed" in condition(world.tenant("robber"), "Ready")["message"]
    world.apply("robbed", displayName="Robbed in vain", **wanted)
    eventually(lambda: "vain" in world.sql("select display_name from registry.tenants where slug = 'robbed'"))
    assert condition(world.tenant("robbed"), "Stalled")["status"] == "False"
    for name in ("robber", "robbed"):
        world.delete(name)


def test_a_host_below_the_base_domain_is_nobodys_to_claim(world: World) -> None:
    world.apply("owner-of-it")
    host = world.ready("owner-of-it")["status"]["ingress"]["hosts"][0]
    later = host.replace("owner-of-it", "not-there-yet")
    for name, wanted in (("thief", host), ("squatter", later)):
        world.apply(name, hosts=[wanted], ingress={"tls": {"secretName": "custom-tls"}})
        eventually(lambda name=name: reason_of(world, name, "Stalled") == "InvalidSpec")
        assert condition(world.tenant(name), "Ready")["message"].startswith(f"spec.hosts[0]: {wanted} is below ")
        world.delete(name)


@pytest.mark.parametrize(
    ("program", "kind", "system"),
    [
        ("postgres", "DatabaseReady", "PostgreSQL"),
        ("redis", "CacheReady", "Redis"),
        ("minio", "StorageReady", "Object storage"),
    ],
)
def test_an_unreachable_backend(world: World, program: str, kind: str, system: str) -> None:
    name = f"without-{program}"
    world.machine.supervisor.stop_program(program)
    try:
        world.apply(name)
        eventually(lambda: reason_of(world, name, kind) == "BackendUnreachable", timeout=30)
        told = condition(world.tenant(name), kind)["message"]
        assert system in told
        assert "Check that it runs" in told
        assert _writes_while_waiting(world, name) <= 2
    finally:
        world.machine.supervisor.start_program(program)
    world.ready(name, timeout=60)
    world.delete(name)


def test_a_wrong_admin_password_of_the_platform(world: World) -> None:
    right = world.get("/api/v1/namespaces/directory-system/secrets/postgres-admin")["data"]["password"]

    def set_password(value: str) -> None:
        patch = f'{{"data": {{"password": "{value}"}}}}'
        world.kubectl("patch", "secret", "postgres-admin", "-n", "directory-system", "--type=merge", "-p", patch)

    set_password("d3Jvbmc=")
    try:
        world.apply("locked-out")
        platform = "/apis/companydirectory.io/v1beta1/directoryplatforms/default"
        eventually(lambda: condition(world.get(platform), "DatabaseReady").get("reason") == "AccessDenied", timeout=40)
        message = condition(world.get(platform), "DatabaseReady")["message"]
        assert "postgres-admin" in message or "directory_operator" in message
        eventually(lambda: condition(world.tenant("locked-out"), "Ready").get("status") == "False", timeout=40)
        assert _writes_while_waiting(world, "locked-out") <= 2
    finally:
        set_password(right)
    world.ready("locked-out", timeout=90)
    world.delete("locked-out")


@pytest.mark.parametrize("name", ["www", "UPPER", "a" * 41])
def test_what_the_schema_refuses_never_reaches_the_operator(world: World, name: str) -> None:
    with pytest.raises(CommandFailed, match=r"metadata\.name|slug|lower"):
        world.apply(name)


def _writes_while_waiting(world: World, name: str, seconds: float = 5.0) -> int:
    """Writes that the operator makes about one tenant in a while, after a short time to come to rest."""
    time.sleep(1.5)  # the attempt under way may still report
    before = _about(world, name)
    time.sleep(seconds)
    return _about(world, name) - before


def _about(world: World, name: str) -> int:
    return sum(f"/{name}" in entry["uri"] for entry in kubernetes_writes(world))
