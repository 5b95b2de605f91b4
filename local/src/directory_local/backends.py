"""The backends that the local cluster runs, and the Secrets by which the operator reaches them: `manifests/backends`,
with what only an installation can know. Passwords are made once, and only the cluster's Secrets have them.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal

from directory_contract.names import MIGRATOR_LOGIN, OPERATOR_LOGIN
from directory_local import redis_users
from directory_local.addons.manifests import Changing, parsed
from directory_local.cluster import Cluster, Manifest, opaque_secret
from directory_local.parts.redis import ADMIN as REDIS_ADMIN
from directory_local.platform_objects import OPERATOR_NAMESPACE, TENANT_NAMESPACE
from directory_local.repository import root

DATA_NAMESPACE: Final = "directory-data"
AUTHORITY: Final = "directory-ca"
"""Name of the ClusterIssuer, and of the Secrets that hold its certificate."""

Variant = Literal["base", "sentinel"]
"""Which Redis: one server, or a primary and a replica under Sentinels."""

Values = Mapping[str, str]
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def namespaces() -> list[Manifest]:
    """The namespaces of the operator and of the sample tenants; whatever runs there meets the strictest standard."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": _RESTRICTED}}
        for name in (OPERATOR_NAMESPACE, TENANT_NAMESPACE)
    ]


def manifests(cluster: Cluster, variant: Variant) -> list[Changing]:
    """`manifests/backends/<variant>`, and the settings of Redis that every deployment shares."""
    settings: Changing = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "directory-redis-settings", "namespace": DATA_NAMESPACE},
        "data": {"redis.conf": (root() / "infrastructure" / "redis" / "redis.conf").read_text()},
    }
    return [settings, *parsed(cluster.kubectl("kustomize", str(root() / "manifests" / "backends" / variant)))]


def admin_secrets(cluster: Cluster, variant: Variant) -> list[Manifest]:
    """What the operator and the migrations sign in with, as the cluster has it; made now if it has none."""
    made = {
        "postgres-admin": _kept(cluster, OPERATOR_NAMESPACE, "postgres-admin", _login(OPERATOR_LOGIN)),
        "postgres-migrator": _kept(cluster, OPERATOR_NAMESPACE, "postgres-migrator", _login(MIGRATOR_LOGIN)),
        "redis-admin": _kept(cluster, OPERATOR_NAMESPACE, "redis-admin", _login(REDIS_ADMIN)),
        "s3-admin": _kept(cluster, OPERATOR_NAMESPACE, "s3-admin", _key_pair),
    }
    encryption = _kept(cluster, DATA_NAMESPACE, "directory-minio", lambda: {"kms-key": _encryption_key()})
    if variant == "sentinel":
        made["redis-sentinel"] = _kept(cluster, OPERATOR_NAMESPACE, "redis-sentinel", _login(redis_users.DISCOVERY))
    servers = {
        **_redis_secrets(cluster, {name: values["password"] for name, values in made.items() if "password" in values}),
        "directory-minio": {**made["s3-admin"], "kms-key": encryption["kms-key"]},
    }
    return [
        *(opaque_secret(OPERATOR_NAMESPACE, name, values) for name, values in made.items()),
        *(opaque_secret(DATA_NAMESPACE, name, values) for name, values in servers.items()),
    ]


def _redis_secrets(cluster: Cluster, passwords: Values) -> dict[str, Values]:
    """What the Redis servers are told; `passwords` by the Secrets that their users sign in with."""
    admin, discovery = passwords["redis-admin"], passwords.get("redis-sentinel")
    if discovery is None:
        return {"directory-redis": redis_users.one_server(admin)}
    name = "directory-redis-internal"
    internal = _kept(cluster, DATA_NAMESPACE, name, _internal_passwords)
    return {"directory-redis": redis_users.with_sentinel(admin, discovery, internal), name: internal}


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


def platform_spec(base_domain: str, ingress_class: str, variant: Variant) -> Changing:
    """The DirectoryPlatform's spec for the backends of `manifests/backends/<variant>`."""
    host, certificate = f"{DATA_NAMESPACE}.svc", {"name": AUTHORITY}
    ports = [5432, 6379, 9000, *([26379] if variant == "sentinel" else [])]
    return {
        "postgres": {
            "host": f"directory-db-rw.{host}",
            "sslMode": "verify-full",
            "caSecretRef": certificate,
            "adminSecretRef": {"name": "postgres-admin"},
            "pooler": {"host": f"directory-db-pooler.{host}"},
        },
        "redis": {
            **_redis(variant),
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
            "backends": [{"namespace": DATA_NAMESPACE, "ports": ports}],
        },
    }


def _redis(variant: Variant) -> Changing:
    host = f"{DATA_NAMESPACE}.svc"
    if variant == "base":
        return {"host": f"directory-redis.{host}"}
    return {
        "sentinel": {
            "masterName": redis_users.MASTER,
            "hosts": [{"host": f"directory-redis-sentinel.{host}"}],
            "credentialsSecretRef": {"name": "redis-sentinel"},
        }
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


def _internal_passwords() -> Values:
    return {user: secrets.token_urlsafe(32) for user in redis_users.INTERNAL}


def _encryption_key() -> str:
    return f"directory:{base64.b64encode(secrets.token_bytes(32)).decode()}"
