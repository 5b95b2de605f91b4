"""Owns the process's configuration: environment variables, read once, and secret files, read again when they change."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from directory_contract import environment

Tier = Literal["Dedicated", "Pooled"]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class Settings(BaseSettings):
    """`DIRECTORY_*`, by the names of directory_contract.environment; docs of each are in its field."""

    model_config = SettingsConfigDict(env_prefix=environment.PREFIX, frozen=True)

    tier: Tier
    secrets_directory: Path
    base_domain: str
    public_port: int = 443
    tenant_slug: str | None = Field(default=None, description="Dedicated only: the tenant served")
    listen_host: str = "127.0.0.1"
    listen_port: int = environment.API_PORT
    trusted_proxies: str = Field(
        default="127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
        description="peers whose X-Forwarded-For is believed",
    )
    drain_seconds: float = Field(default=3, ge=0, description="how long to serve on after SIGTERM while not ready")
    shutdown_seconds: int = Field(default=20, ge=1, description="how long requests in flight may take after that")
    log_level: str = "INFO"

    postgres_host: str
    postgres_port: int = 5432
    postgres_database: str = "directory"
    postgres_sslmode: SslMode = "prefer"
    postgres_pooler: bool = Field(default=False, description="host and port are PgBouncer's, in transaction mode")
    postgres_pool_size: int | None = Field(default=None, ge=1)
    redis_host: str | None = None
    redis_port: int = 6379
    redis_sentinels: str = Field(default="", description="instead of host and port: host:port,host:port")
    redis_sentinel_master: str | None = Field(default=None, description="what the Sentinels call the primary")
    redis_tls: bool = False
    s3_endpoint: str | None = Field(default=None, description="absent: Amazon's own")
    s3_region: str = "us-east-1"
    s3_addressing_style: Literal["path", "virtual", "auto"] = "auto"
    ca_file: Path | None = None

    max_body_bytes: int = Field(default=64 * 1024, ge=1024, description="of JSON requests")
    max_photo_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    max_photo_pixels: int = Field(default=25_000_000, ge=1)

    @model_validator(mode="after")
    def _dedicated_names_its_tenant(self) -> "Settings":
        if self.tier == "Dedicated" and not self.tenant_slug:
            message = f"{environment.TENANT_SLUG} must name the tenant when {environment.TIER} is Dedicated"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _redis_is_somewhere(self) -> "Settings":
        if (self.redis_host is None) == (not self.redis_sentinels):
            message = f"exactly one of {environment.REDIS_HOST} and {environment.REDIS_SENTINELS} must be set"
            raise ValueError(message)
        if self.redis_sentinels and not self.redis_sentinel_master:
            message = f"{environment.REDIS_SENTINEL_MASTER} must name the primary where there are Sentinels"
            raise ValueError(message)
        return self

    @property
    def sentinel_addresses(self) -> list[tuple[str, int]]:
        """An IPv6 address stands in square brackets, as in a URL."""
        pairs = (each.strip().rpartition(":") for each in self.redis_sentinels.split(","))
        return [(host.strip("[]"), int(port)) for host, _, port in pairs]

    @property
    def pool_size(self) -> int:
        """Connections of this process. A dedicated tenant's login allows few, and its replicas share them."""
        return self.postgres_pool_size or (3 if self.tier == "Dedicated" else 10)


class SecretMissing(Exception):
    """A secret file is not there (yet): the mounted Secret lacks the key, or the folder is wrong."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the secret file {path} cannot be read: does the mounted Secret hold this key?")
        self.path = path


@dataclass(slots=True)
class SecretFiles:
    """A folder of secret files as the kubelet mounts it: replaced as a whole, by swapping a symbolic link."""

    folder: Path
    _cache: dict[str, tuple[tuple[int, int, int], SecretStr]] = field(default_factory=dict)

    def read(self, name: str) -> SecretStr:
        """The file's present content without surrounding white space; a stat when it has not changed."""
        path = self.folder / name
        try:
            stat = path.stat()
            mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            known = self._cache.get(name)
            if known is None or known[0] != mark:
                known = (mark, SecretStr(path.read_text().strip()))
                self._cache[name] = known
        except OSError:
            raise SecretMissing(path) from None
        return known[1]

    def find(self, name: str) -> SecretStr | None:
        """Like `read`, None when the file does not exist."""
        try:
            return self.read(name)
        except SecretMissing:
            return None
