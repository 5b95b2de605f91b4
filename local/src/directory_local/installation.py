"""What `make cluster-up` installs once a cluster takes pods: add-ons, backends, the project's own chart, samples."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from directory_local import backends, release, rollout
from directory_local.addons import manifests, modules, programs
from directory_local.addons.contour import CLASS
from directory_local.addons.monitoring import IN_FLIGHT, NAMESPACE
from directory_local.addons.table import FIRST, LAST, SECOND, WATCHING, Addon, Sources, is_elsewhere
from directory_local.binaries import link
from directory_local.build import Progress, build, cache_folder
from directory_local.cluster import Cluster, Manifest
from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.folder import StateFolder, write_if_changed
from directory_local.images.archive import Image
from directory_local.images.backends import VERSIONS, backend_image
from directory_local.images.debian import LOCAL
from directory_local.images.product import PRODUCTS, product_image
from directory_local.platform_objects import TENANT_NAMESPACE
from directory_local.repository import root
from directory_local.steps import Step, TenantView

BACKEND_IMAGES = ("postgresql", "pgbouncer", "redis", "minio", "envoy", "git")
_WEBHOOK_SECONDS = 60.0
_PASSING = ("failed calling webhook", "no endpoints available", "no matches for kind", "could not find the requested")
"""What the API server says of webhooks and kinds that are a moment away from working."""


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster to install into.

    `load` imports an image archive into its node and returns the names that were missing. Without it images come from
    `registry`, where somebody has to have put them.
    """

    cluster: Cluster
    folder: StateFolder
    base_domain: str
    load: Callable[[Path], Sequence[str]] | None = None
    registry: str | None = None
    variant: backends.Variant = "base"
    watched: bool = False
    """Whether Prometheus is installed too, and Dedicated tenants scale on requests in flight."""


