"""ACL users as Redis tells of them, compared with what they should be."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.systems.redis.acl import differences, effective_commands, named_categories, parse_user
from directory_operator.systems.redis.desired import COMMANDS, AclUser, pool_user, tenant_user
from directory_operator.systems.redis.plan import plan_cache
from directory_operator.tenant.model import Credentials
from tests.support.builders import a_tenant

CATEGORIES = {"hash": frozenset({"hget", "hset", "hscan"}), "connection": frozenset({"ping", "client|id"})}
SECRET = SecretStr("s")
TENANT = replace(a_tenant(), credentials=Credentials("g1", SECRET, SECRET, {}))


@pytest.mark.parametrize(
    ("rules", "commands"),
    [
        ("-@all", set()),
        ("-@all +get +client|id", {"get", "client|id"}),
        ("-@all +@hash -hscan", {"hget", "hset"}),
        ("+get -@all +PING", {"ping"}),
        ("+@all", {"@all"}),
        ("+@all -keys", {"@all"}),
        ("+@all -@all +get", {"get"}),
        ("-@all +@hash -@hash", set()),
    ],
)
def test_rules_mean_the_commands_they_end_with(rules: str, commands: set[str]) -> None:
    assert effective_commands(rules, CATEGORIES) == commands


def test_categories_to_be_asked_for_are_named() -> None:
    assert named_categories("-@all +@Hash -@connection +get +@all") == {"hash", "connection"}


def answer(user: AclUser, **other: Any) -> list[Any]:
    """ACL GETUSER's answer for exactly this user."""
    fields = {
        "flags": ["on", "sanitize-payload"],
        "passwords": [user.password_digest.get_secret_value()],
        "commands": "-@all " + " ".join(f"+{command}" for command in sorted(user.commands)),
        "keys": " ".join(sorted(user.patterns)),
        "channels": " ".join(f"&{each}" for each in user.channels),
        "selectors": [],
    } | other
    return [each for pair in fields.items() for each in pair]


def test_a_user_as_wanted_differs_in_nothing() -> None:
    user = tenant_user(TENANT)
    assert differences(user, parse_user(user.name, answer(user), {})) == ()


@given(st.sets(st.sampled_from(sorted(COMMANDS | {"keys", "eval"}))))
def test_any_other_list_of_commands_is_seen(commands: set[str]) -> None:
    user = tenant_user(TENANT)
    found = parse_user(user.name, answer(replace(user, commands=frozenset(commands))), {})
    assert (differences(user, found) == ()) == (commands == COMMANDS)


def test_rules_reset_everything_first_and_hold_no_password() -> None:
    rules = tenant_user(TENANT).rules()
    assert rules[:3] == ["reset", "resetchannels", "on"]
    assert rules.index("-@all") < min(index for index, rule in enumerate(rules) if rule.startswith("+"))
    assert [rule for rule in rules if rule[:2] in {"~t", "&t"}] == ["~t:acme:*", "&t:acme:*"]
    assert f"%R~directory:owner:{TENANT.owner}" in rules
    assert all(not rule.startswith(">") for rule in rules)


def test_the_digest_is_in_no_text() -> None:
    user = tenant_user(TENANT)
    found = parse_user(user.name, answer(user), {})
    digest = user.password_digest.get_secret_value()
    changes = plan_cache(TENANT, user, (None,))
    assert digest not in f"{user!r} {found!r} {changes!r} {changes[0]}"


def test_nothing_dangerous_is_allowed() -> None:
    dangerous = {
        "keys",
        "scan",
        "dbsize",
        "info",
        "randomkey",
        "eval",
        "evalsha",
        "fcall",
        "select",
        "sort",
        "flushall",
    }
    assert not COMMANDS & (dangerous | {"config", "acl", "client", "script", "function", "pubsub", "object", "migrate"})


def test_removal_spares_who_took_the_user_over() -> None:
    user = tenant_user(TENANT)
    found = parse_user(user.name, answer(user), {})
    assert [str(each) for each in plan_cache(TENANT, None, (found,))] == [
        "disable ACL user dt-acme",
        "delete keys t:acme:*",
        "delete ACL user dt-acme",
    ]
    assert plan_cache(TENANT, None, (None,)) == ()
    assert plan_cache(replace(TENANT, uid="other"), None, (found,)) == ()


def test_what_differs_on_one_server_is_set_on_all() -> None:
    user = tenant_user(TENANT)
    same, other = (parse_user(user.name, answer(user, **more), {}) for more in ({}, {"flags": ["off"]}))
    assert plan_cache(TENANT, user, (same, same)) == ()
    (change,) = plan_cache(TENANT, user, (same, other, None))
    assert str(change) == "set ACL user dt-acme (it is disabled; it doesn't exist)"
    assert [type(each).__name__ for each in plan_cache(TENANT, None, (None, other))] == ["PurgeKeys", "DeleteUser"]


def test_without_credentials_it_waits() -> None:
    with pytest.raises(NotReady):
        tenant_user(replace(TENANT, credentials=None))


def test_the_pool_reaches_all_tenants_keys() -> None:
    pool = PoolCredentials("g1", SECRET, SECRET, SECRET, "key-1")
    assert pool_user(TENANT.platform, pool).keys == {"t:*"}
