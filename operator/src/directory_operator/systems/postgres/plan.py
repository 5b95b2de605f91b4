"""How what a tenant has in PostgreSQL differs from what it should have, as changes in order. Pure."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from directory_contract.names import TENANT_SETTING
from directory_operator.errors import Conflict, NotReady
from directory_operator.reasons import Reason
from directory_operator.systems.postgres.desired import DesiredDatabase, Registration
from directory_operator.systems.postgres.logins import LoginChange, login_changes
from directory_operator.systems.postgres.observed import ObservedDatabase, Registered
from directory_operator.tenant.model import Tenant

_CLOSING_POLL: Final = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class RepairRowSecurity:
    """Lay the schema's row-level security down again."""

    problems: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"repair row-level security ({'; '.join(self.problems)})"


@dataclass(frozen=True, slots=True)
class Register:
    """Write the registry row, its hosts and the first administrators' accounts in one transaction."""

    slug: str
    tenant_id: UUID
    new_admins: tuple[str, ...]
    """Who gets an account."""
    reissued_admins: tuple[str, ...]
    """Whose first password is replaced, if it is still the first one."""
    why: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"register tenant {self.slug} ({', '.join(self.why)})"


@dataclass(frozen=True, slots=True)
class DropLogin:
    """End the login role's sessions and drop it."""

    role: str
    routine: bool = False

    def __str__(self) -> str:
        return f"drop login role {self.role}"


@dataclass(frozen=True, slots=True)
class PurgeTenant:
    """Delete the registry row and, with it, every row of the tenant."""

    slug: str
    tenant_id: UUID
    routine: bool = False

    def __str__(self) -> str:
        return f"delete all rows of tenant {self.slug}"


DatabaseChange = RepairRowSecurity | Register | LoginChange | DropLogin | PurgeTenant


def plan_database(
    tenant: Tenant, desired: DesiredDatabase | None, observed: ObservedDatabase
) -> tuple[DatabaseChange, ...]:
    """Changes in the order that keeps a crash between any two harmless. Raises Conflict, AccessDenied."""
    if desired is None:
        return _removal(tenant, observed)
    _refuse_conflicts(tenant, desired.registration, observed)
    tenant_id = observed.registered.tenant_id if observed.registered else UUID(tenant.uid)
    endpoint = f"{tenant.platform.spec.postgres.host}:{tenant.platform.spec.postgres.port}"
    repair = (RepairRowSecurity(observed.row_security),) if observed.row_security else ()
    # The row precedes the role: a role without a row could log in and be nobody, and a row is what claims the slug.
    return (
        *repair,
        *_registration(desired.registration, observed.registered, tenant_id),
        *login_changes(desired.login, {TENANT_SETTING: str(tenant_id)}, observed.role, endpoint),
    )


def _refuse_conflicts(tenant: Tenant, wanted: Registration, observed: ObservedDatabase) -> None:
    registered, role = observed.registered, observed.role
    if registered and registered.owner not in {None, tenant.owner}:
        if registered.state == "Released":
            raise NotReady(
                f"slug {wanted.slug} was {registered.owner_name}'s, which is deleted and whose access to another "
                "backend could not be closed yet: it is free once that works again (kubectl describe dplat).",
                Reason.WAITING_FOR_DEPENDENCY,
                _CLOSING_POLL,
            )
        raise Conflict(
            f"slug {wanted.slug} belongs to {registered.owner_name} (owner {registered.owner}). Give this tenant "
            "another slug, or delete that one first; if it is gone together with its cluster, an administrator frees "
            f"it by UPDATE registry.tenants SET owner_uid = NULL, state = 'Released' WHERE slug = '{wanted.slug}'."
        )
    if observed.claims:
        claim = observed.claims[0]
        raise Conflict(
            f"host {claim.host} belongs to tenant {claim.slug} ({claim.owner_name or 'released'}). Take it out of "
            "spec.hosts here or there."
        )
    if registered is None and role and (role.mark is None or role.mark.owner != tenant.owner):
        owner = f"owner {role.mark.owner}" if role.mark else "somebody other than a directory operator"
        raise Conflict(
            f"login role {role.name} exists already and belongs to {owner}. Drop the role, or give this tenant another "
            "slug."
        )


def _registration(wanted: Registration, found: Registered | None, tenant_id: UUID) -> tuple[Register, ...]:
    known = found.admins if found else {}
    new = tuple(email for email in wanted.admins if email not in known)
    reissued = tuple(email for email in wanted.admins if known.get(email, wanted.credential) != wanted.credential)
    why = _differences(wanted, found) if found else ("no registry row",)
    if found and new:
        why = (*why, f"administrators added: {', '.join(new)}")
    if reissued:
        why = (*why, f"first passwords issued anew: {', '.join(reissued)}")
    return (Register(wanted.slug, tenant_id, new, reissued, why),) if why else ()


def _differences(wanted: Registration, found: Registered) -> tuple[str, ...]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("owner differs", wanted.owner, found.owner),
        ("owner's name differs", wanted.owner_name, found.owner_name),
        ("state differs", "Active", found.state),
        ("display name differs", wanted.display_name, found.display_name),
        ("tier differs", wanted.tier, found.tier),
        ("login role differs", wanted.login_role, found.login_role),
        ("hosts differ", wanted.hosts, found.hosts),
        ("API settings differ", wanted.settings, found.settings),
    )
    return tuple(text for text, ours, theirs in pairs if ours != theirs)


def _removal(tenant: Tenant, observed: ObservedDatabase) -> tuple[DatabaseChange, ...]:
    registered, role = observed.registered, observed.role
    if registered and registered.owner != tenant.owner:
        return ()  # somebody else's, or kept for whoever comes next
    ours = role and (registered or (role.mark and role.mark.owner == tenant.owner))
    drop = (DropLogin(role.name),) if role and ours else ()
    purge = (PurgeTenant(tenant.names.slug, registered.tenant_id),) if registered else ()
    return (*drop, *purge)