@dataclass(slots=True)
class Installation:
    """One run: what was built in its first part is what the second applies."""

    target: Target
    progress: Progress
    images: dict[str, Image] = field(default_factory=dict)

    def preparing(self) -> list[Step]:
        """What needs the machine's own network, and may take minutes the first time: modules, builds."""
        return [
            Step("Helm, and the manifests of the add-ons", self._fetch),
            Step("Images of add-ons, backends, operator and API", self._build),
        ]

    def installing(self) -> list[Step]:
        """What is done in the cluster."""
        return [
            Step("Images in the cluster", self._load),
            Step("metrics-server, cert-manager, CloudNativePG", lambda: self._add(FIRST, seconds=180)),
            Step("Certificate authority and Secrets", self._secrets),
            Step("Contour, PostgreSQL, Redis, MinIO", self._backends),
            *([Step("Prometheus", lambda: self._add([WATCHING], seconds=120))] if self.target.watched else []),
            Step("Operator, platform and pooled API (Helm)", self._chart),
            Step("Flux", lambda: self._add(LAST, seconds=120)),
            Step("Sample tenants", self._samples),
        ]

    def tenants(self) -> list[TenantView]:
        """The sample tenants."""
        return [TenantView.of(item) for item in self.target.cluster.items("directorytenants", TENANT_NAMESPACE)]

    @property
    def _programs(self) -> tuple[programs.AddonProgram, ...]:
        return (*programs.PROGRAMS, *(programs.WATCHING_PROGRAMS if self.target.watched else ()))

    @property
    def _helm(self) -> Path:
        return self.target.folder.bin / "helm"

    def _fetch(self) -> list[str]:
        if not self.target.load and not self.target.registry:
            message = (
                "A cluster of your own pulls images from a registry: `directory-local cluster archives` builds them "
                "and says where they are. Push each companydirectory.io/x as <host>/<path>/x, and name the registry by "
                "DIRECTORY_REGISTRY=<host>/<path>."
            )
            raise LocalPlatformError(message)
        for program in self._programs:
            modules.folder(program.home, program.module)
        link(self._helm, build(programs.HELM, cache_folder(os.environ), self.progress))
        return []

    def _build(self) -> list[str]:
        if self.target.load:
            self.build_images()
        return []

    def build_images(self) -> None:
        """Build what the installation runs, as far as the cache lacks it."""
        for program in self._programs:
            self.images[program.name] = program.image(os.environ, self.progress)
        for name in BACKEND_IMAGES:
            self.images[name] = backend_image(name, progress=self.progress)
        for name in PRODUCTS:
            self.images[name] = product_image(name, progress=self.progress)

    def _load(self) -> list[str]:
        if not self.target.load:
            return []
        return [name for image in self.images.values() for name in self.target.load(image.archive)]

    def _add(self, addons: Iterable[Addon], seconds: float) -> list[str]:
        changed, objects = self._applied(addons)
        rollout.wait(self.target.cluster, objects, seconds, self.progress)
        return changed

    def _applied(self, addons: Iterable[Addon]) -> tuple[list[str], list[Manifest]]:
        """Apply add-ons that the cluster has from nobody else; what changed, and all of their objects."""
        names = {name: f"{LOCAL}/{name}:{version}" for name, version in VERSIONS.items()}
        sources = Sources(self._helm, self.target.cluster.binary, self.target.base_domain, backends.AUTHORITY, names)
        wanted = [addon for addon in addons if not is_elsewhere(addon, self.target.cluster)]
        objects: list[Manifest] = [manifest for addon in wanted for manifest in addon.objects(sources)]
        changed = self._apply([item for item in objects if item["kind"] in {"Namespace", "CustomResourceDefinition"}])
        changed += self._apply(
            [item for item in objects if item["kind"] not in {"Namespace", "CustomResourceDefinition"}]
        )
        return changed, objects

    def _secrets(self) -> list[str]:
        objects = self._backend_objects()
        spaces = [*backends.namespaces(), *(item for item in objects if item["kind"] == "Namespace")]
        issuers = [item for item in objects if item["kind"] in {"ClusterIssuer", "Certificate"}]
        changed = self._apply([*spaces, *issuers])
        changed += self._apply(backends.admin_secrets(self.target.cluster, self.target.variant))
        rollout.wait(self.target.cluster, issuers, 60, self.progress)
        write_if_changed(self.target.folder.root / "ca.crt", backends.authority(self.target.cluster), mode=0o644)
        return changed

    def _backends(self) -> list[str]:
        # Both need cert-manager and neither needs the other.
        changed, objects = self._applied(SECOND)
        servers = self._backend_objects()
        changed += self._apply(servers)
        rollout.wait(self.target.cluster, [*objects, *servers], 300, self.progress)
        return changed + self._apply(backends.copied_secrets(self.target.cluster))

    def _backend_objects(self) -> list[Manifest]:
        objects = backends.manifests(self.target.cluster, self.target.variant)
        return manifests.with_images(objects, [image.reference for image in self.images.values()])

    def _chart(self) -> list[str]:
        spec = backends.platform_spec(self.target.base_domain, CLASS, self.target.variant)
        if self.target.watched:
            spec["api"] = {"inFlightMetric": IN_FLIGHT}
            spec["network"]["clients"].append({"namespace": NAMESPACE})
        values = release.values(spec, self.images, self.target.registry)
        return release.install(self._helm, self.target.cluster, values)

    def _samples(self) -> list[str]:
        samples = root() / "manifests" / "samples"
        objects = manifests.read(*sorted(samples.glob("*.yaml")), *sorted((samples / "cluster").glob("*.yaml")))
        # Who changed a sample tenant had a reason.
        there = {tenant.name for tenant in self.tenants()}
        changed = self._apply([tenant for tenant in objects if tenant["metadata"]["name"] not in there])
        rollout.wait(self.target.cluster, objects, 180, self.progress)
        return changed

    def _apply(self, objects: Iterable[Manifest]) -> list[str]:
        """Apply, again for as long as webhooks and kinds are only on their way."""
        relocated = manifests.relocated(objects, self.target.registry)
        if not relocated:
            return []
        deadline = time.monotonic() + _WEBHOOK_SECONDS
        while True:
            try:
                return self.target.cluster.apply(relocated)
            except CommandFailed as error:
                passing = any(phrase in str(error) for phrase in _PASSING)
                if not passing or time.monotonic() > deadline:
                    raise
            time.sleep(1)
