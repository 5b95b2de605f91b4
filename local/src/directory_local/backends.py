"""The backends that the local cluster runs, and the Secrets by which the operator reaches them: `manifests/backends`,
with what only an installation can know. Passwords are made once, and only the cluster's Secrets have them.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from directory_contract.names import MIGRATOR_LOGIN, OPERATOR_LOGIN
from directory_local.addons.manifests import Changing, parsed
from directory_local.cluster import Cluster, Manifest, opaque_secret
from directory_local.parts.redis import ADMIN as REDIS_ADMIN
from directory_local.platform_objects import OPERATOR_NAMESPACE, TENANT_NAMESPACE
from directory_local.repository import root

DATA_NAMESPACE: Final = "directory-data"
AUTHORITY: Final = "directory-ca"
"""Name of the ClusterIssuer, and of the Secrets that hold its certificate."""

Values = Mapping[str, str]
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def namespaces() -> list[Manifest]:
    """The namespaces of the operator and of the sample tenants; whatever runs there meets the strictest standard."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": _RESTRICTED}}
        for name in (OPERATOR_NAMESPACE, TENANT_NAMESPACE)
    ]


def manifests(cluster: Cluster) -> list[Changing]:
    """`manifests/backends`, and the settings of Redis that every deployment shares."""
    settings: Changing = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "directory-redis-settings", "namespace": DATA_NAMESPACE},
        "data": {"redis.conf": (root() / "infrastructure" / "redis" / "redis.conf").read_text()},
    }
    return [settings, *parsed(cluster.kubectl("kustomize", str(root() / "manifests" / "backends")))]


def admin_secrets(cluster: Cluster) -> list[Manifest]:
    """What the operator and the migrations sign in with, as the cluster has it; made now if it has none."""
    made = {
        "postgres-admin": _kept(cluster, OPERATOR_NAMESPACE, "postgres-admin", _login(OPERATOR_LOGIN)),
        "postgres-migrator": _kept(cluster, OPERATOR_NAMESPACE, "postgres-migrator", _login(MIGRATOR_LOGIN)),
        "redis-admin": _kept(cluster, OPERATOR_NAMESPACE, "redis-admin", _login(REDIS_ADMIN)),
        "s3-admin": _kept(cluster, OPERATOR_NAMESPACE, "s3-admin", _key_pair),
    }
    encryption = _kept(cluster, DATA_NAMESPACE, "directory-minio", lambda: {"kms-key": _encryption_key()})
    servers = {
        "directory-redis": {"users.acl": redis_users(made["redis-admin"]["password"])},
        "directory-minio": {**made["s3-admin"], "kms-key": encryption["kms-key"]},
    }
    return [
        *(opaque_secret(OPERATOR_NAMESPACE, name, values) for name, values in made.items()),
        *(opaque_secret(DATA_NAMESPACE, name, values) for name, values in servers.items()),
    ]


def redis_users(password: str) -> str:
    """The users that the ACL file always has: the operator's, one for probes that may say PING, and nobody else."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    return (
        "user default off resetchannels -@all\n"
        "user probe on nopass resetchannels -@all +ping\n"
        f"user {REDIS_ADMIN} on #{digest} ~* &* +@all\n"
    )


def copied_secrets(cluster: Cluster) -> list[Manifest]:
    """What the chart needs and others made: the authority's certificate, and the database superuser's login."""
    superuser = _values(cluster, DATA_NAMESPACE, "directory-db-superuser")
    return [
        opaque_secret(OPERATOR_NAMESPACE, AUTHORITY, {"ca.crt": authority(cluster)}),
        opaque_secret(
            OPERATOR_NAMESPACE, "postgres-superuser", {key: superuser[key] for key in ("username", "password")}
        ),
    ]


def authority(cluster: Cluster) -> str:
    """The certificate of the cluster's certificate authority."""
    return _values(cluster, "cert-manager", AUTHORITY)["ca.crt"]


def platform_spec(base_domain: str, ingress_class: str) -> Changing:
    """The DirectoryPlatform's spec for the backends of `manifests/backends`."""
    host, certificate = f"{DATA_NAMESPACE}.svc", {"name": AUTHORITY}
    return {
        "postgres": {
            "host": f"directory-db-rw.{host}",
            "sslMode": "verify-full",
            "caSecretRef": certificate,
            "adminSecretRef": {"name": "postgres-admin"},
            "pooler": {"host": f"directory-db-pooler.{host}"},
        },
        "redis": {
            "host": f"directory-redis.{host}",
            "tls": True,
            "caSecretRef": certificate,
            "adminSecretRef": {"name": "redis-admin"},
        },
        "objectStorage": {
            "endpoint": f"https://directory-minio.{host}:9000",
            "region": "us-east-1",
            "addressingStyle": "path",
            "credentialsSecretRef": {"name": "s3-admin"},
            "caSecretRef": certificate,
        },
        "ingress": {
            "className": ingress_class,
            "baseDomain": base_domain,
            "clusterIssuer": AUTHORITY,
            "hostCertificates": "PerTenant",
        },
        "network": {
            "clients": [{"namespace": "projectcontour"}],
            "backends": [{"namespace": DATA_NAMESPACE, "ports": [5432, 6379, 9000]}],
        },
    }


def _kept(cluster: Cluster, namespace: str, name: str, make: Callable[[], Values]) -> Values:
    return _values(cluster, namespace, name) or make()


def _values(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    secret = cluster.find("secret", name, namespace)
    return {key: base64.b64decode(value).decode() for key, value in ((secret or {}).get("data") or {}).items()}


def _login(username: str) -> Callable[[], Values]:
    return lambda: {"username": username, "password": secrets.token_urlsafe(32)}


def _key_pair() -> Values:
    identifier = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(20))
    return {"access-key-id": identifier, "secret-access-key": secrets.token_urlsafe(32)}


def _encryption_key() -> str:
    return f"directory:{base64.b64encode(secrets.token_bytes(32)).decode()}"
