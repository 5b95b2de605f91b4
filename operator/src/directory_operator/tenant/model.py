"""A tenant as the systems see it: the validated spec, its names, its platform and, once read, its credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from directory_contract.names import TenantNames
from directory_operator.platform.spec import PlatformSpec
from directory_operator.tenant.spec import TenantSpec, Tier


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the tenant's Secret holds, plaintext wrapped so that it can't be printed by accident."""

    generation: str
    """Id of this set of credentials, kept as an annotation of the Secret; it changes when the Secret is made anew.

    Backends that can't be asked for a stored password keep this id beside it instead (PostgreSQL: role comment).
    """
    postgres_password: SecretStr
    redis_password: SecretStr
    admin_passwords: dict[str, SecretStr]
    """First passwords by administrator's email."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform a tenant is placed on."""

    name: str
    uid: str
    spec: PlatformSpec
    ca_bundle: str = ""
    """PEM of the authorities in the platform's caSecretRefs, for the tenants' pods; empty where there are none."""
    shared_files: Mapping[str, SecretStr] = field(default_factory=dict)
    """By file name what every tenant's API needs and shares: whom it is towards the Sentinels."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One DirectoryTenant with its platform."""

    name: str
    namespace: str
    uid: str
    generation: int
    created_at: datetime
    spec: TenantSpec
    names: TenantNames
    platform: Platform
    cluster_id: str
    """uid of the kube-system namespace: tells two clusters apart that share a backend."""
    credentials: Credentials | None = None
    leaving: Tier | None = None
    """The other tier, which has to go on serving until the route has been led to the spec's, and a moment longer."""
    applied_generation: int = 0
    """`status.lastAppliedGeneration`: a change planned at this generation is drift, not a wish."""

    @property
    def key(self) -> str:
        """`namespace/name`, as logs and messages name a tenant."""
        return f"{self.namespace}/{self.name}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host this tenant is served at, its own subdomain first."""
        return (self.names.host, *self.spec.hosts)

    @property
    def tiers(self) -> frozenset[Tier]:
        """Who has to be able to serve it now."""
        return frozenset({self.spec.tier, self.leaving or self.spec.tier})

    @property
    def certified_hosts(self) -> tuple[str, ...]:
        """Those that a certificate of the tenant's own has to cover; the rest has the platform's wildcard."""
        per_tenant = self.platform.spec.ingress.host_certificates == "PerTenant"
        return self.hosts if per_tenant and self.spec.tier == "Dedicated" else self.spec.hosts

    @property
    def owner(self) -> str:
        """The mark put on what a tenant owns outside the cluster: `<cluster id>/<uid>`."""
        return f"{self.cluster_id}/{self.uid}"

    @property
    def url(self) -> str:
        """Where the tenant's people find their directory."""
        port = self.platform.spec.ingress.port
        return f"https://{self.names.host}" + ("" if port == 443 else f":{port}")
