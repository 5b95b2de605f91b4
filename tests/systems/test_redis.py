"""A tenant in Redis: what it may send, what is repaired, what goes away."""

from dataclasses import replace
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.support.eventually import eventually
from tests.systems.rig import Rig, connect, pool_credentials, reborn, with_credentials

BROKEN = {
    "disabled": (["off"], "it is disabled"),
    "no password": (["nopass"], "it has nopass; password differs"),
    "another password": ([">other"], "password differs"),
    "all keys": (["allkeys"], "key patterns differ"),
    "another's keys": (["~t:other:*"], "key patterns differ"),
    "no keys": (["resetkeys"], "owner differs; key patterns differ"),
    "another's channels": (["&t:other:*"], "channels differ"),
    "all channels": (["allchannels"], "channels differ"),
    "a command more": (["+keys"], "commands too many: keys"),
    "a category more": (["+@scripting"], "commands too many: eval, eval_ro, evalsha, evalsha_ro, fcall and"),
    "all commands": (["allcommands"], "commands too many"),
    "a command less": (["-get"], "commands missing: get"),
    "a selector": (["(+keys ~*)"], "it has selectors"),
    "unsanitized": (["skip-sanitize-payload"], "it has skip-sanitize-payload"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_by_hand_is_repaired(rig: Rig, name: str) -> None:
    rules, expected = BROKEN[name]
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    rig.redis.execute_command("ACL", "SETUSER", tenant.names.redis_user, *rules)
    [change] = await rig.converge("redis", tenant)
    assert change.startswith(f"set ACL user {tenant.names.redis_user} (")
    assert expected in change
    assert rig.redis_as(tenant).ping()


async def test_a_deleted_user_is_made_again(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    rig.redis.acl_deluser(tenant.names.redis_user)
    assert await rig.converge("redis", tenant) == [f"set ACL user {tenant.names.redis_user} (it doesn't exist)"]


async def test_a_tenant_has_its_own_keys_and_no_way_to_learn_of_others(rig: Rig) -> None:
    tenant, other = rig.tenant(), rig.tenant()
    await rig.converge("redis", tenant)
    client = rig.redis_as(tenant)
    own, foreign = f"{tenant.names.key_prefix}a", f"{other.names.key_prefix}a"
    rig.redis.set(foreign, "secret")
    client.set(own, "1", ex=60)
    assert client.get(own) == "1"
    refused = (
        ("GET", foreign),
        ("EXISTS", foreign),
        ("SET", foreign, "x"),
        ("MGET", own, foreign),
        ("GET", f"{tenant.names.key_prefix[:-1]}-2:a"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("DBSIZE",),
        ("RANDOMKEY",),
        ("INFO",),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("CONFIG", "GET", "*"),
        ("EVAL", "return 1", "0"),
        ("SELECT", "0"),
        ("PUBSUB", "CHANNELS"),
        ("SORT", own, "GET", foreign),
        ("SUBSCRIBE", f"{other.names.key_prefix}news"),
        ("PUBLISH", f"{other.names.key_prefix}news", "x"),
        ("FLUSHALL",),
    )
    for command in refused:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)


async def test_a_new_password_replaces_the_old_one(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    renewed = with_credentials(tenant, "second")
    assert await rig.converge("redis", renewed) == [f"set ACL user {tenant.names.redis_user} (password differs)"]
    with pytest.raises(redis.exceptions.AuthenticationError):
        rig.redis_as(tenant).ping()
    assert rig.redis_as(renewed).ping()


async def test_removal_takes_the_tenants_keys_and_connections_and_nobody_elses(rig: Rig) -> None:
    tenant = rig.tenant()
    neighbour = rig.tenant(f"{tenant.name}-2")
    for each in (tenant, neighbour):
        await rig.converge("redis", each)
        rig.redis.mset({f"{each.names.key_prefix}{number}": "x" for number in range(2500)})
    session = rig.redis_as(tenant)
    session.ping()
    assert await rig.converge("redis", tenant, wanted=False) == [
        f"disable ACL user {tenant.names.redis_user}",
        f"delete keys {tenant.names.key_prefix}*",
        f"delete ACL user {tenant.names.redis_user}",
    ]
    with pytest.raises(redis.exceptions.RedisError):
        session.ping()
    assert not rig.redis.keys(f"{tenant.names.key_prefix}*")
    assert len(rig.redis.keys(f"{neighbour.names.key_prefix}*")) == 2500
    await rig.backends.systems["redis"].release(neighbour)
    assert not rig.redis.keys(f"{neighbour.names.key_prefix}*")
    assert rig.redis.acl_getuser(neighbour.names.redis_user) is None


async def test_who_holds_the_slug_takes_the_user_over(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    heir = reborn(tenant)
    [change] = await rig.converge("redis", heir)
    assert "owner differs" in change
    assert await rig.planned("redis", tenant, wanted=False) == []


async def test_users_are_saved_to_the_acl_file_and_survive_a_restart(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("redis", tenant)
    saved = rig.redis.config_get("aclfile")["aclfile"]
    with open(saved) as file:  # noqa: ASYNC230 - a local file, in a test
        before = file.read()
    assert tenant.names.redis_user not in before
    await rig.backends.systems["redis"]._acl_file.close()
    with open(saved) as file:  # noqa: ASYNC230
        assert tenant.names.redis_user in file.read()
    rig.machine.supervisor.restart("redis")
    eventually(lambda: _answers(rig))
    assert rig.redis_as(tenant).ping()
    assert await rig.planned("redis", tenant) == []


async def test_the_pools_user_reaches_all_tenants_keys_and_nothing_else(rig: Rig) -> None:
    part, pool = rig.backends.platform_parts["redis"], pool_credentials()
    for change in part.plan(pool, await part.observe(pool)):
        await part.apply(pool, change)
    observed = await part.observe(pool)
    assert part.plan(pool, observed) == ()
    assert part.remark(observed) == ""
    fleet = redis.Redis(
        host=rig.machine.redis.host,
        port=rig.machine.redis.port,
        username="dp-default",
        password=pool.redis_password.get_secret_value(),
        driver_info=None,
    )
    fleet.set(f"{rig.tenant().names.key_prefix}key", "1", ex=5)
    for command in (("GET", "other"), ("KEYS", "*"), ("SCAN", "0")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            fleet.execute_command(*command)
    renewed = replace(pool_credentials(), generation="second")
    assert [str(each) for each in part.plan(renewed, observed)] == ["set ACL user dp-default (password differs)"]


def _answers(rig: Rig) -> bool:
    try:
        return bool(rig.redis.ping())
    except redis.exceptions.ConnectionError:
        return False


def documented_rules() -> list[str]:
    """The rules, without the password, of the line in docs/reference/backends.md."""
    start = "user directory-operator on >… "
    lines = Path("docs/reference/backends.md").read_text().splitlines()
    [rules] = [line.strip().removeprefix(start) for line in lines if line.strip().startswith(start)]
    return rules.split()


async def test_the_documented_rights_of_the_operators_own_user_are_enough(rig: Rig) -> None:
    rig.redis.execute_command("ACL", "SETUSER", "least", "reset", "on", ">least-password", *documented_rules())
    least = connect(rig.machine, redis_username="least", redis_password=SecretStr("least-password"))
    try:
        tenant = least.tenant()
        await least.converge("redis", tenant)
        rig.redis.set(f"{tenant.names.key_prefix}some", "value")
        assert await least.converge("redis", tenant) == []
        await least.converge("redis", tenant, wanted=False)
        await least.backends.platform_parts["redis"].observe(pool_credentials())
        assert await least.backends.systems["redis"]._acl_file._save()
    finally:
        await least.backends.close()
        rig.redis.acl_deluser("least")
