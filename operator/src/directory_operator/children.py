"""Kubernetes objects a tenant owns: their common metadata, whose they are, whether they are as we applied them. Pure.

An unchanged server-side apply costs the API server as much as a change, so a converged object is never applied again:
the live object is compared with what we want first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory_operator.errors import Conflict, NotReady
from directory_operator.manifests import API_VERSION, GROUP, Manifest, ObjectRef
from directory_operator.quantities import same_quantity
from directory_operator.reasons import Reason
from directory_operator.tenant.model import Tenant

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "directory-operator"
TENANT_LABEL: Final = f"{GROUP}/tenant"
DIGEST_ANNOTATION: Final = f"{GROUP}/applied-digest"
SERVICE_PORT: Final = 80
"""Port of a Dedicated tenant's Service, which its route leads to."""

_DELETION_POLL: Final = 2.0  # seconds: an object that is being deleted is gone soon, or hangs on a finalizer

_ITEM_KEYS: Final = ("uid", "name", "mountPath", "topologyKey")
"""What tells the items of a list apart where server-side apply merges lists item by item, most telling first.

Others may add items of theirs there (a side-car, a variable): those are not ours to take away.
"""


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


ChildChange = ApplyObject | DeleteObject


def child_name(tenant: Tenant) -> str:
    """The name of the tenant's main objects: its Deployment, Service, Ingress and so on."""
    return f"{tenant.name}-directory"


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


def left_by_predecessor(live: Manifest, tenant: Tenant) -> bool:
    """Whether the object belonged to a deleted tenant of the same name, whose garbage is not collected yet."""
    references = live["metadata"].get("ownerReferences", [])
    controllers = [reference for reference in references if reference.get("controller")]
    return any(
        (each["apiVersion"].split("/")[0], each["kind"], each["name"]) == (GROUP, "DirectoryTenant", tenant.name)
        and each["uid"] != tenant.uid
        for each in controllers
    )


def require_free(live: Manifest, tenant: Tenant) -> None:
    """Raise Conflict for an object that is neither ours nor a predecessor's, NotReady for one that is being deleted."""
    ref = ObjectRef.of(live)
    if not owned_by(live, tenant.uid) and not left_by_predecessor(live, tenant):
        raise Conflict(
            f"{ref} exists already and does not belong to this tenant: delete or rename it, or give the tenant "
            "another metadata.name."
        )
    if live["metadata"].get("deletionTimestamp"):
        finalizers = live["metadata"].get("finalizers", [])
        held = f", held by its finalizers {', '.join(finalizers)}" if finalizers else ""
        raise NotReady(f"{ref} is being deleted{held}.", Reason.WAITING_FOR_DEPENDENCY, _DELETION_POLL)


def plan_children(tenant: Tenant, wanted: Sequence[Manifest], live: Mapping[ObjectRef, Manifest]) -> list[ChildChange]:
    """What brings the live objects to the wanted ones, which are applied in their order.

    Objects of ours that are no longer wanted go last, the one that was made first being the last of them: whoever
    looks for leftovers needs to look for that one only. What belongs to others stays.
    """
    changes: list[ChildChange] = []
    for manifest in wanted:
        changes += _brought_about(tenant, manifest, live.get(ObjectRef.of(manifest)))
    kept = {ObjectRef.of(manifest) for manifest in wanted}
    for ref, each in reversed(list(live.items())):
        if ref not in kept and owned_by(each, tenant.uid):
            require_free(each, tenant)
            changes.append(DeleteObject(ref, each["metadata"]["uid"]))
    return changes


def _brought_about(tenant: Tenant, manifest: Manifest, live: Manifest | None) -> list[ChildChange]:
    if live is None:
        return [ApplyObject(manifest, "missing")]
    require_free(live, tenant)
    if left_by_predecessor(live, tenant):
        stale = DeleteObject(ObjectRef.of(live), live["metadata"]["uid"])
        return [stale, ApplyObject(manifest, "was an earlier tenant's")]
    # Metadata last: the digest always differs when anything does, and says the least about what.
    body = {key: value for key, value in manifest.items() if key != "metadata"}
    path = difference(body, live) or difference(manifest["metadata"], live["metadata"], ".metadata")
    return [ApplyObject(manifest, f"{path.lstrip('.')} differs")] if path else []


def difference(wanted: object, live: object, path: str = "") -> str | None:
    """Path of the first field we set that the live object does not have so; None when all are as wanted.

    Server defaults may add fields beside ours, and other managers items to lists that merge item by item; other lists
    are compared as wholes. Quantities are equal by value: the server writes `0.5` as `500m`.
    """
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return path or "."
        found = (difference(value, live.get(key), f"{path}.{key}") for key, value in wanted.items())
        return next((each for each in found if each), None)
    if isinstance(wanted, list):
        return _list_difference(wanted, live, path)
    if wanted == live or (_is_quantity(path) and same_quantity(wanted, live)):
        return None
    return path


def _is_quantity(path: str) -> bool:
    return ".resources." in path or path.endswith(".averageValue")


def _list_difference(wanted: list[object], live: object, path: str) -> str | None:
    if not isinstance(live, list):
        return path
    key = _item_key(wanted, live)
    if key is None:
        if len(wanted) != len(live):
            return path
        pairs = [(f"{path}[{index}]", ours, live[index]) for index, ours in enumerate(wanted)]
    else:
        by_key = {item[key]: item for item in live}
        pairs = [(f"{path}[{ours[key]}]", ours, by_key.get(ours[key])) for ours in wanted if isinstance(ours, dict)]
    found = (difference(ours, theirs, where) for where, ours, theirs in pairs)
    return next((each for each in found if each), None)


def _item_key(wanted: list[object], live: list[object]) -> str | None:
    items = [*wanted, *live]
    return next((key for key in _ITEM_KEYS if all(isinstance(item, dict) and key in item for item in items)), None)
