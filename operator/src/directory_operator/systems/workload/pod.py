"""The pod of a Dedicated tenant's API: environment, mounted secrets, probes, security. Pure."""

from hashlib import sha256
from typing import Final

from directory_contract import environment as env
from directory_contract.names import storage_secret, tenant_secret
from directory_operator.children import TENANT_LABEL, child_name
from directory_operator.manifests import GROUP, Manifest
from directory_operator.platform.spec import RedisSpec
from directory_operator.tenant.model import Tenant

GENERATION_ANNOTATION: Final = f"{GROUP}/credential-generation"
CA_ANNOTATION: Final = f"{GROUP}/ca-digest"
CA_KEY: Final = "ca.crt"

_DRAIN: Final = 10
"""Seconds for which a pod that is told to stop serves on: by then nobody is sent to it any more.

The process drains by itself: a `preStop` would need a shell in the image, or a Kubernetes that knows `sleep`, and
during it the process would not know that it should send its clients elsewhere.
"""
_SHUTDOWN: Final = 20
"""Seconds that requests in flight may take after that."""
_USER: Final = 10001  # any number but 0: the image names none, so that the same one works under any policy
_SECRETS: Final = "/var/run/directory/secrets"
_MODE: Final = 0o440

_TENANT_FILES: Final = (
    env.POSTGRES_USERNAME_FILE,
    env.POSTGRES_PASSWORD_FILE,
    env.REDIS_USERNAME_FILE,
    env.REDIS_PASSWORD_FILE,
    env.JWT_SIGNING_KEY_FILE,
)
"""What of the tenant's Secret the API needs. The administrators' first passwords are none of its business."""

_STORAGE_FILES: Final = (
    env.S3_ACCESS_KEY_ID_FILE,
    env.S3_SECRET_ACCESS_KEY_FILE,
    env.S3_SESSION_TOKEN_FILE,
    env.S3_EXPIRES_AT_FILE,
)


def pod_labels(tenant: Tenant) -> dict[str, str]:
    """Labels that select the tenant's API pods, and no others."""
    return {TENANT_LABEL: tenant.name, "app.kubernetes.io/component": "api"}


def ca_name(tenant: Tenant) -> str:
    """ConfigMap with the authorities of the backends."""
    return f"{child_name(tenant)}-ca"


def pod_template(tenant: Tenant) -> Manifest:
    """The pod template of the tenant's Deployment."""
    annotations = {GENERATION_ANNOTATION: tenant.credentials.generation} if tenant.credentials else {}
    if tenant.platform.ca_bundle:
        # The backends' connections are made anew when the authorities change: the pods are.
        annotations[CA_ANNOTATION] = sha256(tenant.platform.ca_bundle.encode()).hexdigest()[:16]
    return {
        # The server drops an empty map, and wanting one would be a difference for ever.
        "metadata": {"labels": pod_labels(tenant), **({"annotations": annotations} if annotations else {})},
        "spec": {
            "serviceAccountName": child_name(tenant),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **_pull_secrets(tenant),
            "terminationGracePeriodSeconds": _DRAIN + _SHUTDOWN + 5,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,  # lets the process read the mounted secrets, which are mode 0440
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(tenant)],
            "volumes": [
                {"name": "secrets", "projected": {"defaultMode": _MODE, "sources": _secret_sources(tenant)}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},  # uploads are re-encoded there
            ],
            "topologySpreadConstraints": [
                {
                    "topologyKey": key,
                    "maxSkew": 1,
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": pod_labels(tenant)},
                }
                for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
            ],
        },
    }


def _pull_secrets(tenant: Tenant) -> Manifest:
    # The server drops an empty list, and wanting one would be a difference for ever.
    names = [{"name": each.name} for each in tenant.platform.spec.api.image_pull_secrets]
    return {"imagePullSecrets": names} if names else {}


def _container(tenant: Tenant) -> Manifest:
    api = tenant.spec.api
    return {
        "name": "api",
        "image": api.image or tenant.platform.spec.api.image,
        "env": [{"name": name, "value": value} for name, value in _environment(tenant).items()],
        "ports": [{"name": "http", "containerPort": env.API_PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/startupz", period=2, failures=60),
        # What all pods lack alike, a database say, is no reason to take all away: they answer 503 themselves, and work
        # again in the moment it is back. Only what lasts takes a pod away.
        "readinessProbe": _probe("/readyz", period=3, failures=6),
        "livenessProbe": _probe("/healthz", period=10, failures=3),
        "resources": {"requests": api.resources.requests.model_dump(), "limits": api.resources.limits.model_dump()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": _SECRETS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own, an emptyDir
        ],
    }


def _environment(tenant: Tenant) -> dict[str, str]:
    platform = tenant.platform.spec
    variables = {
        env.TIER: "Dedicated",
        env.TENANT_SLUG: tenant.names.slug,
        env.BASE_DOMAIN: platform.ingress.base_domain,
        env.PUBLIC_PORT: str(platform.ingress.port),
        env.LISTEN_HOST: "0.0.0.0",  # noqa: S104 - inside the pod, behind its NetworkPolicy
        env.LISTEN_PORT: str(env.API_PORT),
        env.DRAIN_SECONDS: str(_DRAIN),
        env.SHUTDOWN_SECONDS: str(_SHUTDOWN),
        env.SECRETS_DIRECTORY: _SECRETS,
        env.POSTGRES_HOST: platform.postgres.for_api.host,
        env.POSTGRES_PORT: str(platform.postgres.for_api.port),
        **({env.POSTGRES_POOLER: "true"} if platform.postgres.pooler else {}),
        env.POSTGRES_DATABASE: platform.postgres.database,
        env.POSTGRES_SSLMODE: platform.postgres.ssl_mode,
        **_redis(platform.redis),
        env.S3_ENDPOINT: platform.object_storage.endpoint,
        env.S3_REGION: platform.object_storage.region,
        env.S3_ADDRESSING_STYLE: platform.object_storage.addressing_style,
    }
    return variables | ({env.CA_FILE: f"{_SECRETS}/{CA_KEY}"} if tenant.platform.ca_bundle else {})


def _redis(redis: RedisSpec) -> dict[str, str]:
    tls = {env.REDIS_TLS: str(redis.tls).lower()}
    if redis.sentinel is None:
        return {env.REDIS_HOST: redis.host or "", env.REDIS_PORT: str(redis.port)} | tls
    hosts = [(f"[{each.host}]" if ":" in each.host else each.host, each.port) for each in redis.sentinel.hosts]
    sentinels = ",".join(f"{host}:{port}" for host, port in hosts)
    return {env.REDIS_SENTINELS: sentinels, env.REDIS_SENTINEL_MASTER: redis.sentinel.master_name} | tls


def _secret_sources(tenant: Tenant) -> list[Manifest]:
    def items(keys: tuple[str, ...]) -> list[Manifest]:
        return [{"key": key, "path": key} for key in keys]

    sources: list[Manifest] = [
        {"secret": {"name": tenant_secret(tenant.name), "items": items(_tenant_files(tenant))}},
        {"secret": {"name": storage_secret(tenant.name), "items": items(_STORAGE_FILES)}},
    ]
    if tenant.platform.ca_bundle:
        sources.append({"configMap": {"name": ca_name(tenant), "items": items((CA_KEY,))}})
    return sources


def _tenant_files(tenant: Tenant) -> tuple[str, ...]:
    return (*_TENANT_FILES, *sorted(tenant.platform.shared_files))


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }
