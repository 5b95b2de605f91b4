"""No secret that the platform made appears where it does not belong. Runs last: it reads all that the others caused."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from tests.support.world import World, processes_of

SHORTEST = 12  # characters; what is shorter (a user name) is no secret


@pytest.fixture(scope="module")
def secrets(world: World) -> dict[str, str]:
    """Every value of every Secret, and the operator's own passwords, by where it comes from."""
    world.apply("secretive", tier="Dedicated")
    world.nodes.serve("secretive-directory")
    world.ready("secretive")
    found: dict[str, str] = {}
    for item in world.get("/api/v1/secrets")["items"]:
        for key, value in (item.get("data") or {}).items():
            text = b64decode(value).decode(errors="replace").strip()
            public = key.endswith(("username", "s3-expires-at", "ca.crt", "context-key-id", "access-key-id", "tls.crt"))
            if len(text) >= SHORTEST and not public:
                found[f"{item['metadata']['name']}/{key}"] = text
    return found


def test_there_are_secrets_to_look_for(secrets: dict[str, str]) -> None:
    kinds = {name.split("/")[1].split(".")[0] for name in secrets}
    assert {"postgres-password", "redis-password", "jwt-signing-key", "admin-password", "s3-session-token"} <= kinds


def test_logs_hold_no_secret(world: World, secrets: dict[str, str]) -> None:
    logs = world.machine.supervisor.log("operator").parent
    for log in [path for path in logs.rglob("*") if path.is_file()]:
        assert_free(log.read_text(errors="replace"), secrets, log)


def test_objects_hold_no_secret(world: World, secrets: dict[str, str]) -> None:
    for path in (
        "/api/v1/events",
        "/apis/companydirectory.io/v1beta1/directorytenants",
        "/apis/companydirectory.io/v1beta1/directoryplatforms",
        "/apis/apps/v1/deployments",
        "/api/v1/pods",
        "/apis/networking.k8s.io/v1/ingresses",
    ):
        assert_free(json.dumps(world.get(path)), secrets, Path(path))


def test_process_arguments_hold_no_secret(world: World, secrets: dict[str, str]) -> None:
    arguments = processes_of(world.machine)
    assert any("directory_operator" in line for line in arguments)
    assert_free("\n".join(arguments), secrets, Path("ps"))


def test_postgres_saw_no_password(world: World, secrets: dict[str, str]) -> None:
    assert_free(
        world.statements("select string_agg(query, ' ') from pg_stat_statements"), secrets, Path("pg_stat_statements")
    )


def assert_free(text: str, secrets: dict[str, str], where: Path) -> None:
    leaked = [name for name, value in secrets.items() if value in text or _first_line(value) in text]
    assert leaked == [], f"{where} holds {leaked}"


def _first_line(value: str) -> str:
    """A key's PEM may be escaped: its first line of content is as telling."""
    lines = value.splitlines()
    return lines[1] if value.startswith("-----BEGIN") and len(lines) > 1 else value
