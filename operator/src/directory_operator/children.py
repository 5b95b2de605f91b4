"""Kubernetes objects a tenant owns: their common metadata, and whether a live one still is as we applied it. Pure.

An unchanged server-side apply costs the API server as much as a change, so a converged object is never applied again:
the live object is compared with what we want first.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory_operator.kube import API_VERSION, GROUP, Manifest, ObjectRef
from directory_operator.tenant.model import Tenant

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "directory-operator"
TENANT_LABEL: Final = f"{GROUP}/tenant"
DIGEST_ANNOTATION: Final = f"{GROUP}/applied-digest"


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Apply `manifest`, because of `why`."""

    manifest: Manifest
    why: str
    routine: bool = False

    def __str__(self) -> str:
        return f"apply {ObjectRef.of(self.manifest)} ({self.why})"


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete what is no longer wanted."""

    ref: ObjectRef
    uid: str
    routine: bool = False

    def __str__(self) -> str:
        return f"delete {self.ref}"


def metadata(tenant: Tenant, name: str) -> Manifest:
    """Metadata of a child: labels to find it by and the owner that takes it along when deleted."""
    return {
        "name": name,
        "namespace": tenant.namespace,
        "labels": {
            MANAGED_BY_LABEL: MANAGED_BY,
            TENANT_LABEL: tenant.name,
            "app.kubernetes.io/name": "company-directory",
            "app.kubernetes.io/instance": tenant.name,
        },
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "DirectoryTenant",
                "name": tenant.name,
                "uid": tenant.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with the digest of itself as an annotation: a field we stop setting then counts as a change."""
    digest = sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    old = manifest["metadata"]
    annotations = {**old.get("annotations", {}), DIGEST_ANNOTATION: digest}
    return {**manifest, "metadata": {**old, "annotations": annotations}}


def owned_by(live: Manifest, uid: str) -> bool:
    """Whether the live object is controlled by the tenant with this uid."""
    references = live["metadata"].get("ownerReferences", [])
    return any(reference["uid"] == uid and reference.get("controller") for reference in references)


def difference(wanted: object, live: object, path: str = "") -> str | None:
    """Path of the first field we set that the live object does not have so; None when all are as wanted.

    Lists are compared as wholes, item by item: server defaults may add fields inside an item.
    """
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return path or "."
        found = (difference(value, live.get(key), f"{path}.{key}") for key, value in wanted.items())
        return next((each for each in found if each), None)
    if isinstance(wanted, list):
        if not isinstance(live, list) or len(wanted) != len(live):
            return path
        pairs = enumerate(zip(wanted, live, strict=True))
        found = (difference(ours, theirs, f"{path}[{index}]") for index, (ours, theirs) in pairs)
        return next((each for each in found if each), None)
    return None if wanted == live else path
