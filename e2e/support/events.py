"""What happens to the platform while it serves: a list of data. A new capability joins it by one line.

A planned event may fail no request at all. What breaks by itself may fail requests of the kinds that need it, must
recover by itself within its bound, and may lose nothing that was acknowledged.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from directory_local.errors import CommandFailed
from e2e.support.backends import current_primary, redis_users
from e2e.support.installation import DATA, PLATFORM_PODS, REPOSITORY, SYSTEM, TENANTS, Installation, names
from e2e.support.versions import EARLIER_TAG, NEXT_TAG, PRESENT_TAG, earlier_chart
from tests.support.eventually import eventually

OPERATOR: Final = "app.kubernetes.io/name=directory-operator"
CHART: Final = REPOSITORY / "charts" / "company-directory"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens. `needed_by` are the kinds of requests that may fail meanwhile; none for a planned one."""

    name: str
    happen: Callable[[Installation, str], None]
    """Makes it happen to the platform and to the Dedicated tenant of that name, and waits until it is over."""
    before: Callable[[Installation, str], None] | None = None
    """Brings the platform to where it happens from, before the load begins."""
    needed_by: tuple[str, ...] = ()
    recovers_within: float = 0.0
    """Seconds from the first failed request to the last."""


def restart_everything(installation: Installation, dedicated: str) -> None:
    """`kubectl rollout restart`, as after a change of certificates."""
    for name, namespace in deployments(dedicated):
        installation.kubectl("rollout", "restart", f"deployment/{name}", "-n", namespace)
        installation.rolled_out(f"deployment/{name}", namespace=namespace)


def deployments(dedicated: str) -> tuple[tuple[str, str], ...]:
    """All that serves or reconciles, with its namespace."""
    return ("default-pool", SYSTEM), (f"{dedicated}-directory", TENANTS), ("directory-operator", SYSTEM)


def whole(installation: Installation, dedicated: str) -> None:
    """Wait until each of our Deployments runs the pods it wants."""
    for name, namespace in deployments(dedicated):
        installation.rolled_out(f"deployment/{name}", namespace=namespace)


def evict_every_pod(installation: Installation, dedicated: str) -> None:
    """What draining a node does to each pod of ours, one after the other, by the eviction API."""
    selectors = (
        (SYSTEM, PLATFORM_PODS),
        (TENANTS, f"companydirectory.io/tenant={dedicated}"),
    )
    for namespace, selector in selectors:
        for pod in names(installation.pods(namespace, selector)):
            evict(installation, pod, namespace)
            whole(installation, dedicated)


def evict(installation: Installation, pod: str, namespace: str) -> None:
    """Evict one pod, as often as its disruption budget says to wait, and wait until its workload is whole again."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}

    def evicted() -> bool:
        try:
            installation.kubectl("create", "--raw", path, "-f", "-", objects=body)
        except CommandFailed as error:
            if "disruption budget" not in str(error):
                raise
            return False
        return True

    eventually(evicted, timeout=120, what=f"evicting {namespace}/{pod}")


def fail_postgres_over(installation: Installation, dedicated: str) -> None:
    """The primary's pod dies without a word; CloudNativePG makes the replica the primary."""
    del dedicated
    primary = current_primary(installation)
    installation.kubectl("delete", "pod", primary, "-n", DATA, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: current_primary(installation) != primary, timeout=120, what="a new primary")
    healthy_postgres(installation)


def healthy_postgres(installation: Installation) -> None:
    """Wait until both instances are ready, so that the next event begins with a replica."""

    def healthy() -> bool:
        cluster = installation.get("clusters.postgresql.cnpg.io", "directory-db", DATA)
        return bool(cluster) and cluster["status"].get("readyInstances") == cluster["spec"]["instances"]

    eventually(healthy, timeout=240, what="both PostgreSQL instances")


def restart_redis(installation: Installation, dedicated: str) -> None:
    """Redis dies and comes back with the users of its file only: the tenants' are gone until the operator sees it."""
    for pod in names(installation.pods(DATA, "app.kubernetes.io/name=redis")):
        installation.execute(pod, DATA, "rm", "-f", "/data/users.acl", container="redis")
        installation.kubectl("delete", "pod", pod, "-n", DATA, "--grace-period=0", "--force")
    installation.rolled_out("statefulset/directory-redis", namespace=DATA)
    user = f"dt-{dedicated}"
    eventually(
        lambda: all(user in each for each in redis_users(installation)), timeout=120, what="the tenant's ACL user"
    )


def lose_minio_for_a_while(installation: Installation, dedicated: str) -> None:
    """The object store is away for twenty seconds."""
    del dedicated
    installation.kubectl("scale", "statefulset/directory-minio", "-n", DATA, "--replicas=0")
    eventually(lambda: not installation.pods(DATA, "app.kubernetes.io/name=minio"), timeout=60, what="MinIO's end")
    time.sleep(20)
    installation.kubectl("scale", "statefulset/directory-minio", "-n", DATA, "--replicas=1")
    installation.rolled_out("statefulset/directory-minio", namespace=DATA)


def upgrade_the_api(installation: Installation, dedicated: str) -> None:
    """Another image for the pooled fleet and, by the platform's spec, for the Dedicated tenants."""
    upgrade(installation, dedicated, "--set", f"api.image.tag={NEXT_TAG}", image=NEXT_TAG)


def go_back(installation: Installation, dedicated: str) -> None:
    """To the chart and the images of an earlier commit, as somebody who hasn't upgraded yet has them."""
    with earlier_chart() as chart:
        upgrade(installation, dedicated, *tags(EARLIER_TAG), image=EARLIER_TAG, chart=chart)


def upgrade_everything(installation: Installation, dedicated: str) -> None:
    """To the chart and the images of this checkout."""
    upgrade(installation, dedicated, *tags(""), image=PRESENT_TAG)


def tags(tag: str) -> tuple[str, ...]:
    """Settings of the chart; no tag is its own version's."""
    return "--set", f"operator.image.tag={tag},api.image.tag={tag}"


def upgrade(installation: Installation, dedicated: str, *settings: str, image: str, chart: Path = CHART) -> None:
    """`helm upgrade` as the documentation has it, until the Dedicated tenant runs the image as well."""
    release = installation.release
    installation.helm(
        "upgrade", release, str(chart), "-n", SYSTEM, "--reset-then-reuse-values", "--wait", "--timeout=5m", *settings
    )
    served = f"deployment/{dedicated}-directory"
    eventually(
        lambda: installation.image_of(served, TENANTS).endswith(f":{image}"), timeout=60, what=f"the image {image}"
    )
    whole(installation, dedicated)


EVERYTHING: Final = ("list", "read", "write", "photo")

EVENTS: Final = (
    Event("rolling restart", restart_everything),
    Event("API image upgrade", upgrade_the_api),
    Event("operator upgrade", upgrade_everything, before=go_back),
    Event("eviction of every pod", evict_every_pod),
    Event("PostgreSQL fail-over", fail_postgres_over, needed_by=EVERYTHING, recovers_within=60),
    Event("Redis restart that forgets ACLs", restart_redis, needed_by=EVERYTHING, recovers_within=60),
    Event("MinIO outage", lose_minio_for_a_while, needed_by=("photo",), recovers_within=120),
)
