"""A valid object of each kind with every field set: the base that each case changes in one place."""

from copy import deepcopy
from typing import Any

API_VERSION = "companydirectory.io/v1beta1"

TENANT: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": "DirectoryTenant",
    "metadata": {"name": "initech", "namespace": "default"},
    "spec": {
        "displayName": "Initech",
        "admins": [{"email": "bill@initech.example"}, {"email": "Milton+stapler@initech.example"}],
        "slug": "initech",
        "platformRef": "default",
        "tier": "Dedicated",
        "hosts": ["people.initech.example", "directory.initech.example"],
        "deletionPolicy": "Delete",
        "database": {"connectionLimit": 20, "statementTimeoutSeconds": 30, "deletionPolicy": "Delete"},
        "storage": {"versioning": True, "noncurrentVersionRetentionDays": 30, "deletionPolicy": "Delete"},
        "ingress": {"rateLimitPerMinute": 600, "tls": {"secretName": "initech-certificate"}},
        "api": {
            "image": "registry.example:5000/directory/api:1.2.3",
            "autoscaling": {
                "minReplicas": 1,
                "maxReplicas": 100,
                "targetCpuUtilizationPercentage": 70,
                "targetRequestsInFlight": 20,
            },
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": 2, "memory": "1.5Gi"}},
        },
        "auth": {"accessTokenLifetimeSeconds": 600, "refreshTokenLifetimeSeconds": 86400},
        "cors": {"allowedOrigins": ["https://intranet.initech.example", "http://localhost:5173"]},
    },
}

PLATFORM: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": "DirectoryPlatform",
    "metadata": {"name": "default"},
    "spec": {
        "postgres": {
            "host": "postgres.internal",
            "port": 5432,
            "database": "directory",
            "sslMode": "verify-full",
            "caSecretRef": {"name": "postgres-ca"},
            "adminSecretRef": {"name": "postgres-admin"},
            "pooler": {"host": "pooler.internal", "port": 6432},
        },
        "redis": {
            "host": "10.0.0.7",
            "port": 6379,
            "tls": True,
            "caSecretRef": {"name": "redis-ca"},
            "adminSecretRef": {"name": "redis-admin"},
        },
        "objectStorage": {
            "endpoint": "https://s3.internal:9000",
            "region": "eu-central-1",
            "addressingStyle": "path",
            "bucketPrefix": "directory",
            "credentialsSecretRef": {"name": "s3-admin"},
            "caSecretRef": {"name": "s3-ca"},
            "sessionRoleArn": "arn:aws:iam::123456789012:role/directory-tenant",
            "sessionLifetimeSeconds": 3600,
            "enforcement": "Strict",
        },
        "ingress": {
            "className": "nginx",
            "baseDomain": "directory.example",
            "port": 443,
            "clusterIssuer": "letsencrypt",
            "hostCertificates": "PerTenant",
            "gatewayRef": {"name": "public", "namespace": "gateways", "sectionName": "https"},
            "externalDns": {"ttlSeconds": 60},
        },
        "network": {
            "clients": [{"namespace": "ingress-nginx"}, {"cidr": "10.0.0.0/24"}],
            "dns": [{"namespace": "kube-system", "ports": [53]}],
            "backends": [{"namespace": "directory-data", "ports": [5432, 6379, 9000]}],
        },
        "api": {
            "image": "registry.example/directory-api@sha256:" + "0" * 64,
            "pooledEndpoint": "http://directory-api.directory-system.svc:8080",
            "imagePullSecrets": [{"name": "registry"}],
            "inFlightMetric": "directory_api_requests_in_flight",
        },
    },
}

BASES = {"DirectoryTenant": TENANT, "DirectoryPlatform": PLATFORM}

GONE = object()
"""As a value: the field is not there."""

ALTERNATIVES: dict[str, dict[str, Any]] = {
    "spec.redis.sentinel": {
        "spec.redis.host": GONE,
        "spec.redis.sentinel": {
            "masterName": "directory",
            "hosts": [{"host": "sentinel.internal", "port": 26379}],
            "credentialsSecretRef": {"name": "sentinel"},
        },
    },
    **{
        f"spec.network.{peers}[0].cidr": {
            f"spec.network.{peers}[0].namespace": GONE,
            f"spec.network.{peers}[0].cidr": "10.0.0.0/24",
        }
        for peers in ("clients", "dns", "backends")
    },
}
"""Fields that stand for others: how the base looks with them."""


def base_of(kind: str, path: str) -> dict[str, Any]:
    """The valid object that has the field."""
    found = (changes for start, changes in ALTERNATIVES.items() if path.startswith(start))
    return changed(BASES[kind], next(found, {}))


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of the object with fields, by dotted path, set to other values; list items are `[0]`."""
    copy = deepcopy(base)
    for path, value in changes.items():
        *parents, last = [
            int(part) if part.isdigit() else part for part in path.replace("[", ".").replace("]", "").split(".")
        ]
        target: Any = copy
        for part in parents:
            target = target[part] if isinstance(part, int) else target.setdefault(part, {})
        if value is GONE:
            del target[last]
        else:
            target[last] = value
    return copy
