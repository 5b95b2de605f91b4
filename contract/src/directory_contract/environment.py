"""Environment variables and secret files that the API reads and that the operator's Deployments set.

Values that are no secret travel as environment variables. Secrets travel as files of a mounted Secret
(`SECRETS_DIRECTORY`), because files can be replaced while a process runs and never show up in a process listing.
"""

from typing import Final

PREFIX: Final = "DIRECTORY_"

TIER: Final = "DIRECTORY_TIER"  # "Dedicated" or "Pooled"
SECRETS_DIRECTORY: Final = "DIRECTORY_SECRETS_DIRECTORY"
LISTEN_HOST: Final = "DIRECTORY_LISTEN_HOST"
LISTEN_PORT: Final = "DIRECTORY_LISTEN_PORT"
DRAIN_SECONDS: Final = "DIRECTORY_DRAIN_SECONDS"  # for which a process that is told to stop serves on
SHUTDOWN_SECONDS: Final = "DIRECTORY_SHUTDOWN_SECONDS"  # for which requests in flight may then take
BASE_DOMAIN: Final = "DIRECTORY_BASE_DOMAIN"
PUBLIC_PORT: Final = "DIRECTORY_PUBLIC_PORT"  # port of tenant URLs, 443 unless a local machine serves another
TENANT_SLUG: Final = "DIRECTORY_TENANT_SLUG"  # Dedicated only

POSTGRES_HOST: Final = "DIRECTORY_POSTGRES_HOST"
POSTGRES_PORT: Final = "DIRECTORY_POSTGRES_PORT"
POSTGRES_DATABASE: Final = "DIRECTORY_POSTGRES_DATABASE"
POSTGRES_POOLER: Final = "DIRECTORY_POSTGRES_POOLER"  # "true" where host and port are PgBouncer's
POSTGRES_SSLMODE: Final = "DIRECTORY_POSTGRES_SSLMODE"  # libpq's names
REDIS_HOST: Final = "DIRECTORY_REDIS_HOST"
REDIS_PORT: Final = "DIRECTORY_REDIS_PORT"
REDIS_SENTINELS: Final = "DIRECTORY_REDIS_SENTINELS"  # instead of host and port: "host:port,host:port"
REDIS_SENTINEL_MASTER: Final = "DIRECTORY_REDIS_SENTINEL_MASTER"  # what they call the primary
REDIS_TLS: Final = "DIRECTORY_REDIS_TLS"  # "true" or "false"
S3_ENDPOINT: Final = "DIRECTORY_S3_ENDPOINT"
S3_REGION: Final = "DIRECTORY_S3_REGION"
S3_ADDRESSING_STYLE: Final = "DIRECTORY_S3_ADDRESSING_STYLE"  # "path" or "virtual"
CA_FILE: Final = "DIRECTORY_CA_FILE"  # optional bundle that signs the backends' certificates

# Keys of the Secrets, which are also the names of the mounted files.
POSTGRES_USERNAME_FILE: Final = "postgres-username"
POSTGRES_PASSWORD_FILE: Final = "postgres-password"  # noqa: S105 - a file name
REDIS_USERNAME_FILE: Final = "redis-username"
REDIS_PASSWORD_FILE: Final = "redis-password"  # noqa: S105 - a file name
REDIS_SENTINEL_USERNAME_FILE: Final = "redis-sentinel-username"  # where the Sentinels ask for one
REDIS_SENTINEL_PASSWORD_FILE: Final = "redis-sentinel-password"  # noqa: S105 - a file name
CA_FILE_KEY: Final = "ca.crt"  # certificates of the backends' authorities
S3_ACCESS_KEY_ID_FILE: Final = "s3-access-key-id"
S3_SECRET_ACCESS_KEY_FILE: Final = "s3-secret-access-key"  # noqa: S105 - a file name
S3_SESSION_TOKEN_FILE: Final = "s3-session-token"  # noqa: S105 - a file name
S3_EXPIRES_AT_FILE: Final = "s3-expires-at"  # RFC 3339
JWT_SIGNING_KEY_FILE: Final = "jwt-signing-key.pem"  # PKCS #8, P-256
CONTEXT_KEY_FILE: Final = "context-key"  # Pooled only: hex, 32 bytes
CONTEXT_KEY_ID_FILE: Final = "context-key-id"  # Pooled only

API_PORT: Final = 8080
"""Port that the API listens on inside a pod."""
