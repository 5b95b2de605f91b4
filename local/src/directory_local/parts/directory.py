"""The directory's own processes: the operator, the pooled API, and what brings the pool's Secret to it as files."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from directory_contract import environment as names
from directory_local import probes
from directory_local.cluster import Cluster
from directory_local.folder import StateFolder
from directory_local.parts.minio import Minio
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis
from directory_local.platform_objects import OPERATOR_NAMESPACE, POOL_SECRET
from directory_local.ports import LOOPBACK, Ports
from directory_local.programs import Program


def operator(cluster: Cluster, ports: Ports, kubeconfig: Path, overrides: Mapping[str, str]) -> Program:
    """The operator. `overrides` are environment variables that tests change."""
    return Program(
        name="operator",
        order=700,
        listens=("operator", "operator_metrics"),
        argv=(sys.executable, "-m", "directory_operator"),
        environment={
            **_base(),
            "KUBECONFIG": str(kubeconfig),
            "DIRECTORY_OPERATOR_NAMESPACE": OPERATOR_NAMESPACE,
            "DIRECTORY_OPERATOR_LISTEN_HOST": LOOPBACK,
            "DIRECTORY_OPERATOR_HEALTH_PORT": str(ports.operator),
            "DIRECTORY_OPERATOR_METRICS_PORT": str(ports.operator_metrics),
            **overrides,
        },
        watches=(cluster.kubeconfig,),
        ready=lambda: probes.is_ok(ports.operator, "/healthz"),
    )


@dataclass(frozen=True)
class Pool:
    """The API process that serves every pooled tenant."""

    folder: StateFolder
    cluster: Cluster
    ports: Ports
    base_domain: str
    postgres: Postgres
    redis: Redis
    minio: Minio

    @property
    def secrets(self) -> Path:
        """Where the pool's Secret appears as files."""
        return self.folder.run / "pool-secret"

    def programs(self) -> list[Program]:
        """In the order in which they have to be ready."""
        return [self.secret_sync(), self._api()]

    def secret_sync(self, secret: str = POOL_SECRET) -> Program:
        """What keeps the files of `secrets` as the Secret says."""
        kubectl = str(self.cluster.binary)
        return Program(
            name="secret-sync",
            order=750,
            argv=(
                *(sys.executable, "-m", "directory_local.secret_sync"),
                *(kubectl, OPERATOR_NAMESPACE, secret, str(self.secrets)),
            ),
            environment={**_base(), "KUBECONFIG": str(self.cluster.kubeconfig)},
            ready=lambda: (self.secrets / names.S3_EXPIRES_AT_FILE).exists(),
        )

    def _api(self) -> Program:
        return Program(
            name="api",
            order=800,
            listens=("api",),
            argv=(sys.executable, "-m", "directory_api"),
            environment={
                **_base(),
                names.TIER: "Pooled",
                "DIRECTORY_DRAIN_SECONDS": "0",  # nginx has one upstream: there is nothing to drain to
                names.SECRETS_DIRECTORY: str(self.secrets),
                names.LISTEN_HOST: LOOPBACK,
                names.LISTEN_PORT: str(self.ports.api),
                names.BASE_DOMAIN: self.base_domain,
                names.PUBLIC_PORT: str(self.ports.https),
                names.POSTGRES_HOST: self.postgres.host,
                names.POSTGRES_PORT: str(self.postgres.port),
                names.POSTGRES_DATABASE: self.postgres.database,
                names.POSTGRES_SSLMODE: "disable",
                names.REDIS_HOST: self.redis.host,
                names.REDIS_PORT: str(self.redis.port),
                names.REDIS_TLS: "false",
                names.S3_ENDPOINT: self.minio.endpoint,
                names.S3_REGION: self.minio.region,
                names.S3_ADDRESSING_STYLE: "path",
            },
            ready=lambda: probes.is_ok(self.ports.api, "/readyz"),
        )


def _base() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONUNBUFFERED": "1"}
