"""The add-ons' programs, and the images they run in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from directory_local.build import GoProgram, Progress, build, cache_folder, required_version
from directory_local.images.archive import Image
from directory_local.images.debian import LOCAL
from directory_local.images.static import static_image

_CHART_UTIL: Final = "helm.sh/helm/v3/pkg/chartutil"
_KUBERNETES_MINOR: Final = "37"  # what charts are told when no cluster is asked (`helm template`)

HELM: Final = GoProgram(
    "helm",
    "helm.sh/helm/v3/cmd/helm",
    home="addons/tools",
    linker_flags=(
        f"-X helm.sh/helm/v3/internal/version.version=v{required_version('addons/tools', 'helm.sh/helm/v3')}",
        f"-X {_CHART_UTIL}.k8sVersionMajor=1 -X {_CHART_UTIL}.k8sVersionMinor={_KUBERNETES_MINOR}",
    ),
)
KUBECONFORM: Final = GoProgram("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", home="addons/tools")


@dataclass(frozen=True, slots=True)
class AddonProgram:
    """One program of an add-on: the module it comes from, its package there, and where pods look for it."""

    name: str
    home: str
    module: str
    package: str = ""
    paths: tuple[str, ...] = ()
    user: int = 65532
    tags: tuple[str, ...] = ()

    @property
    def program(self) -> GoProgram:
        package = f"{self.module}/{self.package}" if self.package else self.module
        return GoProgram(self.name, package, self.tags, home=self.home)

    @property
    def version(self) -> str:
        return required_version(self.home, self.module)

    @property
    def reference(self) -> str:
        """The image's name, as manifests have it."""
        return f"{LOCAL}/{self.name}:{self.version}"

    def image(self, environment: Mapping[str, str], progress: Progress) -> Image:
        """The image, built now if the cache lacks it."""
        binary = build(self.program, cache_folder(environment), progress)
        return static_image(self.name, self.version, binary, self.paths, self.user, progress)


_CERT_MANAGER: Final = "github.com/cert-manager/cert-manager"

METRICS_SERVER: Final = AddonProgram(
    "metrics-server", "addons/metrics-server", "sigs.k8s.io/metrics-server", "cmd/metrics-server"
)
CONTOUR: Final = AddonProgram("contour", "addons/contour", "github.com/projectcontour/contour", "cmd/contour")
CERT_MANAGER: Final = {
    part: AddonProgram(f"cert-manager-{part}", "addons/cert-manager", _CERT_MANAGER, f"cmd/{part}")
    for part in ("controller", "webhook", "cainjector")
}
# The operator copies itself into the pods of its databases, from the first path, and looks for newer ones of itself in
# the second one's folder.
CLOUDNATIVE_PG: Final = AddonProgram(
    *("cloudnative-pg", "addons/cloudnative-pg", "github.com/cloudnative-pg/cloudnative-pg", "cmd/manager"),
    paths=("/manager", "/operator/manager_amd64"),
    user=10001,
)

SOURCE_CONTROLLER: Final = AddonProgram(
    "source-controller", "addons/flux-source", "github.com/fluxcd/source-controller"
)
KUSTOMIZE_CONTROLLER: Final = AddonProgram(
    "kustomize-controller", "addons/flux-kustomize", "github.com/fluxcd/kustomize-controller"
)
# Of what it could find things by, the cluster's API is enough.
PROMETHEUS: Final = AddonProgram(
    *("prometheus", "addons/prometheus", "github.com/prometheus/prometheus", "cmd/prometheus"),
    tags=("remove_all_sd", "enable_kubernetes_sd"),
)
PROMETHEUS_ADAPTER: Final = AddonProgram(
    "prometheus-adapter", "addons/prometheus-adapter", "sigs.k8s.io/prometheus-adapter", "cmd/adapter"
)
WATCHING_PROGRAMS: Final = (PROMETHEUS, PROMETHEUS_ADAPTER)

PROGRAMS: Final = (
    *(METRICS_SERVER, *CERT_MANAGER.values(), CONTOUR, CLOUDNATIVE_PG),
    *(SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER),
)
