"""cert-manager: issues and renews certificates. Its module has the chart without versions, and the CRDs beside it."""

import shutil
import tempfile
from pathlib import Path

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, parsed
from directory_local.addons.programs import CERT_MANAGER
from directory_local.addons.tools import run_helm

NAMESPACE = "cert-manager"
_SIZES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "192Mi"}}


def objects(helm: Path) -> list[Changing]:
    """The chart as Helm renders it, CRDs first."""
    controller = CERT_MANAGER["controller"]
    deploy = modules.folder(controller.home, controller.module) / "deploy"
    with tempfile.TemporaryDirectory(prefix="directory-cert-manager-") as temporary:
        chart = _chart(deploy, Path(temporary) / "cert-manager", controller.version)
        manifests = parsed(run_helm(helm, "template", "cert-manager", str(chart), *_values()))
    namespace: Changing = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for deployment in by_kind(manifests, "Deployment"):
        for container in containers(deployment):
            container["securityContext"]["readOnlyRootFilesystem"] = True
    return [namespace, *sorted(manifests, key=lambda manifest: manifest["kind"] != "CustomResourceDefinition")]


def _chart(deploy: Path, chart: Path, version: str) -> Path:
    """The chart as the project's release tool lays it out."""
    shutil.copytree(deploy / "charts" / "cert-manager", chart)
    # Files of the module cache are read-only, and so are their copies.
    for path in (chart, *chart.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    description = (chart / "Chart.template.yaml").read_text().replace("v0.1.0", f"v{version}")
    (chart / "Chart.yaml").write_text(description)
    for file in sorted((deploy / "crds").glob("*.yaml")):
        shutil.copyfile(file, chart / "templates" / file.name)
    return chart


def _values() -> list[str]:
    values = {
        "global.leaderElection.namespace": NAMESPACE,
        "startupapicheck.enabled": "false",
        "prometheus.servicemonitor.enabled": "false",
    }
    for part, prefix in (("controller", ""), ("webhook", "webhook."), ("cainjector", "cainjector.")):
        program = CERT_MANAGER[part]
        values[f"{prefix}image.repository"] = program.reference.rsplit(":", 1)[0]
        values[f"{prefix}image.tag"] = program.version
        values[f"{prefix}resources.requests.cpu"] = _SIZES["requests"]["cpu"]
        values[f"{prefix}resources.requests.memory"] = _SIZES["requests"]["memory"]
        values[f"{prefix}resources.limits.memory"] = _SIZES["limits"]["memory"]
    # Secrets of deleted Certificates stay otherwise, and a tenant's removal leaves nothing behind.
    settings = ["--set", "extraArgs={--enable-certificate-owner-ref=true}"]
    return [
        f"--namespace={NAMESPACE}",
        *settings,
        *(part for name, value in values.items() for part in ("--set", f"{name}={value}")),
    ]
