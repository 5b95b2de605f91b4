"""How a login role differs from what it should be, for tenants and for pooled fleets alike. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from directory_operator.errors import AccessDenied
from directory_operator.systems.postgres.desired import Login
from directory_operator.systems.postgres.observed import Membership, ObservedRole


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """A login role's per-database settings, complete."""

    values: tuple[tuple[str, str], ...]

    @property
    def lines(self) -> frozenset[str]:
        """As the catalog keeps them."""
        return frozenset(f"{name}={value}" for name, value in self.values)


@dataclass(frozen=True, slots=True)
class CreateLogin:
    """Create the login role with everything it needs."""

    role: str
    settings: LoginSettings
    routine: bool = False

    def __str__(self) -> str:
        return f"create login role {self.role}"


@dataclass(frozen=True, slots=True)
class AlterLogin:
    """Put the login role's limits, settings, password and memberships right."""

    role: str
    settings: LoginSettings
    new_password: bool
    why: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"alter login role {self.role} ({', '.join(self.why)})"


@dataclass(frozen=True, slots=True)
class RecreateLogin:
    """Drop the login role and create it anew: it has something that only its grantor could take away."""

    role: str
    settings: LoginSettings
    why: tuple[str, ...]
    routine: bool = False

    def __str__(self) -> str:
        return f"recreate login role {self.role} ({', '.join(self.why)})"


LoginChange = CreateLogin | AlterLogin | RecreateLogin


def login_changes(
    login: Login, own_settings: Mapping[str, str], found: ObservedRole | None, endpoint: str
) -> tuple[LoginChange, ...]:
    """At most one change. `own_settings` join the login's. Raises AccessDenied for what only a superuser can mend."""
    settings = LoginSettings(tuple(sorted({**login.settings, **own_settings}.items())))
    if found is None:
        return (CreateLogin(login.role, settings),)
    if "SUPERUSER" in found.powers:
        remedy = (
            f"login role {login.role} was made a superuser, which only a superuser can undo: "
            f"ALTER ROLE {login.role} NOSUPERUSER"
        )
        raise AccessDenied("PostgreSQL", endpoint, remedy)
    if foreign := _out_of_reach(login, found):
        return (RecreateLogin(login.role, settings, foreign),)
    new_password = found.mark is None or found.mark.credential != login.mark.credential
    why = _within_reach(login, settings, found)
    return (AlterLogin(login.role, settings, new_password, why),) if why else ()


def _out_of_reach(login: Login, found: ObservedRole) -> tuple[str, ...]:
    """What a CREATEROLE login may not take away from a role: attributes it lacks itself, others' grants."""
    powers = tuple(f"has {power}" for power in sorted(found.powers - {"CREATEROLE"}))
    extra = found.groups - {Membership(group) for group in login.groups}
    groups = tuple(f"is a member of {membership}" for membership in sorted(extra, key=str))
    members = tuple(f"has {member} as a member" for member in sorted(found.members))
    return (*powers, *groups, *members)


def _within_reach(login: Login, settings: LoginSettings, found: ObservedRole) -> tuple[str, ...]:
    missing = sorted(login.groups - {membership.group for membership in found.groups})
    checks = (
        ("CREATEROLE" in found.powers, "has CREATEROLE"),
        (not found.can_login, "can't log in"),
        (not found.inherits, "doesn't inherit"),
        (found.expires, "password expires"),
        (
            found.connection_limit != login.connection_limit,
            f"connection limit {found.connection_limit}, not {login.connection_limit}",
        ),
        (found.settings != settings.lines, f"settings differ: {_names(found.settings ^ settings.lines)}"),
        (bool(found.global_settings), f"settings in every database: {_names(found.global_settings)}"),
        (found.mark is None or found.mark.owner != login.mark.owner, "ownership mark differs"),
        (
            found.mark is not None and found.mark.credential != login.mark.credential,
            "password is of another generation",
        ),
        *((True, f"membership of {group} is missing") for group in missing),
    )
    return tuple(text for differs, text in checks if differs)


def _names(lines: frozenset[str]) -> str:
    return ", ".join(sorted({line.partition("=")[0] for line in lines}))
