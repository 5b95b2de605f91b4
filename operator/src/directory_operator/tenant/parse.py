"""From a DirectoryTenant object to the Tenant that the systems see. Pure."""

from datetime import datetime
from typing import Any

from directory_contract.names import TenantNames
from directory_operator.errors import SpecRejected
from directory_operator.tenant.model import Platform, Tenant
from directory_operator.tenant.spec import TenantSpec


def parse_tenant(body: dict[str, Any], platform: Platform, cluster_id: str) -> Tenant:
    """The tenant; SpecRejected names the field that the API server should have refused."""
    metadata = body["metadata"]
    spec = TenantSpec.parse(body["spec"])
    return Tenant(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        spec=spec,
        names=TenantNames(
            slug=spec.slug or metadata["name"],
            bucket_prefix=platform.spec.object_storage.bucket_prefix,
            base_domain=platform.spec.ingress.base_domain,
        ),
        platform=platform,
        cluster_id=cluster_id,
        applied_generation=(body.get("status") or {}).get("lastAppliedGeneration", 0),
    )


def refuse_platform_hosts(tenant: Tenant) -> None:
    """Raise SpecRejected for a custom host below the base domain: each of those is, or may become, another tenant's.

    Apart from parsing, since a platform that moves to another domain must not keep its tenants from being deleted.
    """
    base = tenant.platform.spec.ingress.base_domain.lower()
    for index, host in enumerate(tenant.spec.hosts):
        if host.lower() == base or host.lower().endswith(f".{base}"):
            raise SpecRejected(
                f"spec.hosts[{index}]",
                f"{host} is below {base}, where DirectoryPlatform {tenant.platform.name} gives each tenant the host of "
                f"its slug ({tenant.names.host} to this one): remove it, only domains of the tenant's own belong here",
            )
