"""The operator's settings, read from the environment once at start-up. Backends are named by DirectoryPlatforms."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperatorSettings(BaseSettings):
    """Each field is the variable `DIRECTORY_OPERATOR_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="DIRECTORY_OPERATOR_", frozen=True)

    namespace: str = "directory-system"
    """Where the platforms' Secrets are."""
    deployment: str = "directory-operator"
    """The operator's own Deployment there, which `directory-operator release` stops."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Tenants worked on at the same time."""
    sweep_interval_seconds: Annotated[float, Field(ge=1)] = 300.0
    """How often every tenant is compared with the backends."""
    platform_probe_seconds: Annotated[float, Field(ge=1)] = 15.0
    """How often a platform's backends are probed."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9090
    """Port of /metrics; 0 turns it off."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Port of /healthz; 0 turns it off."""
    listen_host: str = "0.0.0.0"  # noqa: S104 - inside a pod
    log_level: str = "INFO"
