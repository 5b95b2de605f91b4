"""Reading and writing the Kubernetes objects of one tenant, for the systems that are made of such objects."""

import asyncio
from collections.abc import Sequence

from directory_operator.children import ApplyObject, ChildChange
from directory_operator.errors import NotReady, ObjectRefused
from directory_operator.kube import Kube, ObjectConflict, ObjectInvalid
from directory_operator.manifests import Manifest, ObjectRef
from directory_operator.reasons import Reason


async def live_objects(kube: Kube, refs: Sequence[ObjectRef], *, expected: bool) -> dict[ObjectRef, Manifest]:
    """Those of the objects that exist, in the given order.

    Where none is expected, only the first is read, and its absence taken for the absence of all: it is made first and
    removed last, so that a tenant that has nothing here costs one read.
    """
    if not expected and await kube.get(refs[0]) is None:
        return {}
    objects = await asyncio.gather(*(kube.get(ref) for ref in refs))
    return {ref: live for ref, live in zip(refs, objects, strict=True) if live is not None}


async def carry_out(kube: Kube, change: ChildChange) -> None:
    """Make one change to one object."""
    try:
        if isinstance(change, ApplyObject):
            await _apply(kube, change.manifest)
        else:
            await kube.delete(change.ref, uid=change.uid)
    except ObjectConflict as error:
        message = f"{change}: it changed meanwhile and is read again."
        raise NotReady(message, Reason.RETRYING, retry_after=1.0) from error
    except ObjectRefused as error:
        raise refusal(change, error) from error


def refusal(change: object, error: ObjectRefused) -> NotReady:
    """A quota, a policy or an admission webhook of the cluster is in the way; its own words say which."""
    message = f"{change} was refused: {error}. Change what refuses it, or the spec that asks for it."
    return NotReady(message, Reason.OBJECT_REFUSED, error.retry_after)


async def _apply(kube: Kube, manifest: Manifest) -> None:
    """Server-side apply; where somebody changed the key of an item in a list, put the list back first.

    Apply merges such lists item by item: it adds our port beside the edited one, and the server refuses two ports of
    one name. A merge patch replaces whole lists.
    """
    try:
        await kube.apply(manifest)
    except ObjectInvalid:
        content = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind", "metadata"}}
        await kube.patch(ObjectRef.of(manifest), content)
        await kube.apply(manifest)
