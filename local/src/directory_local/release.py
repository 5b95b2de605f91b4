"""The project's own chart in a cluster: its values there, and the Helm release."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from directory_local import rollout
from directory_local.addons.manifests import Changing
from directory_local.addons.tools import run_helm
from directory_local.cluster import Cluster
from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.images.archive import Image
from directory_local.platform_objects import OPERATOR_NAMESPACE
from directory_local.repository import root

RELEASE: Final = "directory-system"
_TIMEOUT: Final = "5m"
# One machine with two cores runs everything: requests only say who goes first.
_SMALL: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}}


def values(spec: Changing, images: Mapping[str, Image], registry: str | None) -> Changing:
    """The chart's values: a small cluster's, with the images that were built, or those of a registry."""
    postgresql = images.get("postgresql")
    return {
        "operator": {
            "image": _image("operator", images, registry),
            "resources": {**_SMALL, "limits": {"memory": "1Gi"}},
            "podAnnotations": _content(images.get("operator")),
        },
        "api": {"image": _image("api", images, registry)},
        "pool": {
            "resources": {**_SMALL, "limits": {"memory": "512Mi"}},
            "podAnnotations": _content(images.get("api")),
        },
        "platform": {"spec": spec},
        "bootstrap": {
            "enabled": True,
            "image": _parts(postgresql.reference if postgresql else f"{registry}/local/postgresql:17"),
        },
        "route": {"certificate": {"enabled": True}},
    }


def install(helm: Path, cluster: Cluster, wanted: Changing) -> list[str]:
    """Install or upgrade the release, unless it was installed from this very chart with these values."""
    chart = root() / "charts" / "company-directory"
    digest = _digest(chart, wanted)
    state, description = _state(helm, cluster)
    if (state, description) == ("deployed", digest):
        return []
    _take_back(helm, cluster, state)
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="directory-values-") as file:
        json.dump(wanted, file)
        file.flush()
        try:
            run_helm(
                helm,
                *("upgrade", "--install", RELEASE, str(chart), f"--namespace={OPERATOR_NAMESPACE}"),
                *(f"--values={file.name}", f"--description={digest}", "--wait", f"--timeout={_TIMEOUT}"),
                kubeconfig=cluster.kubeconfig,
            )
        except CommandFailed as error:
            details = "\n".join(f"    {line}" for line in rollout.troubles(cluster, OPERATOR_NAMESPACE))
            raise LocalPlatformError(f"{error}\n{details}") from None
    return [f"release {RELEASE}"]


def _state(helm: Path, cluster: Cluster) -> tuple[str | None, str]:
    """How the last revision of the release ended, if there is one, and what it was installed from."""
    where = f"--namespace={OPERATOR_NAMESPACE}"
    listed = run_helm(
        helm, "list", where, "--all", f"--filter=^{RELEASE}$", "--output=json", kubeconfig=cluster.kubeconfig
    )
    if not json.loads(listed):
        return None, ""
    info = json.loads(run_helm(helm, "status", RELEASE, where, "--output=json", kubeconfig=cluster.kubeconfig))["info"]
    return info["status"], info.get("description", "")


def _take_back(helm: Path, cluster: Cluster, state: str | None) -> None:
    """Helm refuses to go on where it was interrupted: go back to before that."""
    where = f"--namespace={OPERATOR_NAMESPACE}"
    if state in {"pending-upgrade", "pending-rollback"}:
        run_helm(helm, "rollback", RELEASE, where, "--no-hooks", kubeconfig=cluster.kubeconfig)
    elif state == "pending-install":
        run_helm(helm, "uninstall", RELEASE, where, "--no-hooks", kubeconfig=cluster.kubeconfig)


def _digest(chart: Path, wanted: Changing) -> str:
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode())
    for path in sorted(path for path in chart.rglob("*") if path.is_file()):
        digest.update(repr(str(path.relative_to(chart))).encode() + path.read_bytes())
    return digest.hexdigest()


def _image(name: str, images: Mapping[str, Image], registry: str | None) -> Changing:
    built = images.get(name)
    if built:
        return _parts(built.reference)
    return {"repository": f"{registry}/{name}"}


def _parts(reference: str) -> Changing:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}


def _content(image: Image | None) -> Changing:
    """Changes with the image's content, so that pods follow an image that was built anew under the same name."""
    return {"companydirectory.io/image": image.archive.stem} if image else {}
