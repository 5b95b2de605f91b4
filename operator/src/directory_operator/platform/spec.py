"""`spec` of a DirectoryPlatform; crds/directoryplatform.yaml holds the same fields."""

from typing import Annotated, Literal

from pydantic import Field

from directory_operator.tenant.spec import SpecModel

Port = Annotated[int, Field(ge=1, le=65535)]


class SecretRef(SpecModel):
    """A Secret in the operator's namespace, read by name only."""

    name: str


class PostgresSpec(SpecModel):
    """The shared database. The Secret holds `username` and `password` of the operator's login."""

    host: str
    port: Port = 5432
    database: str = "directory"
    ssl_mode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    ca_secret_ref: SecretRef | None = None
    admin_secret_ref: SecretRef


class RedisSpec(SpecModel):
    """A standalone Redis. The Secret holds `username` and `password` of the operator's ACL user."""

    host: str
    port: Port = 6379
    tls: bool = True
    ca_secret_ref: SecretRef | None = None
    admin_secret_ref: SecretRef


class ObjectStorageSpec(SpecModel):
    """An S3-compatible store. The Secret holds `access-key-id` and `secret-access-key`."""

    endpoint: str
    region: str = "us-east-1"
    addressing_style: Literal["path", "virtual"] = "virtual"
    bucket_prefix: str = "directory"
    credentials_secret_ref: SecretRef
    ca_secret_ref: SecretRef | None = None
    session_role_arn: str = "arn:aws:iam::000000000000:role/directory-tenant"
    session_lifetime_seconds: Annotated[int, Field(ge=900, le=43200)] = 43200
    enforcement: Literal["BestEffort", "Strict"] = "BestEffort"


class PlatformIngressSpec(SpecModel):
    """How tenants are reached from outside."""

    class_name: str = "nginx"
    base_domain: str
    port: Port = 443
    cluster_issuer: str | None = None
    """cert-manager ClusterIssuer that signs the certificates of custom hosts."""
    allowed_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods may connect to Dedicated tenants' API; empty means all."""


class PlatformApiSpec(SpecModel):
    """The API: the image of Dedicated tenants, and where the pooled fleet answers."""

    image: str
    pooled_endpoint: str | None = None


class PlatformSpec(SpecModel):
    """The backends that tenants are placed on."""

    postgres: PostgresSpec
    redis: RedisSpec
    object_storage: ObjectStorageSpec
    ingress: PlatformIngressSpec
    api: PlatformApiSpec
