"""`spec` of a DirectoryPlatform; crds/directoryplatform.yaml holds the same fields."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from directory_operator.tenant.spec import SpecModel

Port = Annotated[int, Field(ge=1, le=65535)]


class SecretRef(SpecModel):
    """A Secret in the operator's namespace, read by name only."""

    name: str


class Address(SpecModel):
    """Where a server answers."""

    host: str
    port: Port = 5432


class PostgresSpec(SpecModel):
    """The shared database. The Secret holds `username` and `password` of the operator's login."""

    host: str
    port: Port = 5432
    database: str = "directory"
    ssl_mode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    ca_secret_ref: SecretRef | None = None
    admin_secret_ref: SecretRef
    pooler: Address | None = None
    """PgBouncer, for the API alone."""

    @property
    def for_api(self) -> Address:
        """Where tenants' API connects."""
        return self.pooler or Address(host=self.host, port=self.port)


class SentinelAddress(SpecModel):
    """Where a Sentinel answers."""

    host: str
    port: Port = 26379


class SentinelSpec(SpecModel):
    """Who knows which server is the primary. The Secret holds `username` and `password`."""

    master_name: str
    hosts: Annotated[tuple[SentinelAddress, ...], Field(min_length=1, max_length=9)]
    credentials_secret_ref: SecretRef | None = None


class RedisSpec(SpecModel):
    """One Redis or several. The Secret holds `username` and `password` of the operator's ACL user."""

    host: str | None = None
    port: Port = 6379
    sentinel: SentinelSpec | None = None
    tls: bool = True
    ca_secret_ref: SecretRef | None = None
    admin_secret_ref: SecretRef

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.host is None) == (self.sentinel is None):
            message = "exactly one of host and sentinel must say where Redis is"
            raise ValueError(message)
        return self


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


class GatewayRef(SpecModel):
    """A Gateway, and perhaps the one listener of it."""

    name: str
    namespace: str
    section_name: str | None = None


class ExternalDnsSpec(SpecModel):
    """Of the records that external-dns makes."""

    ttl_seconds: Annotated[int, Field(ge=1, le=604800)] = 300


class PlatformIngressSpec(SpecModel):
    """How tenants are reached from outside."""

    class_name: str = "nginx"
    base_domain: str
    port: Port = 443
    cluster_issuer: str | None = None
    """cert-manager ClusterIssuer that signs the certificates of custom hosts."""
    host_certificates: Literal["Wildcard", "PerTenant"] = "Wildcard"
    """Whether a Dedicated tenant's own host has the controller's default certificate or one of its own."""
    gateway_ref: GatewayRef | None = None
    """Gateway that HTTPRoutes attach to, instead of Ingresses of `class_name`."""
    external_dns: ExternalDnsSpec | None = None
    """Asks external-dns for records."""


class Peer(SpecModel):
    """Pods of a namespace, or addresses: exactly one of the two."""

    namespace: str | None = None
    cidr: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.namespace is None) == (self.cidr is None):
            message = "exactly one of namespace and cidr must be named"
            raise ValueError(message)
        return self


class Destination(Peer):
    """The same with TCP ports, those of the pods or hosts themselves."""

    ports: tuple[Port, ...]


class NetworkSpec(SpecModel):
    """What the NetworkPolicies of Dedicated tenants let through."""

    clients: tuple[Peer, ...] = ()
    dns: tuple[Destination, ...] = (Destination(namespace="kube-system", ports=(53,)),)
    backends: tuple[Destination, ...] = ()


class PlatformApiSpec(SpecModel):
    """The API: the image of Dedicated tenants, and where the pooled fleet answers."""

    image: str
    pooled_endpoint: str | None = None
    image_pull_secrets: tuple[SecretRef, ...] = ()
    """In each tenant's namespace."""
    in_flight_metric: str | None = None
    """Name of the pods' requests in flight in the custom metrics API."""


class PlatformSpec(SpecModel):
    """The backends that tenants are placed on."""

    postgres: PostgresSpec
    redis: RedisSpec
    object_storage: ObjectStorageSpec
    ingress: PlatformIngressSpec
    network: NetworkSpec | None = None
    api: PlatformApiSpec
