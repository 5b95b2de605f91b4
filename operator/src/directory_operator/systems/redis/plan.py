"""How an ACL user differs from what it should be, as changes in order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory_operator.systems.redis.acl import ObservedUser, differences
from directory_operator.systems.redis.desired import AclUser
from directory_operator.tenant.model import Tenant


@dataclass(frozen=True, slots=True)
class SetUser:
    """Make the ACL user exactly as it should be."""

    name: str
    why: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"set ACL user {self.name} ({'; '.join(self.why)})"


@dataclass(frozen=True, slots=True)
class DisableUser:
    """Let nobody log in as the user and disconnect who is."""

    name: str
    routine: bool = False

    def __str__(self) -> str:
        return f"disable ACL user {self.name}"


@dataclass(frozen=True, slots=True)
class PurgeKeys:
    """Delete every key below the prefix."""

    prefix: str
    routine: bool = False

    def __str__(self) -> str:
        return f"delete keys {self.prefix}*"


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Delete the user, last: as long as it is there, the next attempt knows that there may be keys."""

    name: str
    routine: bool = False

    def __str__(self) -> str:
        return f"delete ACL user {self.name}"


CacheChange = SetUser | DisableUser | PurgeKeys | DeleteUser


def plan_user(wanted: AclUser, found: Sequence[ObservedUser | None]) -> tuple[SetUser, ...]:
    """A user of somebody else is taken over: the registry row in PostgreSQL has settled whose slug it is.

    `found` is the user as each server has it; it is set on all where it differs on one.
    """
    texts = [("it doesn't exist",) if each is None else differences(wanted, each) for each in found]
    why = tuple(dict.fromkeys(text for each in texts for text in each))
    return (SetUser(wanted.name, why),) if why else ()


def plan_cache(tenant: Tenant, wanted: AclUser | None, found: Sequence[ObservedUser | None]) -> tuple[CacheChange, ...]:
    """Changes for one tenant."""
    if wanted is not None:
        return plan_user(wanted, found)
    users = [each for each in found if each is not None]
    if not users or any(each.owner not in {None, tenant.owner} for each in users):
        return ()
    name = users[0].name
    disable = (DisableUser(name),) if any(each.enabled for each in users) else ()
    return (*disable, PurgeKeys(tenant.names.key_prefix), DeleteUser(name))
