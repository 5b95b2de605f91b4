"""What was found in PostgreSQL, as frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from directory_operator.systems.postgres.desired import Mark


@dataclass(frozen=True, slots=True)
class Membership:
    """That a login role belongs to a group, and what it may do with it."""

    group: str
    admin: bool = False
    inherit: bool = True
    set_role: bool = False

    def __str__(self) -> str:
        options = (("admin", self.admin), ("inherit", self.inherit), ("set", self.set_role))
        return f"{self.group} ({', '.join(name for name, on in options if on)})"


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """A login role. `powers` are attributes no tenant may have."""

    name: str
    powers: frozenset[str]
    can_login: bool
    inherits: bool
    connection_limit: int
    expires: bool
    mark: Mark | None
    settings: frozenset[str]
    """`name=value` in the platform's database."""
    global_settings: frozenset[str]
    """`name=value` in every database; ours has none."""
    groups: frozenset[Membership]
    members: frozenset[str]
    """Roles that are members of this one, besides its maker."""


@dataclass(frozen=True, slots=True)
class Registrant:
    """Whose a registry row is."""

    slug: str
    owner_uid: str
    owner_name: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A registry row."""

    tenant_id: UUID
    display_name: str
    owner_uid: str | None
    owner_cluster: str | None
    owner_name: str | None
    tier: str
    state: str
    login_role: str | None
    settings: Mapping[str, Any]
    hosts: frozenset[str]
    admins: Mapping[str, str]
    """Generation of the Secret by email of the first administrators that got an account."""

    @property
    def owner(self) -> str | None:
        """As `Tenant.owner` spells it; None when the tenant was released."""
        return f"{self.owner_cluster}/{self.owner_uid}" if self.owner_uid else None


@dataclass(frozen=True, slots=True)
class HostClaim:
    """Who else is served at a host."""

    host: str
    slug: str
    owner_name: str | None


@dataclass(frozen=True, slots=True)
class ObservedDatabase:
    """All that concerns one tenant."""

    registered: Registered | None
    claims: tuple[HostClaim, ...]
    """Hosts of ours that another slug holds."""
    role: ObservedRole | None
    row_security: tuple[str, ...]
    """How row-level security of the whole schema differs from what the migrations lay down."""


@dataclass(frozen=True, slots=True)
class ObservedPlatformDatabase:
    """What the platform itself has there."""

    schema_version: str | None
    role: ObservedRole | None
    context_keys: Mapping[str, float]
    """Age in seconds by key id."""
    row_security: tuple[str, ...]
