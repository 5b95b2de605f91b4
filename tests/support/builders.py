"""Tenants and platforms for tests, with everything defaulted that a test does not care about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from directory_contract.names import TenantNames
from directory_operator.platform.spec import PlatformSpec
from directory_operator.tenant.model import Platform, Tenant
from directory_operator.tenant.spec import TenantSpec

PLATFORM_SPEC: dict[str, Any] = {
    "postgres": {"host": "127.0.0.1", "sslMode": "disable", "adminSecretRef": {"name": "postgres-admin"}},
    "redis": {"host": "127.0.0.1", "tls": False, "adminSecretRef": {"name": "redis-admin"}},
    "objectStorage": {
        "endpoint": "http://127.0.0.1:9000",
        "addressingStyle": "path",
        "credentialsSecretRef": {"name": "s3-admin"},
    },
    "ingress": {"baseDomain": "directory.example"},
    "api": {
        "image": "registry.example/directory-api:1.0.0",
        "pooledEndpoint": "http://directory-api.directory-system.svc:8080",
    },
}


def a_platform(**spec: Any) -> Platform:
    """A platform named `default`; keywords replace whole parts of its spec."""
    return Platform(
        "default", "00000000-0000-0000-0000-00000000000f", PlatformSpec.model_validate(PLATFORM_SPEC | spec)
    )


def a_tenant(
    name: str = "acme", *, platform: Platform | None = None, applied_generation: int = 0, **spec: Any
) -> Tenant:
    """A tenant in namespace `tenants`; keywords are fields of its spec, camelCase as in YAML."""
    place = platform or a_platform()
    body = {"displayName": name.title(), "admins": [{"email": f"ada@{name}.example"}]} | spec
    parsed = TenantSpec.model_validate(body)
    tenant = Tenant(
        name=name,
        namespace="tenants",
        uid=str(uuid5(NAMESPACE_DNS, name)),
        generation=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        spec=parsed,
        names=TenantNames(parsed.slug or name, place.spec.object_storage.bucket_prefix, place.spec.ingress.base_domain),
        platform=place,
        cluster_id="00000000-0000-0000-0000-0000000000c1",
    )
    return replace(tenant, applied_generation=applied_generation)
