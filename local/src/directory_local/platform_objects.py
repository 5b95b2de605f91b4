"""The Kubernetes objects that make a cluster the local platform: namespaces, admin Secrets, the DirectoryPlatform."""

from pathlib import Path

from directory_contract.names import OPERATOR_LOGIN
from directory_local.cluster import Manifest, opaque_secret
from directory_local.parts.minio import Minio
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis
from directory_local.ports import LOOPBACK, Ports
from directory_local.repository import root

OPERATOR_NAMESPACE = "directory-system"
TENANT_NAMESPACE = "tenants"
PLATFORM = "default"
POOL_SECRET = f"{PLATFORM}-pool"
OPERATOR_ACCOUNT = "directory-operator"


def rbac_file() -> Path:
    """What the operator may do: the file that every installation applies."""
    return root() / "manifests" / "operator" / "rbac.yaml"


def admin_secrets(postgres: Postgres, redis: Redis, minio: Minio) -> list[Manifest]:
    """What the operator signs in to the backends with."""
    credentials = {
        "postgres-admin": {"username": OPERATOR_LOGIN, "password": postgres.password(OPERATOR_LOGIN)},
        "redis-admin": {"username": redis.admin, "password": redis.admin_password},
        "s3-admin": {"access-key-id": minio.access_key_id, "secret-access-key": minio.secret_access_key},
    }
    return [opaque_secret(OPERATOR_NAMESPACE, name, values) for name, values in credentials.items()]


def platform(ports: Ports, base_domain: str, minio: Minio) -> Manifest:
    """The DirectoryPlatform `default`, whose backends are this machine's."""
    return {
        "apiVersion": "companydirectory.io/v1beta1",
        "kind": "DirectoryPlatform",
        "metadata": {"name": PLATFORM},
        "spec": {
            "postgres": {
                "host": LOOPBACK,
                "port": ports.postgres,
                "database": "directory",
                "sslMode": "disable",
                "adminSecretRef": {"name": "postgres-admin"},
            },
            "redis": {
                "host": LOOPBACK,
                "port": ports.redis,
                "tls": False,
                "adminSecretRef": {"name": "redis-admin"},
            },
            "objectStorage": {
                "endpoint": minio.endpoint,
                "region": minio.region,
                "addressingStyle": "path",
                "credentialsSecretRef": {"name": "s3-admin"},
            },
            "ingress": {"className": "nginx", "baseDomain": base_domain, "port": ports.https},
            "api": {
                "image": "company-directory-api:local",
                "pooledEndpoint": f"http://{LOOPBACK}:{ports.api}",
            },
        },
    }
