"""How an ACL user differs from what it should be, as changes in order. Pure."""

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


def plan_user(wanted: AclUser, found: ObservedUser | None) -> tuple[SetUser, ...]:
    """A user of somebody else is taken over: the registry row in PostgreSQL has settled whose slug it is."""
    why = ("it doesn't exist",) if found is None else differences(wanted, found)
    return (SetUser(wanted.name, why),) if why else ()


def plan_cache(tenant: Tenant, wanted: AclUser | None, found: ObservedUser | None) -> tuple[CacheChange, ...]:
    """Changes for one tenant."""
    if wanted is not None:
        return plan_user(wanted, found)
    if found is None or found.owner not in {None, tenant.owner}:
        return ()
    disable = (DisableUser(found.name),) if found.enabled else ()
    return (*disable, PurgeKeys(tenant.names.key_prefix), DeleteUser(found.name))
