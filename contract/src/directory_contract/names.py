"""Every external name a tenant owns, derived from its slug in one place.

A slug is a DNS label of at most 40 characters, so each name below stays inside its system's limit
(PostgreSQL identifiers 63 bytes, S3 buckets 63 characters, DNS labels 63) and no two slugs share a name.
"""

import re
from dataclasses import dataclass
from typing import Final
from zlib import crc32

SLUG_MAX_LENGTH: Final = 40
SLUG_PATTERN: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

RESERVED_SLUGS: Final = frozenset(
    {"admin", "api", "app", "auth", "assets", "cdn", "console", "default", "directory", "docs", "ftp", "grafana"}
    | {"health", "help", "internal", "kubernetes", "localhost", "login", "mail", "metrics", "minio", "ns", "operator"}
    | {"pool", "postgres", "prometheus", "public", "redis", "root", "s3", "smtp", "status", "static", "support"}
    | {"system", "test", "webhook", "www"}
)
"""Hosts a platform needs for itself; the CRD's CEL rule carries the same list (a house test compares them)."""

# Group roles: made once per database by infrastructure/database/bootstrap.sql.
OWNER_ROLE: Final = "directory_owner"
API_GROUP: Final = "directory_api"
POOLED_GROUP: Final = "directory_pooled"
PROVISIONER_GROUP: Final = "directory_provisioner"
OPERATOR_LOGIN: Final = "directory_operator"
MIGRATOR_LOGIN: Final = "directory_migrator"

MAKERS: Final = 64
"""Roles that make the login roles, as many as bootstrap.sql makes: nobody may be a member of thousands of roles."""

TENANT_SETTING: Final = "directory.tenant_id"
"""The PostgreSQL setting that holds the plain tenant id (the part of the policy that a prover can read)."""
CONTEXT_SETTING: Final = "directory.context"
"""The PostgreSQL setting that holds `<key id>.<tenant id>.<HMAC>` (the part that nobody can forge)."""


@dataclass(frozen=True, slots=True)
class TenantNames:
    """What the tenant `slug` is called in each outside system."""

    slug: str
    bucket_prefix: str
    base_domain: str

    @property
    def login_role(self) -> str:
        """PostgreSQL login role. A slug holds no underscore, so the mapping loses nothing."""
        return "dt_" + self.slug.replace("-", "_")

    @property
    def redis_user(self) -> str:
        return f"dt-{self.slug}"

    @property
    def key_prefix(self) -> str:
        """Redis key and channel prefix, colon included."""
        return key_prefix(self.slug)

    @property
    def bucket(self) -> str:
        return f"{self.bucket_prefix}-{self.slug}"

    @property
    def host(self) -> str:
        return f"{self.slug}.{self.base_domain}"


def key_prefix(slug: str) -> str:
    """Redis key and channel prefix of a tenant, colon included."""
    return f"t:{slug}:"


def pooled_login(platform: str) -> str:
    """PostgreSQL login role of a platform's pooled API fleet."""
    return "dp_" + platform.replace("-", "_").replace(".", "_")


def role_maker(login: str) -> str:
    """PostgreSQL role that made, and alone may alter, the login role."""
    return f"directory_maker_{crc32(login.encode()) % MAKERS}"


def pooled_redis_user(platform: str) -> str:
    """Redis ACL user of a platform's pooled API fleet."""
    return f"dp-{platform}"


def pool_secret(platform: str) -> str:
    """Secret, in the operator's namespace, that the pooled API fleet mounts."""
    return f"{platform}-pool"


def tenant_secret(name: str) -> str:
    """Secret of the tenant object `name`: PostgreSQL, Redis, signing key, first passwords."""
    return f"{name}-directory"


def storage_secret(name: str) -> str:
    """Secret of the tenant object `name` that holds its object storage session credentials."""
    return f"{name}-directory-storage"


def admin_password_key(email: str) -> str:
    """Key, in the tenant's Secret, of an administrator's first password.

    Secret keys allow `[-._a-zA-Z0-9]` only, so `@` and `+` are spelled out.
    """
    return "admin-password." + email.lower().replace("@", "_at_").replace("+", "_plus_")
