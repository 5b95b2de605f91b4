"""`status` of a DirectoryTenant: what is owned outside, and the conditions. Pure.

The identities are written before they are created, so that a crash leaves a record of what may exist.
"""

from typing import Any

from directory_contract.names import storage_secret, tenant_secret
from directory_operator.manifests import API_VERSION, Manifest
from directory_operator.tenant.model import Tenant

Body = dict[str, Any]


def identities(tenant: Tenant) -> Body:
    """The names of everything this tenant owns, by system."""
    names = tenant.names
    blocks: Body = {
        "url": tenant.url,
        "platform": tenant.platform.name,
        "secretName": tenant_secret(tenant.name),
        "database": {"role": names.login_role},
        "cache": {"user": names.redis_user, "keyPrefix": names.key_prefix},
        "storage": {"bucket": names.bucket, "secretName": storage_secret(tenant.name)},
        "ingress": {"hosts": list(tenant.hosts)},
    }
    if "Dedicated" in tenant.tiers:
        child = tenant_secret(tenant.name)
        blocks["workload"] = {"deployment": child, "service": child}
    return blocks


def status_manifest(body: Body, status: Body) -> Manifest:
    """The object to apply to the status subresource; it fails instead of creating if the tenant is another by now."""
    metadata = {key: body["metadata"][key] for key in ("name", "namespace", "uid") if key in body["metadata"]}
    return {"apiVersion": API_VERSION, "kind": body["kind"], "metadata": metadata, "status": status}
