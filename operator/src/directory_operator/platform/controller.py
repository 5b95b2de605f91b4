"""What is done with one DirectoryPlatform: connect to its backends, keep its shared parts, say whether tenants fit."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from directory_operator.conditions import Condition, merged
from directory_operator.errors import NotReady, SpecRejected, StepError
from directory_operator.events import drift, transitions
from directory_operator.keys import secret_texts
from directory_operator.kube import Kube, ObjectConflict
from directory_operator.manifests import ObjectRef
from directory_operator.placement import Placement
from directory_operator.platform.pool import PoolSecret
from directory_operator.platform.session import Check, PlatformSession
from directory_operator.platform.spec import PlatformSpec, SecretRef
from directory_operator.reasons import Reason
from directory_operator.reconcile import Systems
from directory_operator.recorder import Recorder
from directory_operator.systems.backends import Backends, BackendSecrets
from directory_operator.tenant.model import Platform
from directory_operator.tenant.status import status_manifest
from directory_operator.tenant.store import Body, ObjectStore

logger = logging.getLogger(__name__)

AWAITED_PROBE_SECONDS: Final = 2.0
AUTHORITIES: Final = ("postgres_ca", "redis_ca", "s3_ca")


@dataclass(slots=True)
class _Known:
    """What is known of one platform."""

    fingerprint: object = None
    ca_bundle: str = ""
    """Certificates of the authorities that the platform names, for the pods of Dedicated tenants."""
    session: PlatformSession | None = None
    placement: Placement | None = None
    problem: StepError | None = None
    pool_problem: StepError | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    well: bool = False
    """Every part was as it should be when it was last looked at."""
    probed: float = 0.0
    """When that was, by the event loop's clock."""


