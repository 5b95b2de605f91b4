"""The operator's Prometheus metrics. No label carries a tenant.

Series stay as many at ten thousand tenants as at one.
"""

from datetime import datetime
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from directory_operator.queue import Lane, WorkQueue
from directory_operator.reconcile import Outcome

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_READY_SECONDS: Final = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)


class Metrics:
    """Everything that is counted, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._reconciles = Counter(
            "directory_reconciles", "Finished attempts by result.", ["result"], registry=registry
        )
        self._duration = Histogram(
            "directory_reconcile_duration_seconds", "Duration of an attempt.", buckets=_SECONDS, registry=registry
        )
        self._step_failures = Counter(
            "directory_step_failures", "Steps that did not finish.", ["system", "reason"], registry=registry
        )
        self._changes = Counter("directory_changes", "Changes applied.", ["system"], registry=registry)
        self._drift = Counter("directory_drift", "Changes that repaired drift.", ["system"], registry=registry)
        self._deleted = Counter("directory_tenants_deleted", "Tenants whose deletion was finished.", registry=registry)
        self._time_to_ready = Histogram(
            "directory_tenant_time_to_ready_seconds",
            "From creation of a DirectoryTenant to its first Ready.",
            buckets=_READY_SECONDS,
            registry=registry,
        )
        self.tenants = Gauge("directory_tenants", "DirectoryTenants known.", registry=registry)
        self.last_sweep = Gauge(
            "directory_last_sweep_timestamp_seconds", "When the last sweep was queued.", registry=registry
        )
        self._depth = Gauge("directory_queue_depth", "Tenants waiting.", ["lane"], registry=registry)
        self._age = Gauge("directory_queue_oldest_seconds", "Longest wait in the queue.", ["lane"], registry=registry)

    def watch(self, queue: WorkQueue) -> None:
        """Read the queue's figures anew at each scrape."""
        for lane in Lane:
            self._depth.labels(lane.name.lower()).set_function(partial(queue.depth, lane))
            self._age.labels(lane.name.lower()).set_function(partial(queue.oldest_age, lane))

    def reconciled(self, outcome: Outcome, seconds: float) -> None:
        """An attempt ended."""
        self._reconciles.labels("failure" if outcome.errors else "success").inc()
        self._duration.observe(seconds)
        for report in outcome.reports:
            self._changes.labels(report.step.system).inc(len(report.applied))
            if report.error:
                self._step_failures.labels(report.step.system, str(report.error.reason)).inc()

    def drifted(self, outcome: Outcome) -> None:
        """Drift was found and repaired."""
        for report in outcome.reports:
            self._drift.labels(report.step.system).inc(sum(not change.routine for change in report.applied))

    def became_ready(self, body: dict[str, Any], now: datetime) -> None:
        """A tenant is ready; the first time counts for the histogram."""
        if not (body.get("status") or {}).get("lastAppliedGeneration"):
            created = datetime.fromisoformat(body["metadata"]["creationTimestamp"])
            self._time_to_ready.observe((now - created).total_seconds())

    def deleted(self) -> None:
        """A deletion was finished."""
        self._deleted.inc()
