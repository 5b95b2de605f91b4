"""Redis: every key the API writes is the tenant's, and a tenant's user reaches no other."""

import re

import pytest
from redis.exceptions import NoPermissionError

from tests.isolation.conftest import Inhabited
from tests.isolation.test_routes import COLLECTIONS, OWNED, REFERENCES, send
from tests.support.tenants import Backends, Login

# Every kind of key the API writes. A new kind must be added here, after looking at what it holds.
KINDS = {
    r"rate:\d+",
    r"cache:version",
    r"cache:[0-9a-f]{16}:[0-9a-f]{32}",
    r"login:both:\d+:[0-9a-f]{32}",
    r"login:email:\d+:[0-9a-f]{32}",
    r"login:address:\d+:[0-9a-f]{32}",
}


def exercise(inhabited: Inhabited) -> None:
    """Every route there is, twice, so that whatever writes keys has written them."""
    for _ in range(2):
        for route, fill in {**COLLECTIONS, **REFERENCES, **OWNED}.items():
            if route.startswith(("GET", "POST")):
                send(inhabited.admin, route, fill(inhabited))
    inhabited.admin.post("/auth/login", {"email": "nobody@x.example", "password": "wrong"})
    inhabited.admin.post("/auth/refresh", {"refresh_token": "x"})
    inhabited.admin.put("/me/password", {"current_password": "wrong", "new_password": "another good password"})
    inhabited.admin.get("/.well-known/jwks.json")


def test_every_key_is_of_a_known_kind_below_the_tenants_prefix(
    backends: Backends, attacker: Inhabited, victim: Inhabited
) -> None:
    for inhabited in (attacker, victim):
        exercise(inhabited)
    seen = set()
    for key in backends.redis().scan_iter("*"):
        prefix, slug, name = key.decode().split(":", 2)
        assert prefix == "t"
        assert slug
        matching = {kind for kind in KINDS if re.fullmatch(kind, name)}
        assert matching, f"{name}: a kind of key that no isolation test knows"
        if slug in {attacker.tenant.slug, victim.tenant.slug}:
            seen |= matching
    assert seen == KINDS, "a kind nobody writes any more"


READS = ("GET", "STRLEN", "EXISTS", "TYPE", "TTL", "GETDEL", "DEL", "INCR", "PERSIST")


def test_a_tenants_user_reaches_no_other_key(backends: Backends, attacker: Inhabited, victim: Inhabited) -> None:
    exercise(victim)
    own, other = attacker.tenant, victim.tenant
    client = backends.redis(own.login)
    assert client.set(f"t:{own.slug}:probe", "x", ex=5)
    for key in backends.redis().scan_iter(f"t:{other.slug}:*"):
        for command in READS:
            with pytest.raises(NoPermissionError):
                client.execute_command(command, key)
        with pytest.raises(NoPermissionError):
            client.set(key, "x")
        with pytest.raises(NoPermissionError):
            client.mget(f"t:{own.slug}:probe", key)
    with pytest.raises(NoPermissionError):
        client.publish(f"t:{other.slug}:news", "x")
    client.delete(f"t:{own.slug}:probe")


@pytest.mark.parametrize(
    "command",
    [
        *("KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "INFO", "FLUSHALL", "CONFIG GET *", "ACL LIST", "CLIENT LIST"),
        *("MONITOR", "EVAL return(1) 0", "SELECT 1", "OBJECT FREQ x", "SORT x BY y", "MEMORY USAGE x", "SAVE"),
        *("SUBSCRIBE x", "PSUBSCRIBE *", "PUBSUB CHANNELS", "SHUTDOWN"),
    ],
)
def test_nobody_can_look_around(backends: Backends, pool_login: Login, attacker: Inhabited, command: str) -> None:
    for login in (attacker.tenant.login, pool_login):
        with pytest.raises(NoPermissionError):
            backends.redis(login).execute_command(*command.split())


def test_the_pools_user_has_the_tenants_keys_and_no_others(backends: Backends, pool_login: Login) -> None:
    client = backends.redis(pool_login)
    assert client.set("t:anybody:probe", "x", ex=5)
    assert client.delete("t:anybody:probe")
    for key in ("probe", "tx", "directory:owner:x"):
        with pytest.raises(NoPermissionError):
            client.get(key)
