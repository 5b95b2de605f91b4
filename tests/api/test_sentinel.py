"""Redis behind Sentinels: the API follows a fail-over, and answers everybody meanwhile."""

from pathlib import Path
from uuid import uuid4

import pytest

from directory_contract import environment as env
from directory_operator.systems.redis.desired import COMMANDS
from tests.support.api import serving
from tests.support.eventually import eventually
from tests.support.sentinel import NAME, SEEKER, SEEKERS_PASSWORD, Watched, watched_redis
from tests.support.tenants import Backends, Login


def environment_of(backends: Backends, login: Login, folder: Path, watched: Watched) -> dict[str, str]:
    environment = backends.environment(login, folder)
    del environment[env.REDIS_HOST], environment[env.REDIS_PORT]
    (folder / env.REDIS_SENTINEL_USERNAME_FILE).write_text(SEEKER)
    (folder / env.REDIS_SENTINEL_PASSWORD_FILE).write_text(SEEKERS_PASSWORD)
    nowhere, somewhere = "127.0.0.1:1", f"127.0.0.1:{watched.sentinel.port}"
    return environment | {env.REDIS_SENTINELS: f"{nowhere}, {somewhere}", env.REDIS_SENTINEL_MASTER: NAME}


def test_a_fail_over_costs_counting_and_no_request(backends: Backends, tmp_path: Path) -> None:
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    tenant = backends.tenant(f"watched-{uuid4().hex[:8]}")
    with watched_redis(backends.machine.redis.binary, tmp_path / "redis") as watched:
        for server in watched.servers:
            with server.client() as client:
                allowed = [f"+{command}" for command in sorted(COMMANDS)]
                rules = ("reset", "on", f">{login.password}", "~t:*", "-@all", *allowed)
                client.execute_command("ACL", "SETUSER", login.redis_user, *rules)
        with serving(environment_of(backends, login, tmp_path / "secrets", watched), tmp_path) as api:
            caller = api.caller(tenant).signed_in()
            assert "ratelimit" in caller.get("/me").headers
            before = watched.primary()
            before.kill()

            def follows() -> bool:
                answer = caller.get("/me")
                assert answer.status_code == 200
                return watched.primary() is not before and "ratelimit" in answer.headers

            eventually(follows, timeout=30)
            assert "backward compatibility" not in api.lines()


@pytest.mark.parametrize(
    "harm",
    [{env.REDIS_HOST: "127.0.0.1"}, {env.REDIS_SENTINEL_MASTER: ""}, {env.REDIS_SENTINELS: ""}],
    ids=["both", "no name", "neither"],
)
def test_half_a_configuration_is_refused(harm: dict[str, str], tmp_path: Path) -> None:
    from pydantic import ValidationError

    from directory_api.settings import Settings

    given = {"redis_sentinels": "a:1", "redis_sentinel_master": "directory"}
    given |= {name.removeprefix(env.PREFIX).lower(): value for name, value in harm.items()}
    with pytest.raises(ValidationError, match="REDIS_"):
        Settings(tier="Pooled", secrets_directory=tmp_path, base_domain="directory.example", postgres_host="a", **given)
