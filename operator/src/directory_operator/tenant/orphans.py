"""What tenants left open that are gone without it having been closed.

A deletion that keeps its data doesn't wait for ever for a backend that is down, and somebody may take a finalizer away
by hand. The registry row then still names an owner that exists no more, and the pooled fleet goes on serving it. Once
the backends answer, such a row is released as the deletion would have done it: access ends, the data stays.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from directory_contract.names import TenantNames
from directory_operator.kube import Kube
from directory_operator.manifests import API_VERSION
from directory_operator.placement import Placement
from directory_operator.systems.postgres.observed import Registrant
from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Platform, Tenant
from directory_operator.tenant.spec import TenantSpec
from directory_operator.tenant.store import ObjectStore

logger = logging.getLogger(__name__)

_ORDER: Final[tuple[SystemName, ...]] = ("redis", "s3", "postgres")
"""The registry row goes last: as long as it names the owner, the next attempt finishes what this one could not."""


Registrants = Callable[[str, Sequence[str]], Awaitable[Sequence[Registrant]]]
"""Registry rows of a cluster, except those of the given owners (by uid)."""


@dataclass(frozen=True, slots=True)
class Orphans:
    """Closes what is left open."""

    kube: Kube
    store: ObjectStore
    cluster_id: str

    async def close(self, placement: Placement, registrants: Registrants) -> None:
        """Release the rows of this cluster's tenants that are gone. StepError if a backend fails meanwhile."""
        known = [body["metadata"]["uid"] for _, body in self.store.items()]
        suspects = await registrants(self.cluster_id, known)
        if not suspects:
            return
        # Listed in full, and after the rows were read: whoever had a row by then, and exists, is in the list.
        listed = await self.kube.list_objects(API_VERSION, "DirectoryTenant")
        alive = {item["metadata"]["uid"] for item in listed}
        for suspect in suspects:
            if suspect.owner_uid not in alive:
                await self._release(_departed(suspect, placement.platform, self.cluster_id), placement)

    async def _release(self, tenant: Tenant, placement: Placement) -> None:
        for system in _ORDER:
            await placement.systems[system].release(tenant)
        logger.warning("closed what a deleted tenant had left open", extra={"tenant": tenant.key})


def _departed(row: Registrant, platform: Platform, cluster_id: str) -> Tenant:
    """As much of the tenant as releasing it takes: its names and its owner's mark."""
    namespace, _, name = row.owner_name.partition("/")
    ingress, storage = platform.spec.ingress, platform.spec.object_storage
    return Tenant(
        name=name or row.slug,
        namespace=namespace,
        uid=row.owner_uid,
        generation=1,
        created_at=datetime.fromtimestamp(0, UTC),
        spec=TenantSpec(display_name=row.slug, admins=()),
        names=TenantNames(row.slug, storage.bucket_prefix, ingress.base_domain),
        platform=platform,
        cluster_id=cluster_id,
    )
