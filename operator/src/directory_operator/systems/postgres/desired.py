"""What a tenant should have in PostgreSQL. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from directory_contract.names import API_GROUP, POOLED_GROUP, pooled_login
from directory_operator.errors import NotReady
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.reasons import Reason
from directory_operator.tenant.model import Platform, Tenant

IDLE_TRANSACTION_TIMEOUT: Final = "60s"
POOL_STATEMENT_TIMEOUT: Final = "30s"
RELEASED: Final = ""
"""Owner in the mark of a login role whose tenant was deleted with `Retain`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Who owns a login role, and which generation of credentials its password is from: kept as the role's comment."""

    owner: str
    credential: str

    @classmethod
    def parse(cls, comment: str | None) -> "Mark | None":
        """The mark in a comment; None if there is none that we wrote."""
        try:
            found = json.loads(comment or "")
            return cls(str(found["owner"]), str(found["credential"]))
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return json.dumps({"owner": self.owner, "credential": self.credential})


@dataclass(frozen=True, slots=True)
class Login:
    """A login role as it should be."""

    role: str
    password: SecretStr
    mark: Mark
    groups: frozenset[str]
    connection_limit: int
    settings: Mapping[str, str]
    """Per-database settings, except the tenant's id, which only the registry row knows."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The registry row with its hosts and first administrators."""

    slug: str
    display_name: str
    owner_uid: str
    owner_cluster: str
    owner_name: str
    tier: str
    login_role: str
    settings: Mapping[str, Any]
    hosts: frozenset[str]
    admins: Mapping[str, SecretStr]
    """First password by folded email."""
    credential: str
    """Generation of the Secret that the first passwords are from."""

    @property
    def owner(self) -> str:
        """The mark as `Tenant.owner` spells it."""
        return f"{self.owner_cluster}/{self.owner_uid}"


@dataclass(frozen=True, slots=True)
class DesiredDatabase:
    """All of it."""

    registration: Registration
    login: Login


def desired_database(tenant: Tenant) -> DesiredDatabase:
    """What `tenant` should have. NotReady until its credentials have been read."""
    credentials = tenant.credentials
    if credentials is None:
        raise NotReady("the tenant's Secret has not been read yet", Reason.WAITING_FOR_DEPENDENCY)
    passwords = {email.lower(): password for email, password in credentials.admin_passwords.items()}
    wanted = [admin.email.lower() for admin in tenant.spec.admins]
    if missing := [email for email in wanted if email not in passwords]:
        text = f"the tenant's Secret holds no first password of {', '.join(missing)} yet"
        raise NotReady(text, Reason.WAITING_FOR_DEPENDENCY)
    registration = Registration(
        slug=tenant.names.slug,
        display_name=tenant.spec.display_name,
        owner_uid=tenant.uid,
        owner_cluster=tenant.cluster_id,
        owner_name=tenant.key,
        tier="Pooled" if "Pooled" in tenant.tiers else "Dedicated",  # the fleet serves those that it says Pooled of
        login_role=tenant.names.login_role,
        settings=_api_settings(tenant),
        hosts=frozenset(host.lower() for host in tenant.hosts),
        admins={email: passwords[email] for email in wanted},
        credential=credentials.generation,
    )
    login = Login(
        role=tenant.names.login_role,
        password=credentials.postgres_password,
        mark=Mark(tenant.owner, credentials.generation),
        groups=frozenset({API_GROUP}),
        connection_limit=tenant.spec.database.connection_limit,
        settings={
            "statement_timeout": f"{tenant.spec.database.statement_timeout_seconds}s",
            "idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT,
        },
    )
    return DesiredDatabase(registration, login)


def pool_login(platform: Platform, pool: PoolCredentials) -> Login:
    """The login role that a platform's pooled API fleet shares."""
    return Login(
        role=pooled_login(platform.name),
        password=pool.postgres_password,
        mark=Mark(f"platform/{platform.name}", pool.generation),
        groups=frozenset({API_GROUP, POOLED_GROUP}),
        connection_limit=-1,  # the fleet's pools bound themselves, and the fleet grows
        settings={
            "statement_timeout": POOL_STATEMENT_TIMEOUT,
            "idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT,
        },
    )


def _api_settings(tenant: Tenant) -> dict[str, Any]:
    """`registry.tenants.settings`, which the API reads."""
    spec = tenant.spec
    return {
        "rateLimitPerMinute": spec.ingress.rate_limit_per_minute,
        "accessTokenSeconds": spec.auth.access_token_lifetime_seconds,
        "refreshTokenSeconds": spec.auth.refresh_token_lifetime_seconds,
        "corsAllowedOrigins": list(spec.cors.allowed_origins),
        "bucket": tenant.names.bucket,
        "hosts": list(tenant.hosts),
    }
