"""Where constructors meet: from settings to a running operator."""

import asyncio
import logging
import os
import random
import secrets
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server

from directory_operator.build import build_id
from directory_operator.dispatch import Dispatcher
from directory_operator.errors import Interrupted, NotReady, StepError
from directory_operator.kube import Kube, connect
from directory_operator.manifests import API_VERSION, ObjectRef
from directory_operator.metrics import Metrics
from directory_operator.platform.cache_watch import CacheWatch
from directory_operator.platform.controller import PlatformController
from directory_operator.queue import WorkQueue
from directory_operator.reasons import Reason
from directory_operator.reconcile import Systems
from directory_operator.recorder import Recorder
from directory_operator.release import namespace_is_going, release_everything
from directory_operator.settings import OperatorSettings
from directory_operator.systems.credentials.system import CredentialsSystem
from directory_operator.systems.ingress.system import IngressSystem
from directory_operator.systems.workload.system import WorkloadSystem
from directory_operator.tenant.controller import TenantController
from directory_operator.tenant.deletion import Deletion
from directory_operator.tenant.orphans import Orphans
from directory_operator.tenant.store import Claims, ObjectStore
from directory_operator.tenant.writer import StatusWriter

logger = logging.getLogger(__name__)


class Operator:
    """Everything that runs beside kopf's watches."""

    dispatcher: Dispatcher
    platforms: PlatformController

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, learn what is there, prepare the platforms, then let the work begin."""
        kube = await self._stack.enter_async_context(connect())
        metrics = Metrics(CollectorRegistry())
        queue = WorkQueue(concurrency=self._settings.concurrency, rng=random.Random())  # noqa: S311 - jitter
        metrics.watch(queue)
        store, claims = ObjectStore(), Claims()
        self.dispatcher = Dispatcher(kube=kube, store=store, claims=claims, queue=queue, metrics=metrics)
        recorder = Recorder(kube, now=now, suffix=lambda: secrets.token_hex(8))
        cluster_id = await cluster_identity(kube)
        self.platforms = self._platforms(kube, recorder, Orphans(kube, store, cluster_id))
        writer = StatusWriter(kube, store, recorder, now)
        placement = self.platforms.placement
        deletion = Deletion(writer, placement, cluster_id, metrics)
        tenants = TenantController(
            writer,
            claims,
            placement,
            self.platforms.pool_problem,
            self.platforms.closing,
            deletion,
            metrics,
            cluster_id,
        )
        await self._learn(kube)
        if self._settings.metrics_port:
            start_http_server(self._settings.metrics_port, self._settings.listen_host, metrics.registry)
        self._tasks = [
            asyncio.create_task(queue.run(tenants.reconcile)),
            asyncio.create_task(self.dispatcher.sweep_forever(self._settings.sweep_interval_seconds)),
            asyncio.create_task(self.platforms.reconcile_forever(self._settings.platform_probe_seconds)),
            asyncio.create_task(CacheWatch(self.platforms.connected, self.platforms.reconsider).run_forever()),
        ]
        for task in self._tasks:
            task.add_done_callback(_end_with)

    async def stop(self) -> None:
        """Cancel what runs and close every connection; whatever was cut short is continued at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "platforms"):
            await self._say_farewell(self.platforms.kube)
            await self.platforms.close()
        await self._stack.aclose()

    async def _say_farewell(self, kube: Kube) -> None:
        """Where the operator's namespace is going, nobody will be there to take finalizers off."""
        try:
            if await namespace_is_going(kube, self._settings.namespace):
                logger.warning("namespace is being deleted", extra={"released": await release_everything(kube)})
        except (StepError, Interrupted) as error:
            logger.warning("not known whether this is for good", extra={"problem": str(error)})

    def _platforms(self, kube: Kube, recorder: Recorder, orphans: Orphans) -> PlatformController:
        return PlatformController(
            kube=kube,
            store=ObjectStore(),
            recorder=recorder,
            object_systems=object_systems(kube),
            namespace=self._settings.namespace,
            now=now,
            changed=self.dispatcher.enqueue_platform,
            orphans=orphans,
            build=build_id(),
        )

    async def _learn(self, kube: Kube) -> None:
        """Know every platform and tenant before the first decision: elder claims must not depend on event order."""
        for item in await kube.list_objects(API_VERSION, "DirectoryPlatform", missing_ok=True):
            body = {"apiVersion": API_VERSION, "kind": "DirectoryPlatform", **item}
            self.platforms.store.update(body["metadata"]["name"], body)
        await self.platforms.reconcile_all()
        await self.dispatcher.sweep(missing_ok=True)


def _end_with(task: "asyncio.Task[None]") -> None:
    """An operator that lost one of its loops looks alive and does nothing: end it, to be started anew."""
    if not task.cancelled():
        logger.critical("a loop of the operator ended", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def object_systems(kube: Kube) -> Systems:
    """The systems that live in Kubernetes."""
    return {
        "credentials": CredentialsSystem(kube=kube),
        "workload": WorkloadSystem(kube=kube),
        "ingress": IngressSystem(kube=kube, now=now),
    }


async def cluster_identity(kube: Kube) -> str:
    """The uid of kube-system: it lives as long as the cluster and is nobody else's."""
    namespace = await kube.get(ObjectRef("v1", "Namespace", "kube-system"))
    if namespace is None:
        raise NotReady("namespace kube-system does not exist yet", Reason.PROGRESSING)
    return str(namespace["metadata"]["uid"])


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
