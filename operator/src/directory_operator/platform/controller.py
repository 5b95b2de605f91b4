"""What is done with one DirectoryPlatform: connect to its backends, keep its shared parts, say whether tenants fit."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pydantic import SecretStr

from directory_operator.conditions import Condition
from directory_operator.errors import Interrupted, NotReady, StepError, SystemUnavailable, Unexpected
from directory_operator.events import drift, update
from directory_operator.kube import Kube, ObjectConflict
from directory_operator.placement import Placement
from directory_operator.platform.access import read_access
from directory_operator.platform.closing import Closing
from directory_operator.platform.pool import PoolSecret
from directory_operator.platform.session import POOL_CONDITION, Check, PlatformSession
from directory_operator.platform.spec import PlatformSpec
from directory_operator.reasons import Reason
from directory_operator.reconcile import Systems
from directory_operator.recorder import Recorder
from directory_operator.systems.backends import Backends
from directory_operator.tenant.model import Platform
from directory_operator.tenant.orphans import Orphans
from directory_operator.tenant.store import Body, ObjectStore
from directory_operator.tenant.writer import StatusWriter

logger = logging.getLogger(__name__)

AWAITED_PROBE_SECONDS: Final = 2.0
ORPHANS_SECONDS: Final = 300.0
RETIREMENT_SECONDS: Final = 30.0
"""How long connections made with an earlier spec or Secret are left to those who use them."""


@dataclass(slots=True)
class _Known:
    """What is known of one platform."""

    fingerprint: object = None
    ca_bundle: str = ""
    """Certificates of the authorities that the platform names, for the pods of Dedicated tenants."""
    shared_files: Mapping[str, SecretStr] = field(default_factory=dict)
    """What else these share."""
    session: PlatformSession | None = None
    placement: Placement | None = None
    problem: StepError | None = None
    closing: StepError | None = None
    """It is being deleted, and tenants are there yet."""
    pool_problem: StepError | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    well: bool = False
    """Every part was as it should be when it was last looked at."""
    backends_well: bool = False
    """Every part but the pool was."""
    probed: float = 0.0
    """When that was, by the event loop's clock."""
    orphans_due: float = 0.0
    """When to look for what deleted tenants left open, by the same clock."""


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
    orphans: Orphans
    """Closes what deleted tenants left open."""
    build: str
    """Which build of the operator this is."""
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

    def closing(self, name: str) -> StepError | None:
        """Why no new tenant may come, though those that are there are kept."""
        known = self._known[name]
        return known.closing and NotReady(
            f"DirectoryPlatform {name}: {known.closing.message}", known.closing.reason, 60
        )

    def seen(self, event: str | None, body: Body) -> None:
        """A DirectoryPlatform was listed, added, changed or deleted."""
        name = body["metadata"]["name"]
        if event == "DELETED":
            self.store.remove(name, body["metadata"]["uid"])
        elif not self.store.update(name, body) or self.kube.wrote(body):
            return
        self._start(self.reconcile(name))

    async def reconcile_forever(self, interval: float) -> None:
        """Probe every platform every `interval` seconds; sooner while something is awaited or wrong there."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(interval, AWAITED_PROBE_SECONDS))
            due = (name for name, known in self._known.items() if not known.well or clock() > known.probed + interval)
            await asyncio.gather(*(self.reconcile(name) for name in list(due)))

    def connected(self) -> dict[str, Backends]:
        """The backends of every platform that is connected to them."""
        return {name: known.session.backends for name, known in self._known.items() if known.session}

    async def reconsider(self, name: str) -> None:
        """Look at a platform and at all its tenants: a backend may have forgotten them."""
        await self.reconcile(name)
        self.changed(name)

    async def reconcile_all(self) -> None:
        """Look at every platform once."""
        await asyncio.gather(*(self.reconcile(name) for name, _ in self.store.items()))

    async def reconcile(self, name: str) -> None:
        """Bring one platform to what tenants need; never raises."""
        known = self._known.setdefault(name, _Known())
        async with known.lock:
            before = (known.placement, known.pool_problem is None)
            recovering = not known.backends_well
            try:
                await self._reconcile(name, known)
            except (StepError, Interrupted) as error:  # what was known of the platform still holds
                logger.warning("platform not reconciled", extra={"platform": name, "problem": str(error)})
                known.well = False
                known.problem = known.problem or (error if isinstance(error, StepError) else None)
            except Exception as error:  # the edge of a background task: the next probe tries again
                logger.exception("platform not reconciled", extra={"platform": name})
                known.well = False
                known.problem = known.problem or Unexpected(error)
            if self.store.get(name) is None and self._known.get(name) is known:
                del self._known[name]
        if before != (known.placement, known.pool_problem is None) or (recovering and known.backends_well):
            self.changed(name)

    async def close(self) -> None:
        """Close every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for known in self._known.values():
            if known.session:
                await known.session.backends.close()

    async def _reconcile(self, name: str, known: _Known) -> None:
        body = self.store.get(name)
        going = body is not None and "deletionTimestamp" in body["metadata"]
        closing = Closing(self.kube, self.store)
        known.closing = await closing.let_go(name, body) if body and going else None
        if body is None or (going and known.closing is None):
            self._retire(known)
            known.placement = None
            return
        body = body if going else await closing.hold(name, body)
        checks: list[Check] = []
        try:
            platform = parse_platform(body)
            session = await self._connected(platform, known)
            checks = await session.converge(platform.spec.object_storage.session_lifetime_seconds, self.now)
            known.problem = next((check.error for check in checks if _prevents_tenants(check)), None)
        except SystemUnavailable:
            raise  # the Kubernetes API alone: each backend's own troubles are in its check
        except StepError as error:
            known.problem = error
        known.placement = self._placement(platform, known) if not known.problem else None
        self._judge(known, checks)
        await self._report(name, body, checks, known.problem or known.closing)
        await self._close_orphans(known)

    def _judge(self, known: _Known, checks: list[Check]) -> None:
        known.pool_problem = _pool_problem(checks)
        known.well = bool(checks) and all(check.error is None for check in checks) and known.closing is None
        known.backends_well = _backends_well(checks)
        known.probed = asyncio.get_running_loop().time()
        if not known.backends_well:
            known.orphans_due = 0.0

    async def _close_orphans(self, known: _Known) -> None:
        """Rarely, and whenever the backends are back: deletions may have gone on without them."""
        clock = asyncio.get_running_loop().time()
        if known.placement and known.session and known.backends_well and clock >= known.orphans_due:
            await self.orphans.close(known.placement, known.session.backends.registrants)
            known.orphans_due = clock + ORPHANS_SECONDS

    async def _connected(self, platform: Platform, known: _Known) -> PlatformSession:
        """The session, made anew when the spec or one of the Secrets changed."""
        access = await read_access(self.kube, self.namespace, platform.spec)
        if known.session and known.fingerprint == (platform, access):
            return known.session
        backends = Backends.connect(platform, access.secrets(), kube=self.kube, now=self.now)
        self._retire(known)
        known.shared_files = access.sentinel_files()
        secret = PoolSecret(self.kube, platform, self.namespace, access.pool_files())
        known.session = PlatformSession(backends, secret, platform.spec.api.pooled_endpoint)
        known.ca_bundle = access.ca_bundle()
        known.fingerprint = (platform, access)
        return known.session

    def _retire(self, known: _Known) -> None:
        if known.session:
            self._start(_close_later(known.session.backends))
        known.session = known.fingerprint = None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the event loop keeps weak references only
        task.add_done_callback(self._tasks.discard)

    def _placement(self, platform: Platform, known: _Known) -> Placement | None:
        if known.session is None:
            return None
        complete = replace(platform, ca_bundle=known.ca_bundle, shared_files=known.shared_files)
        systems = {**self.object_systems, **known.session.backends.systems}
        return Placement(complete, systems, inputs_of(complete, self.build))

    async def _report(self, name: str, body: Body, checks: list[Check], problem: StepError | None) -> None:
        decided = [check.condition for check in checks]
        failed = next((each for each in decided if each.status != "True"), None)
        if problem:
            ready = Condition("Ready", "False", problem.reason, problem.message)
        elif failed:
            ready = Condition("Ready", "False", failed.reason, f"{failed.type}: {failed.message}")
        else:
            ready = Condition("Ready", "True", Reason.READY, "tenants can be placed here")
        generation = body["metadata"]["generation"]
        repaired = [change for check in checks for change in check.applied if not change.routine]
        before = body.get("status") or {}
        applied = before.get("lastAppliedInputs")
        inputs = inputs_of(parse_platform(body), self.build) if checks else applied
        if repaired and applied:
            await self.recorder.record(body, drift(repaired) if applied == inputs else update(repaired))
        writer = StatusWriter(self.kube, self.store, self.recorder, self.now)
        status = {"observedGeneration": generation, "conditions": writer.conditions(body, [ready, *decided])}
        if known := inputs if _backends_well(checks) else applied:
            status["lastAppliedInputs"] = known
        with contextlib.suppress(ObjectConflict):  # it went or changed: its own event is on the way
            await writer.write(name, body, status)