@dataclass(slots=True)
class PlatformController:
    """Reconciles platforms by name and places tenants on them."""

    kube: Kube
    store: ObjectStore
    recorder: Recorder
    object_systems: Systems
    """The systems that live in Kubernetes and are the same on every platform."""
    namespace: str
    """Where the admin Secrets and the pool's Secret are."""
    now: Callable[[], datetime]
    changed: Callable[[str], None]
    """Called with a platform's name when its tenants should be looked at again."""
    _known: dict[str, _Known] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def placement(self, name: str) -> Placement:
        """The platform and its systems; raises why tenants can't be placed there."""
        known = self._known.get(name)
        if known is None:
            raise NotReady(
                f"DirectoryPlatform {name} does not exist: create it, or set spec.platformRef to one that does",
                Reason.PLATFORM_NOT_FOUND,
                retry_after=60.0,
            )
        if known.placement is None:
            why = known.problem.message if known.problem else "it is being prepared"
            raise NotReady(f"DirectoryPlatform {name} is not ready: {why}", Reason.PLATFORM_NOT_READY, retry_after=60.0)
        return known.placement

    def pool_problem(self, name: str) -> StepError | None:
        """Why the pooled API can't serve a new tenant now."""
        return self._known[name].pool_problem

    def seen(self, event: str | None, body: Body) -> None:
        """A DirectoryPlatform was listed, added, changed or deleted."""
        name = body["metadata"]["name"]
        if event == "DELETED":
            self.store.remove(name, body["metadata"]["uid"])
        elif not self.store.update(name, body) or self.kube.wrote(body):
            return
        task = asyncio.create_task(self.reconcile(name))
        self._tasks.add(task)  # the event loop keeps weak references only
        task.add_done_callback(self._tasks.discard)

    async def reconcile_forever(self, interval: float) -> None:
        """Probe every platform every `interval` seconds; sooner while something is awaited or wrong there."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(interval, AWAITED_PROBE_SECONDS))
            due = (name for name, known in self._known.items() if not known.well or clock() > known.probed + interval)
            await asyncio.gather(*(self.reconcile(name) for name in list(due)))

    async def reconcile_all(self) -> None:
        """Look at every platform once."""
        await asyncio.gather(*(self.reconcile(name) for name, _ in self.store.items()))

    async def reconcile(self, name: str) -> None:
        """Bring one platform to what tenants need; never raises."""
        known = self._known.setdefault(name, _Known())
        async with known.lock:
            before = (known.placement is not None, known.pool_problem is None)
            try:
                await self._reconcile(name, known)
            except Exception:  # the edge of a background task: the next probe tries again
                logger.exception("platform not reconciled", extra={"platform": name})
        if self.store.get(name) is None:
            self._known.pop(name, None)
        if before != (known.placement is not None, known.pool_problem is None):
            self.changed(name)

    async def close(self) -> None:
        """Close every connection."""
        for known in self._known.values():
            await _disconnect(known)

    async def _reconcile(self, name: str, known: _Known) -> None:
        body = self.store.get(name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            await _disconnect(known)
            return
        try:
            platform = parse_platform(body)
            session = await self._connected(platform, known)
            checks = await session.converge(platform.spec.object_storage.session_lifetime_seconds, self.now)
            known.problem = next((check.error for check in checks if _prevents_tenants(check)), None)
        except StepError as error:
            known.problem = error
            checks = []
        known.pool_problem = _pool_problem(checks)
        known.placement = self._placement(platform, known) if not known.problem else None
        known.well = bool(checks) and all(check.error is None for check in checks)
        known.probed = asyncio.get_running_loop().time()
        await self._report(name, body, checks, known.problem)

    async def _connected(self, platform: Platform, known: _Known) -> PlatformSession:
        """The session, made anew when the spec or one of the Secrets changed."""
        spec = platform.spec
        references = {
            "postgres": spec.postgres.admin_secret_ref,
            "redis": spec.redis.admin_secret_ref,
            "s3": spec.object_storage.credentials_secret_ref,
            "postgres_ca": spec.postgres.ca_secret_ref,
            "redis_ca": spec.redis.ca_secret_ref,
            "s3_ca": spec.object_storage.ca_secret_ref,
        }
        texts = {part: await self._secret(reference) for part, reference in references.items() if reference}
        fingerprint = (platform, texts)
        if known.session and known.fingerprint == fingerprint:
            return known.session
        await _disconnect(known)
        backends = Backends.connect(platform, _backend_secrets(texts), kube=self.kube, now=self.now)
        secret = PoolSecret(self.kube, platform, self.namespace)
        known.session = PlatformSession(backends, secret, spec.api.pooled_endpoint)
        authorities = (texts[part]["ca.crt"].rstrip() + "\n" for part in AUTHORITIES if part in texts)
        known.ca_bundle = "".join(dict.fromkeys(authorities))
        known.fingerprint = fingerprint
        return known.session

    async def _secret(self, reference: SecretRef) -> "_Texts":
        ref = ObjectRef("v1", "Secret", reference.name, self.namespace)
        found = await self.kube.get(ref)
        if found is None:
            raise NotReady(f"{ref} does not exist: create it (docs/reference/crds.md)", Reason.PLATFORM_NOT_READY)
        return _Texts(str(ref), secret_texts(found))

    def _placement(self, platform: Platform, known: _Known) -> Placement | None:
        if known.session is None:
            return None
        systems = {**self.object_systems, **known.session.backends.systems}
        return Placement(replace(platform, ca_bundle=known.ca_bundle), systems)

    async def _report(self, name: str, body: Body, checks: list[Check], problem: StepError | None) -> None:
        decided = [check.condition for check in checks]
        failed = next((each for each in decided if each.status != "True"), None)
        if problem:
            ready = Condition("Ready", "False", problem.reason, problem.message)
        elif failed:
            ready = Condition("Ready", "False", failed.reason, f"{failed.type}: {failed.message}")
        else:
            ready = Condition("Ready", "True", Reason.READY, "tenants can be placed here")
        before = (body.get("status") or {}).get("conditions", [])
        generation = body["metadata"]["generation"]
        repaired = [change for check in checks for change in check.applied if not change.routine]
        if repaired and (body.get("status") or {}).get("observedGeneration") == generation:
            await self.recorder.record(body, drift(repaired))
        conditions = merged(before, [ready, *decided], generation=generation, now=self.now())
        status: dict[str, Any] = {"observedGeneration": generation, "conditions": conditions}
        if status == body.get("status"):
            return
        try:
            written = await self.kube.apply_status(status_manifest(body, status))
        except ObjectConflict:
            return
        self.store.update(name, written)
        for text in transitions(before, conditions):
            await self.recorder.record(written, text)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The data of one admin Secret."""

    ref: str
    texts: dict[str, str] = field(repr=False)

    def __getitem__(self, key: str) -> str:
        """The value; a missing one is said with the name of the Secret."""
        if key not in self.texts:
            raise NotReady(f"{self.ref} has no key {key}", Reason.PLATFORM_NOT_READY)
        return self.texts[key]


def parse_platform(body: Body) -> Platform:
    """The platform; SpecRejected names the field that the API server should have refused."""
    try:
        spec = PlatformSpec.model_validate(body["spec"])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in ("spec", *first["loc"]))
        raise SpecRejected(path, f"{first['msg']}; apply the CRD of this operator's version") from None
    return Platform(body["metadata"]["name"], body["metadata"]["uid"], spec)


def _backend_secrets(texts: dict[str, _Texts]) -> BackendSecrets:
    authorities = {part: texts[part]["ca.crt"] for part in AUTHORITIES if part in texts}
    return BackendSecrets(
        postgres_username=texts["postgres"]["username"],
        postgres_password=SecretStr(texts["postgres"]["password"]),
        redis_username=texts["redis"]["username"],
        redis_password=SecretStr(texts["redis"]["password"]),
        s3_access_key_id=texts["s3"]["access-key-id"],
        s3_secret_access_key=SecretStr(texts["s3"]["secret-access-key"]),
        **authorities,
    )


def _prevents_tenants(check: Check) -> bool:
    """A backend that is down is reported by each tenant's own step; a wrong schema would fail every one of them."""
    return check.error is not None and check.error.reason in {Reason.SCHEMA_MISMATCH, Reason.CONFLICT}


def _pool_problem(checks: list[Check]) -> StepError | None:
    """What is wrong with the pool itself: while a backend is down, the tenants' own steps tell more."""
    failed = [check for check in checks if check.error]
    return failed[0].error if [check.condition.type for check in failed] == ["PoolReady"] else None


async def _disconnect(known: _Known) -> None:
    if known.session:
        await known.session.backends.close()
    known.session = known.placement = known.fingerprint = None
