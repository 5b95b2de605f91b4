"""Which keys the tenant's Secret holds, and which of them are names rather than secrets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from directory_contract import environment as env
from directory_contract.names import admin_password_key
from directory_operator.tenant.model import Tenant

CORE_KEYS: Final = (env.POSTGRES_PASSWORD_FILE, env.REDIS_PASSWORD_FILE, env.JWT_SIGNING_KEY_FILE)
"""Secrets that every tenant has, administrators' first passwords apart."""


@dataclass(frozen=True, slots=True)
class WantedSecret:
    """The keys of the Secret."""

    names: dict[str, str]
    """Key to value where the value is no secret: the logins, which follow from the slug."""
    shared: Mapping[str, SecretStr]
    """Key to value where the value is the platform's, the same for all its tenants."""
    admins: dict[str, str]
    """Key of the first password by administrator's email."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """Every key whose value is made at random."""
        return (*CORE_KEYS, *self.admins.values())


def wanted_secret(tenant: Tenant) -> WantedSecret:
    """What the tenant's Secret should hold."""
    return WantedSecret(
        names={
            env.POSTGRES_USERNAME_FILE: tenant.names.login_role,
            env.REDIS_USERNAME_FILE: tenant.names.redis_user,
        },
        shared=tenant.platform.shared_files,
        admins={admin.email: admin_password_key(admin.email) for admin in tenant.spec.admins},
    )