def inputs_of(platform: Platform, build: str) -> str:
    """Digest of what a platform and this build of the operator decide about what is made."""
    text = f"{build} {platform.spec.model_dump_json()} {platform.ca_bundle}"
    return sha256(text.encode()).hexdigest()[:16]


def parse_platform(body: Body) -> Platform:
    """The platform; SpecRejected names the field that the API server should have refused."""
    return Platform(body["metadata"]["name"], body["metadata"]["uid"], PlatformSpec.parse(body["spec"]))


def _prevents_tenants(check: Check) -> bool:
    """A backend that is down is reported by each tenant's own step; a wrong schema would fail every one of them."""
    return check.error is not None and check.error.reason in {Reason.SCHEMA_MISMATCH, Reason.CONFLICT}


def _backends_well(checks: list[Check]) -> bool:
    return bool(checks) and all(check.error is None for check in checks if check.condition.type != POOL_CONDITION)


def _pool_problem(checks: list[Check]) -> StepError | None:
    """What is wrong with the pool itself: while a backend is down, the tenants' own steps tell more."""
    failed = [check for check in checks if check.error]
    return failed[0].error if [check.condition.type for check in failed] == [POOL_CONDITION] else None


async def _close_later(backends: Backends) -> None:
    """Leave the connections to attempts under way; to nobody when the operator stops."""
    try:
        await asyncio.sleep(RETIREMENT_SECONDS)
    finally:
        await backends.close()
