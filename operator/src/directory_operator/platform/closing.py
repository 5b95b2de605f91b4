"""A platform's own finalizer: it is there as long as a tenant lives on it, whoever deletes it and in whatever order."""

from dataclasses import dataclass

from directory_operator.errors import NotReady
from directory_operator.kube import Kube, ObjectConflict
from directory_operator.manifests import API_VERSION, PLATFORM_FINALIZER, TENANT_FINALIZER, ObjectRef
from directory_operator.reasons import Reason
from directory_operator.release import kind_is_going
from directory_operator.tenant.store import Body, ObjectStore

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Closing:
    """Puts the finalizer on, and takes it off in time."""

    kube: Kube
    store: ObjectStore

    async def hold(self, name: str, body: Body) -> Body:
        """The object, with our finalizer on it."""
        finalizers = body["metadata"].get("finalizers", [])
        if PLATFORM_FINALIZER in finalizers:
            return body
        return await self._set(name, body, [*finalizers, PLATFORM_FINALIZER])

    async def let_go(self, name: str, body: Body) -> NotReady | None:
        """Take it off a platform that is being deleted; what is in the way, if tenants are.

        Where the CRD itself is being deleted nothing is: the whole product is on its way out.
        """
        finalizers = body["metadata"].get("finalizers", [])
        if PLATFORM_FINALIZER not in finalizers:
            return None
        tenants = await self._tenants(name)
        if tenants and not await kind_is_going(self.kube, "DirectoryPlatform"):
            shown = ", ".join(tenants[:_SHOWN]) + (" …" if len(tenants) > _SHOWN else "")
            left = f"its {len(tenants)} tenants are gone ({shown})"
            return NotReady(f"it is being deleted, and goes once {left}; they are kept as ever", Reason.DELETING, 60.0)
        await self._set(name, body, [each for each in finalizers if each != PLATFORM_FINALIZER])
        return None

    async def _tenants(self, name: str) -> list[str]:
        """Read anew: what is remembered may be late."""
        listed = await self.kube.list_objects(API_VERSION, "DirectoryTenant", missing_ok=True)
        return [
            f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            for each in listed
            if each["spec"].get("platformRef", "default") == name
            and TENANT_FINALIZER in each["metadata"].get("finalizers", [])
        ]

    async def _set(self, name: str, body: Body, finalizers: list[str]) -> Body:
        version = body["metadata"]["resourceVersion"]
        changed = await self.kube.set_finalizers(ObjectRef.of(body), resource_version=version, finalizers=finalizers)
        if changed is None:
            raise ObjectConflict(name)
        self.store.update(name, changed)
        return changed
