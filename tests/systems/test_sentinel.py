"""Redis behind Sentinels: users are on every server, whoever is primary, and soon again on one that forgot them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from directory_local.machine import Machine
from directory_local.parts.redis import Redis
from directory_operator.errors import SystemUnavailable
from directory_operator.platform.cache_watch import CacheWatch
from directory_operator.tenant.model import Platform, Tenant
from tests.support.eventually import eventually
from tests.support.sentinel import (
    ADMIN,
    NAME,
    PASSWORD,
    SEEKER,
    SEEKERS_PASSWORD,
    Server,
    Watched,
    forget_users,
    watched_redis,
)
from tests.systems.rig import Rig, connect, platform_on, pool_credentials


@pytest.fixture(scope="module")
def watched(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_redis(redis_server.binary, tmp_path_factory.mktemp("sentinel")) as watched:
        yield watched


def sentinel_platform(machine: Machine, watched: Watched) -> Platform:
    platform = platform_on(machine)
    body: dict[str, Any] = platform.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    body["redis"] = {
        "sentinel": {"masterName": NAME, "hosts": [{"host": "127.0.0.1", "port": watched.sentinel.port}]},
        "tls": False,
        "adminSecretRef": {"name": "redis-admin"},
    }
    return replace(platform, spec=type(platform.spec).model_validate(body))


@pytest.fixture
async def sentinel_rig(machine: Machine, watched: Watched) -> AsyncIterator[Rig]:
    secrets = {
        "redis_username": ADMIN,
        "redis_password": SecretStr(PASSWORD),
        "sentinel_username": SEEKER,
        "sentinel_password": SecretStr(SEEKERS_PASSWORD),
        "postgres_password": SecretStr("unused"),
        "s3_access_key_id": "unused",
        "s3_secret_access_key": SecretStr("unused"),
    }
    made = connect(machine, sentinel_platform(machine, watched), **secrets)
    yield made
    made.prefixes.clear()
    await made.backends.close()


def lets_in(server: Server, tenant: Tenant) -> bool:
    assert tenant.credentials
    try:
        with server.client(tenant.names.redis_user, tenant.credentials.redis_password.get_secret_value()) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


async def soon(sentinel_rig: Rig, tenant: Tenant) -> list[str]:
    """Converged, after the breaker's pauses."""
    for _ in range(100):
        try:
            return await sentinel_rig.converge("redis", tenant)
        except SystemUnavailable:
            await asyncio.sleep(0.2)
    raise AssertionError("never available")


async def test_a_user_is_kept_on_every_server(sentinel_rig: Rig, watched: Watched) -> None:
    tenant = sentinel_rig.tenant()
    assert len(await sentinel_rig.converge("redis", tenant)) == 1
    assert [lets_in(server, tenant) for server in watched.servers] == [True, True]
    assert await sentinel_rig.converge("redis", tenant) == []
    for server in (watched.replica(), watched.primary()):
        with server.client() as client:
            client.acl_deluser(tenant.names.redis_user)
        (change,) = await sentinel_rig.converge("redis", tenant)
        assert "it doesn't exist" in change
        assert lets_in(server, tenant)
    assert len(await sentinel_rig.converge("redis", tenant, wanted=False)) == 3
    assert [lets_in(server, tenant) for server in watched.servers] == [False, False]


async def test_a_fail_over_is_followed_and_one_that_forgot_is_told_again(sentinel_rig: Rig, watched: Watched) -> None:
    tenant = sentinel_rig.tenant()
    await sentinel_rig.converge("redis", tenant)
    noticed: list[str] = []

    async def note(name: str) -> None:
        noticed.append(name)

    watch = CacheWatch(lambda: {"default": sentinel_rig.backends}, note)
    for _ in range(2):
        await watch.look("default", sentinel_rig.backends)
    assert noticed == []

    before, after = watched.fail_over()
    assert lets_in(after, tenant), "it was there before it was needed"
    assert await soon(sentinel_rig, tenant) == []
    await watch.look("default", sentinel_rig.backends)
    assert noticed == ["default"]
    platform = sentinel_rig.backends.platform_parts["redis"]
    await watch.look("default", sentinel_rig.backends)
    noticed.clear()

    forget_users(before)
    before.start()
    eventually(watched.both_up, timeout=30)
    assert not lets_in(before, tenant)
    await watch.look("default", sentinel_rig.backends)
    assert noticed == ["default"]
    assert len(await sentinel_rig.converge("redis", tenant)) == 1
    assert lets_in(before, tenant)
    pool = pool_credentials()
    assert "reach" not in platform.remark(await platform.observe(pool))


async def test_a_replica_that_is_away_holds_nobody_up_and_is_named(sentinel_rig: Rig, watched: Watched) -> None:
    replica = watched.replica()
    with replica.client() as client:
        client.acl_setuser(ADMIN, enabled=True, reset=True, passwords=["+another"], categories=["+@all"])
    tenant = sentinel_rig.tenant()
    assert len(await sentinel_rig.converge("redis", tenant)) == 1
    platform = sentinel_rig.backends.platform_parts["redis"]
    assert f"127.0.0.1:{replica.port}" in platform.remark(await platform.observe(pool_credentials()))
