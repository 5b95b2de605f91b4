"""Owns `python -m directory_operator.crds <folder>`: brings the cluster's CRDs to those of a folder of JSON files.

Helm installs a chart's CRDs once and never again, so its upgrades start with this. A CRD is replaced as a whole, not
applied: a field that a version no longer has must go, whoever wrote it. Nothing is ever deleted.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from directory_operator.errors import ObjectRefused, StepError
from directory_operator.kube import Kube, ObjectConflict, connect
from directory_operator.manifests import Manifest, ObjectRef

_ATTEMPTS: Final = 10
_ESTABLISHED_SECONDS: Final = 30


class NotEstablished(Exception):
    """The API server does not serve the kind yet."""


async def upgrade(kube: Kube, wanted: Manifest) -> str:
    """Bring one CRD to what is wanted and wait until it is served; says what that took."""
    ref = ObjectRef.of(wanted)
    for _ in range(_ATTEMPTS):
        live = await kube.get(ref)
        try:
            if live is None:
                await kube.create(wanted)
                return await _served(kube, ref, "created")
            changed = _merged(live, wanted)
            if changed == live or (await kube.replace(changed))["metadata"]["generation"] == _generation(live):
                return await _served(kube, ref, "unchanged")
            return await _served(kube, ref, "upgraded")
        except ObjectConflict:
            continue  # somebody else wrote it: decide anew
    raise ObjectRefused(f"{ref} changes faster than it can be upgraded: stop whatever else applies it")


def _merged(live: Manifest, wanted: Manifest) -> Manifest:
    """The live object with our spec; labels and annotations of others stay."""
    ours, theirs = wanted["metadata"], live["metadata"]
    marks = {key: {**theirs.get(key, {}), **ours[key]} for key in ("labels", "annotations") if ours.get(key)}
    return {**live, "metadata": {**theirs, **marks}, "spec": wanted["spec"]}


def _generation(live: Manifest) -> int:
    return int(live["metadata"]["generation"])


async def _served(kube: Kube, ref: ObjectRef, outcome: str) -> str:
    for _ in range(_ESTABLISHED_SECONDS):
        live = await kube.get(ref) or {}
        conditions = live.get("status", {}).get("conditions") or []  # null in the first moment
        if any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
            return f"{ref} {outcome}"
        await asyncio.sleep(1)
    raise NotEstablished(f"{ref} was {outcome}, and is not served after {_ESTABLISHED_SECONDS} s: see its conditions")


async def _run(wanted: list[Manifest]) -> None:
    async with connect() as kube:
        for each in wanted:
            sys.stdout.write(f"{await upgrade(kube, each)}\n")


def main() -> None:
    """Exit with 1 and the reason when the API server refuses one."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m directory_operator.crds <folder of JSON files>")
    wanted = [json.loads(file.read_text()) for file in sorted(Path(sys.argv[1]).glob("*.json"))]
    if not wanted:
        sys.exit(f"directory-operator: {sys.argv[1]} holds no CRDs")
    try:
        asyncio.run(_run(wanted))
    except (StepError, NotEstablished) as error:
        sys.exit(f"directory-operator: CRDs: {error}")


if __name__ == "__main__":
    main()
