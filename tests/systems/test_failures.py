"""Backends that are down, strange or closed to us: said quickly, in our own words, and without a secret."""

import asyncio
import logging
import socket
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from directory_operator.errors import AccessDenied, NotReady, SystemUnavailable
from directory_operator.reasons import Reason
from directory_operator.systems.protocol import System, SystemName
from directory_operator.systems.redis import connection as redis_connection
from directory_operator.systems.s3 import store
from directory_operator.tenant.model import Platform, Tenant
from tests.support.goodbye import line_to
from tests.systems.rig import NAMES, Rig, connect, platform_on, pool_credentials

WRONG = "wrong-but-still-a-secret-of-mine"


def elsewhere(platform: Platform, port: int) -> Platform:
    """The platform with every backend at another port."""
    spec = platform.spec
    return replace(
        platform,
        spec=spec.model_copy(
            update={
                "postgres": spec.postgres.model_copy(update={"port": port}),
                "redis": spec.redis.model_copy(update={"port": port}),
                "object_storage": spec.object_storage.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"}),
            }
        ),
    )


@pytest.fixture
async def nowhere(rig: Rig) -> AsyncIterator[Rig]:
    """Backends at a port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        made = connect(rig.machine, elsewhere(rig.platform, closed.getsockname()[1]))
        yield made
        await made.backends.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@pytest.fixture
async def stranger(rig: Rig) -> AsyncIterator[Rig]:
    """The right backends, and credentials that are none."""
    wrong = SecretStr(WRONG)
    made = connect(rig.machine, postgres_password=wrong, redis_password=wrong, s3_secret_access_key=wrong)
    yield made
    await made.backends.close()


def told(error: BaseException) -> str:
    """All that a log with a traceback would show."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("name", NAMES)
async def test_a_backend_that_is_down_is_said_at_once_and_then_left_alone(nowhere: Rig, name: SystemName) -> None:
    tenant, started = nowhere.tenant(), time.monotonic()
    system = nowhere.backends.systems[name]
    with pytest.raises(SystemUnavailable, match=r"can't be reached: .*nobody listens there") as failed:
        await system.observe(tenant)
    assert time.monotonic() - started < 3
    with pytest.raises(SystemUnavailable) as refused:
        await system.observe(tenant)
    assert refused.value.retry_after
    assert str(refused.value) == str(failed.value)  # or the condition would flap


@pytest.mark.parametrize("name", NAMES)
async def test_a_backend_that_never_answers_is_given_up_in_time(
    rig: Rig, silent_port: int, name: SystemName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connection, "COMMAND_TIMEOUT", 1)
    monkeypatch.setattr(store, "READ_TIMEOUT", 1)
    mute = connect(rig.machine, elsewhere(rig.platform, silent_port))
    started = time.monotonic()
    try:
        with pytest.raises(SystemUnavailable):
            await mute.backends.systems[name].observe(mute.tenant())
        assert time.monotonic() - started < 6
    finally:
        await mute.backends.close()


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_password_names_the_secret_to_mend(stranger: Rig, name: SystemName) -> None:
    secret = {"postgres": "postgres-admin", "redis": "redis-admin", "s3": "s3-admin"}[name]
    with pytest.raises(AccessDenied, match=f"Secret {secret} is wrong") as refused:
        await stranger.backends.systems[name].observe(stranger.tenant())
    assert WRONG not in told(refused.value)
    with pytest.raises(AccessDenied):
        await stranger.backends.platform_parts[name].observe(pool_credentials())


@pytest.mark.parametrize("name", NAMES)
async def test_no_error_and_no_log_line_holds_a_secret(
    rig: Rig, name: SystemName, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every write fails in turn, in the middle of sending it, with drivers that log all they can."""
    caplog.set_level(logging.DEBUG)
    tenant = rig.tenant()
    assert tenant.credentials
    mine = [
        tenant.credentials.postgres_password,
        tenant.credentials.redis_password,
        *tenant.credentials.admin_passwords.values(),
        SecretStr(rig.machine.redis.admin_password),
        SecretStr(rig.machine.minio.secret_access_key),
    ]
    broken = connect(rig.machine)
    system = broken.backends.systems[name]
    changes = await broken.planned(name, tenant)
    said = [*map(str, changes), *map(repr, changes), repr(tenant), repr(system.desired(tenant))]
    rig.machine.supervisor.stop_program({"postgres": "postgres", "redis": "redis", "s3": "minio"}[name])
    try:
        for change in changes:
            with pytest.raises(SystemUnavailable) as failed:
                await system.apply(tenant, change)
            said.append(told(failed.value))
    finally:
        rig.machine.supervisor.start_program({"postgres": "postgres", "redis": "redis", "s3": "minio"}[name])
        rig.machine.start({"postgres": "postgres", "redis": "redis", "s3": "minio"}[name])
        await broken.backends.close()
    everything = "\n".join([*said, caplog.text])
    assert [secret for secret in mine if secret.get_secret_value() in everything] == []


async def test_a_server_that_says_goodbye_over_an_idle_connection_is_unavailable_and_then_asked_anew(rig: Rig) -> None:
    tenant = rig.tenant()
    with line_to(rig.machine.ports.postgres) as line:
        mine = connect(rig.machine, elsewhere(rig.platform, line.port))
        postgres = mine.backends.systems["postgres"]
        try:
            await postgres.observe(tenant)
            line.say_goodbye()
            await asyncio.sleep(0.1)  # until the driver has read it
            with pytest.raises(SystemUnavailable):
                await postgres.observe(tenant)
            await answers(postgres, tenant)
        finally:
            await mine.backends.close()


async def test_a_backend_that_comes_back_is_used_again(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    rig.machine.supervisor.stop_program("redis")
    with pytest.raises(SystemUnavailable):
        await rig.backends.systems["redis"].observe(tenant)
    rig.machine.start("redis")
    await answers(rig.backends.systems["redis"], tenant)


async def answers(system: System[Any, Any, Any], tenant: Tenant) -> None:
    """Wait until the system is asked again and answers."""
    started = time.monotonic()
    while True:
        try:
            await system.observe(tenant)
        except SystemUnavailable:
            assert time.monotonic() - started < 20
            await asyncio.sleep(0.1)
        else:
            return


async def test_a_database_without_the_schema_says_to_migrate(rig: Rig) -> None:
    rig.machine.postgres.create_database("empty")
    rig.sql("GRANT CONNECT ON DATABASE empty TO directory_operator")
    platform = platform_on(rig.machine)
    empty = platform.spec.postgres.model_copy(update={"database": "empty"})
    bare = connect(rig.machine, replace(platform, spec=platform.spec.model_copy(update={"postgres": empty})))
    absent = platform.spec.postgres.model_copy(update={"database": "absent"})
    none = connect(rig.machine, replace(platform, spec=platform.spec.model_copy(update={"postgres": absent})))
    try:
        for each in (bare, none):
            with pytest.raises(NotReady, match="directory-migrate") as refused:
                await each.backends.platform_parts["postgres"].observe(pool_credentials())
            assert refused.value.reason is Reason.SCHEMA_MISMATCH
    finally:
        await bare.backends.close()
        await none.backends.close()
