"""`spec` of a DirectoryTenant, parsed once at the edge; crds/directorytenant.yaml holds the same fields.

Defaults live in the CRD, which the API server applies; they are repeated here only so that the models can be built
without a server. tests/house compares the two field by field.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from directory_operator.errors import SpecRejected

Tier = Literal["Pooled", "Dedicated"]
DeletionPolicy = Literal["Retain", "Delete"]
Quantity = Annotated[str, BeforeValidator(str)]
"""A Kubernetes quantity. Users write `cpu: 2` as readily as `cpu: 500m`, so it can arrive as an integer."""


class SpecModel(BaseModel):
    """Frozen, camelCase outside. Unknown fields are a newer CRD's, with its defaults: nothing this version knows of."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    @classmethod
    def parse(cls, spec: object) -> Self:
        """The model of an object's `spec`; SpecRejected names the field that the API server should have refused."""
        try:
            return cls.model_validate(spec)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in ("spec", *first["loc"]))
            raise SpecRejected(field, f"{first['msg']}; apply the CRD of this operator's version") from None


class Administrator(SpecModel):
    """A person who gets a SuperAdmin account with a first password."""

    email: str


class DatabaseSpec(SpecModel):
    """PostgreSQL limits of the tenant's login role."""

    connection_limit: Annotated[int, Field(ge=1, le=1000)] = 20
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    deletion_policy: DeletionPolicy | None = None


class StorageSpec(SpecModel):
    """The tenant's bucket."""

    versioning: bool = True
    noncurrent_version_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    deletion_policy: DeletionPolicy | None = None


class AutoscalingSpec(SpecModel):
    """Bounds of the Dedicated tier's HorizontalPodAutoscaler."""

    min_replicas: Annotated[int, Field(ge=1, le=100)] = 2
    max_replicas: Annotated[int, Field(ge=1, le=100)] = 5
    target_cpu_utilization_percentage: Annotated[int, Field(ge=10, le=100)] = 70
    target_requests_in_flight: Annotated[int, Field(ge=1, le=10000)] = 20


class ResourceRequests(SpecModel):
    """What the scheduler sets aside for the Dedicated tier's API container, as Kubernetes quantities."""

    cpu: Quantity = "100m"
    memory: Quantity = "192Mi"


class ResourceLimits(SpecModel):
    """Limits of the Dedicated tier's API container, as Kubernetes quantities."""

    cpu: Quantity = "1"
    memory: Quantity = "512Mi"


class ResourcesSpec(SpecModel):
    """Requests and limits of the Dedicated tier's API container."""

    requests: ResourceRequests = ResourceRequests()
    limits: ResourceLimits = ResourceLimits()


class ApiSpec(SpecModel):
    """The Dedicated tier's Deployment; a Pooled tenant may not set it."""

    image: str | None = None
    autoscaling: AutoscalingSpec = AutoscalingSpec()
    resources: ResourcesSpec = ResourcesSpec()


class AuthSpec(SpecModel):
    """Session lifetimes."""

    access_token_lifetime_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    refresh_token_lifetime_seconds: Annotated[int, Field(ge=3600, le=7776000)] = 1209600


class IngressTls(SpecModel):
    """Where the certificate of custom hosts comes from."""

    secret_name: str


class IngressSpec(SpecModel):
    """How the tenant is reached."""

    rate_limit_per_minute: Annotated[int, Field(ge=10, le=1000000)] = 600
    tls: IngressTls | None = None


class CorsSpec(SpecModel):
    """Browser origins, besides the tenant's own hosts, that may call the API and the bucket."""

    allowed_origins: tuple[str, ...] = ()


class TenantSpec(SpecModel):
    """What a DirectoryTenant asks for."""

    display_name: str
    admins: tuple[Administrator, ...]
    slug: str | None = None
    platform_ref: str = "default"
    tier: Tier = "Pooled"
    hosts: tuple[str, ...] = ()
    deletion_policy: DeletionPolicy = "Retain"
    database: DatabaseSpec = DatabaseSpec()
    storage: StorageSpec = StorageSpec()
    ingress: IngressSpec = IngressSpec()
    api: ApiSpec = ApiSpec()
    auth: AuthSpec = AuthSpec()
    cors: CorsSpec = CorsSpec()

    @property
    def database_deletion_policy(self) -> DeletionPolicy:
        """What happens to rows and login role when the tenant is deleted."""
        return self.database.deletion_policy or self.deletion_policy

    @property
    def storage_deletion_policy(self) -> DeletionPolicy:
        """What happens to the bucket when the tenant is deleted."""
        return self.storage.deletion_policy or self.deletion_policy
