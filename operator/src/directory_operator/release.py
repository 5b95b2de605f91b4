"""Owns `directory-operator release`, and an operator's last words: our finalizers come off, everything else stays.

A finalizer that nobody takes off keeps its object, the CRD and the namespace from ever going. Whoever takes the
operator away for good lets go first: by this command (the chart's pre-delete hook), or by deleting the operator's
namespace, which the operator notices when it is told to stop. Nothing in any backend is touched: an operator that
comes back puts its finalizers on again and goes on.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from typing import Final

from directory_operator.errors import Interrupted, NotReady, StepError
from directory_operator.kube import Kube, connect
from directory_operator.logs import configure
from directory_operator.manifests import API_VERSION, FINALIZERS, GROUP, Manifest, ObjectRef
from directory_operator.reasons import Reason
from directory_operator.settings import OperatorSettings

logger = logging.getLogger(__name__)

KINDS: Final = ("DirectoryTenant", "DirectoryPlatform")
_PARALLEL: Final = 16
_STOPS_WITHIN: Final = 120
"""Seconds for the operator's pods to go."""
_ROUNDS: Final = 60
_QUIET: Final = 2
"""Rounds in which nothing was left to do: then nobody puts finalizers on any more."""


async def release_everything(kube: Kube) -> int:
    """Take our finalizers off every tenant and platform; returns of how many."""
    slots = asyncio.Semaphore(_PARALLEL)

    async def one(body: Manifest) -> bool:
        async with slots:
            return await _released(kube, body)

    return sum(await asyncio.gather(*[one(body) async for body in _held(kube)]))


async def namespace_is_going(kube: Kube, namespace: str) -> bool:
    """Whether the namespace is being deleted, and the operator with it."""
    found = await kube.get(ObjectRef("v1", "Namespace", namespace))
    return found is not None and "deletionTimestamp" in found["metadata"]


async def kind_is_going(kube: Kube, kind: str) -> bool:
    """Whether a CRD of ours is being deleted, and every object of the kind because of it."""
    name = f"{kind.lower()}s.{GROUP}"
    found = await kube.get(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", name))
    return found is not None and "deletionTimestamp" in found["metadata"]


async def _held(kube: Kube) -> AsyncIterator[Manifest]:
    for kind in KINDS:
        for item in await kube.list_objects(API_VERSION, kind, missing_ok=True):
            if FINALIZERS & set(item["metadata"].get("finalizers", [])):
                yield {"apiVersion": API_VERSION, "kind": kind, **item}


async def _released(kube: Kube, body: Manifest) -> bool:
    metadata = body["metadata"]
    left = [each for each in metadata["finalizers"] if each not in FINALIZERS]
    try:
        version = metadata["resourceVersion"]
        return bool(await kube.set_finalizers(ObjectRef.of(body), resource_version=version, finalizers=left))
    except Interrupted:
        return False  # it changed: the next round reads it anew


async def _stop_operator(kube: Kube, ref: ObjectRef) -> None:
    """Scale the Deployment to nothing and wait for its pods; one that is gone already is no trouble."""
    await kube.patch(ref, {"spec": {"replicas": 0}})
    for _ in range(_STOPS_WITHIN):
        live = await kube.get(ref)
        if live is None:
            return
        status = live.get("status", {})
        seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
        if seen and not status.get("replicas") and not status.get("terminatingReplicas"):
            return
        await asyncio.sleep(1)
    raise NotReady(f"{ref} still has pods: stop them and run this again", Reason.PROGRESSING)


async def _run(settings: OperatorSettings) -> int:
    released, quiet = 0, 0
    async with connect() as kube:
        await _stop_operator(kube, ObjectRef("apps/v1", "Deployment", settings.deployment, settings.namespace))
        for _ in range(_ROUNDS):
            count = await release_everything(kube)
            released, quiet = released + count, 0 if count else quiet + 1
            if quiet == _QUIET:
                return released
            await asyncio.sleep(1)
    raise NotReady("somebody puts the finalizers on again: is another operator running?", Reason.PROGRESSING)


def main() -> None:
    """Exit with 1 and the reason when it could not be done."""
    settings = OperatorSettings()
    configure(settings.log_level)
    try:
        released = asyncio.run(_run(settings))
    except (StepError, Interrupted) as error:
        sys.exit(f"directory-operator: release: {error}")
    sys.stdout.write(f"directory-operator: let go of {released} tenants and platforms; their data is untouched\n")
