"""The tenant's bucket and the session credentials that open it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from directory_operator.children import ApplyObject, DeleteObject, owned_by
from directory_operator.errors import NotReady
from directory_operator.keys import secret_texts
from directory_operator.kube import Kube
from directory_operator.reasons import Reason
from directory_operator.systems.objects import carry_out
from directory_operator.systems.s3.buckets import Buckets
from directory_operator.systems.s3.desired import OWNER_TAG, POLICY, RELEASED, DesiredBucket, desired_bucket, uses_tls
from directory_operator.systems.s3.plan import (
    ConfigureBucket,
    CreateBucket,
    DeleteBucket,
    EmptyBucket,
    ObservedStorage,
    RenewSession,
    SealBucket,
    StorageChange,
    TagBucket,
    plan_storage,
)
from directory_operator.systems.s3.policies import sealed_policy
from directory_operator.systems.s3.probe import PROBE_KEY, Probe, ProbeFailed
from directory_operator.systems.s3.session import StorageSession, observed_secret, secret_manifest, secret_ref
from directory_operator.systems.s3.store import READ_TIMEOUT, Store
from directory_operator.tenant.model import Tenant


class StorageSystem:
    """One bucket per tenant, and the Secret with its session."""

    def __init__(self, store: Store, kube: Kube, now: Callable[[], datetime]) -> None:
        self._store = store
        self._kube = kube
        self._now = now
        self._buckets = Buckets(store)
        self._unproven: set[str] = set()
        """Tenants, by uid, whose storage was changed since it was last seen to work."""

    def desired(self, tenant: Tenant) -> DesiredBucket | None:
        return desired_bucket(tenant)

    async def observe(self, tenant: Tenant) -> ObservedStorage:
        bucket = await self._buckets.read(tenant.names.bucket)
        live = await self._kube.get(secret_ref(tenant))
        secret = observed_secret(tenant, desired_bucket(tenant), live)
        return ObservedStorage(bucket, secret, self._store.unsupported, self._now())

    def plan(
        self, tenant: Tenant, desired: DesiredBucket | None, observed: ObservedStorage
    ) -> tuple[StorageChange, ...]:
        return plan_storage(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: StorageChange) -> None:
        self._unproven.add(tenant.uid)
        wanted = desired_bucket(tenant)
        match change:
            case CreateBucket():
                await self._buckets.create(wanted.name)
            case TagBucket():
                await self._buckets.tag(wanted.name, {**dict(change.others), **wanted.tags})
            case ConfigureBucket() if change.feature == POLICY:
                await self._buckets.set_policy(wanted.name, wanted.policy)
            case ConfigureBucket():
                await self._buckets.configure(wanted, change.feature)
            case RenewSession():
                session = await self._store.session(wanted.name, wanted.session_policy)
                await carry_out(self._kube, ApplyObject(secret_manifest(tenant, wanted, session), change.why))
            case _:
                await self._remove(tenant, change)

    def enrich(self, tenant: Tenant, observed: ObservedStorage) -> Tenant:
        return tenant

    async def check(self, tenant: Tenant) -> str:
        """Prove, after a change and for every new generation, that the tenant's own credentials open its bucket."""
        if tenant.uid in self._unproven or tenant.applied_generation != tenant.generation:
            await self._prove(tenant)
            self._unproven.discard(tenant.uid)
        lacking = ", ".join(sorted(self._store.unsupported))
        return f"the object store lacks {lacking}" if lacking else ""

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Keep every object; close the bucket, and let a later tenant of this slug take it up again."""
        self._unproven.discard(tenant.uid)
        live = await self._kube.get(secret_ref(tenant))
        if live is not None and owned_by(live, tenant.uid):
            await self._kube.delete(secret_ref(tenant), uid=live["metadata"]["uid"])
        bucket = await self._buckets.read(tenant.names.bucket)
        if bucket is None or bucket.tags.get(OWNER_TAG) != tenant.owner:
            return
        policy = sealed_policy(tenant.names.bucket, tls_only=uses_tls(tenant))
        await self._buckets.set_policy(tenant.names.bucket, policy)
        # The mark goes last: as long as it is ours, the next attempt finishes what a crash cut short.
        await self._buckets.tag(tenant.names.bucket, {**bucket.tags, OWNER_TAG: RELEASED})

    async def _remove(self, tenant: Tenant, change: StorageChange) -> None:
        self._unproven.discard(tenant.uid)
        name = tenant.names.bucket
        match change:
            case SealBucket():
                await self._buckets.set_policy(name, sealed_policy(name, tls_only=uses_tls(tenant)))
            case EmptyBucket():
                await self._buckets.empty(name)
            case DeleteBucket():
                await self._buckets.delete(name)
            case DeleteObject():
                await carry_out(self._kube, change)
            case _:
                message = f"not a change of object storage: {change}"
                raise TypeError(message)

    async def _prove(self, tenant: Tenant) -> None:
        live: Mapping[str, object] | None = await self._kube.get(secret_ref(tenant))
        session = StorageSession.from_secret(secret_texts(live))
        if session is None:
            raise NotReady("the Secret of the storage session is gone again", Reason.PROGRESSING)
        name = tenant.names.bucket
        probe = Probe(self._store.spec, name, session, self._store.verify, READ_TIMEOUT)
        try:
            versions = await self._store.run(probe.write_read_delete)
        except ProbeFailed as failure:
            text = f"the tenant's own credentials don't open bucket {name} yet: {failure}"
            # At the back-off's pace: new credentials take a moment to be known everywhere, and wrong ones stay wrong.
            raise NotReady(text, Reason.PROGRESSING) from None
        if versions:
            await self._buckets.delete_versions(name, [(PROBE_KEY, version) for version in versions])
