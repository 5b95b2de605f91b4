"""kopf only: one `on.event` per watched kind, each a line or two. What is done with an event is decided elsewhere.

`on.event` writes nothing by itself; kopf's change handlers would cost two PATCHes and seven times the CPU per object
(docs/adr/0001-kopf-as-dispatcher.md).
"""

from typing import Any, Final

import kopf

from directory_operator.children import TENANT_LABEL
from directory_operator.manifests import GROUP

VERSION: Final = "v1beta1"
CHILDREN: Final = (
    ("", "v1", "secrets"),
    ("", "v1", "services"),
    ("", "v1", "serviceaccounts"),
    ("", "v1", "configmaps"),
    ("apps", "v1", "deployments"),
    ("autoscaling", "v2", "horizontalpodautoscalers"),
    ("policy", "v1", "poddisruptionbudgets"),
    ("networking.k8s.io", "v1", "networkpolicies"),
    ("networking.k8s.io", "v1", "ingresses"),
    ("gateway.networking.k8s.io", "v1", "httproutes"),  # where there is no such kind, kopf says so and goes on
)


def registry() -> kopf.OperatorRegistry:
    """Every handler of the operator, in a registry of its own."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(log_in)
    kopf.on.startup(registry=handlers)(start)
    kopf.on.cleanup(registry=handlers)(stop)
    kopf.on.event(GROUP, VERSION, "directorytenants", registry=handlers)(tenant_seen)
    kopf.on.event(GROUP, VERSION, "directoryplatforms", registry=handlers)(platform_seen)
    for group, version, plural in CHILDREN:
        kopf.on.event(group, version, plural, registry=handlers)(child_seen)
    return handlers


def log_in(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """As a pod, else as kubectl would; kopf's default would import the typed client."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


async def start(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Tell kopf to keep to watching, then start everything else."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.5  # a worker per object lives as long as this after its last event
    settings.watching.initial_streaming = True
    for group, version, plural in CHILDREN:
        settings.watching.label_selectors[group, version, plural] = TENANT_LABEL
    await memo.operator.start()


async def stop(memo: Any, **_: Any) -> None:
    """Let running work end."""
    await memo.operator.stop()


# These await nothing, yet are coroutines: kopf runs plain functions in threads, away from the event loop.


async def tenant_seen(event: kopf.RawEvent, memo: Any, **_: Any) -> None:
    """A DirectoryTenant."""
    memo.operator.dispatcher.tenant_seen(event["type"], dict(event["object"]))


async def platform_seen(event: kopf.RawEvent, memo: Any, **_: Any) -> None:
    """A DirectoryPlatform."""
    memo.operator.platforms.seen(event["type"], dict(event["object"]))


async def child_seen(event: kopf.RawEvent, memo: Any, **_: Any) -> None:
    """Something that a tenant owns."""
    memo.operator.dispatcher.child_seen(event["type"], dict(event["object"]))
