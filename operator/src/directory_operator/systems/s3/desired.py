"""The bucket a tenant should have. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from directory_operator.manifests import GROUP
from directory_operator.systems.s3.policies import Policy, bucket_policy, session_policy
from directory_operator.tenant.model import Tenant

OWNER_TAG: Final = f"{GROUP}/owner"
TENANT_TAG: Final = f"{GROUP}/tenant"
SLUG_TAG: Final = f"{GROUP}/slug"
RELEASED: Final = "released"
"""Owner of a bucket whose tenant was deleted with `Retain`."""

ABORT_UPLOADS_DAYS: Final = 7
ENCRYPTION: Final = "AES256"

CORS: Final = "CORS"
PUBLIC_ACCESS_BLOCK: Final = "public-access-block"
ABORT_UPLOADS: Final = "abort-incomplete-uploads"
ENCRYPTION_FEATURE: Final = "default-encryption"
VERSIONING: Final = "versioning"
LIFECYCLE: Final = "lifecycle"
POLICY: Final = "policy"


@dataclass(frozen=True, slots=True)
class DesiredBucket:
    """Everything about one bucket and the credentials that open it."""

    name: str
    tags: Mapping[str, str]
    versioning: bool
    noncurrent_days: int
    policy: Policy | None
    cors_origins: frozenset[str]
    session_policy: Policy
    session_seconds: int
    strict: bool
    """Whether a store that lacks a feature is refused (`enforcement: Strict`)."""

    def lifecycle(self, unsupported: frozenset[str]) -> tuple[Mapping[str, Any], ...]:
        """The one rule, in S3's words, as far as the store knows them."""
        abort = {} if ABORT_UPLOADS in unsupported else {"DaysAfterInitiation": ABORT_UPLOADS_DAYS}
        rule: dict[str, Any] = {
            "ID": "directory",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": self.noncurrent_days},
        }
        return ({**rule, **({"AbortIncompleteMultipartUpload": abort} if abort else {})},)


def desired_bucket(tenant: Tenant) -> DesiredBucket:
    """What `tenant` should have."""
    storage, platform = tenant.spec.storage, tenant.platform.spec
    port = "" if platform.ingress.port == 443 else f":{platform.ingress.port}"
    own_origins = {f"https://{host}{port}" for host in tenant.hosts}
    return DesiredBucket(
        name=tenant.names.bucket,
        tags={OWNER_TAG: tenant.owner, TENANT_TAG: tenant.key, SLUG_TAG: tenant.names.slug},
        versioning=storage.versioning,
        noncurrent_days=storage.noncurrent_version_retention_days,
        policy=bucket_policy(tenant.names.bucket, tls_only=uses_tls(tenant)),
        cors_origins=frozenset(own_origins | set(tenant.spec.cors.allowed_origins)),
        session_policy=session_policy(tenant.names.bucket),
        session_seconds=platform.object_storage.session_lifetime_seconds,
        strict=platform.object_storage.enforcement == "Strict",
    )


def uses_tls(tenant: Tenant) -> bool:
    """Whether the platform's store is reached by https."""
    return tenant.platform.spec.object_storage.endpoint.startswith("https:")
