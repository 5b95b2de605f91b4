"""Flux: what follows a git repository, what applies it, and a git server for the local cluster to follow."""

import subprocess
from pathlib import Path

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, parsed, read, restrict, use_image
from directory_local.addons.programs import KUSTOMIZE_CONTROLLER, SOURCE_CONTROLLER, AddonProgram
from directory_local.errors import CommandFailed
from directory_local.repository import root

NAMESPACE = "flux-system"


def objects(kubectl: Path, git: str) -> list[Changing]:
    """Both controllers, each with the rights it needs here, and the git server with the image `git`."""
    server = read(root() / "local" / "addons" / "flux-source" / "git.yaml")
    for deployment in by_kind(server, "Deployment"):
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = git
    namespace: Changing = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    controllers = [
        manifest for program in (SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER) for manifest in _controller(kubectl, program)
    ]
    return [namespace, *controllers, *server, *_rights_of_the_applier()]


def _controller(kubectl: Path, program: AddonProgram) -> list[Changing]:
    config = modules.folder(program.home, program.module) / "config"
    manifests = [manifest for part in ("crd", "rbac", "manager") for manifest in _kustomized(kubectl, config / part)]
    # The published binding makes the applier an administrator of the cluster: here it may do what it is for.
    manifests = [item for item in manifests if item.get("roleRef", {}).get("name") != "cluster-admin"]
    for manifest in manifests:
        if manifest["kind"] not in {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}:
            manifest["metadata"]["namespace"] = NAMESPACE
        for subject in manifest.get("subjects", []):
            subject |= {"name": program.name, "namespace": NAMESPACE}
    for deployment in by_kind(manifests, "Deployment"):
        deployment["spec"]["template"]["spec"]["serviceAccountName"] = program.name
        for container in containers(deployment):
            use_image(container, program.reference)
            container["resources"] = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "512Mi"}}
        restrict(deployment)
    account: Changing = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": program.name, "namespace": NAMESPACE},
    }
    return [account, *manifests]


def _kustomized(kubectl: Path, folder: Path) -> list[Changing]:
    done = subprocess.run([str(kubectl), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"kubectl kustomize {folder}", done.stderr)
    return parsed(done.stdout)


def _rights_of_the_applier() -> list[Changing]:
    """Tenants, in the namespace of the sample tenants, and nothing else."""
    metadata = {"name": "flux-tenants", "namespace": "tenants"}
    kind = "rbac.authorization.k8s.io"
    verbs = ["get", "list", "watch", "create", "update", "patch", "delete"]
    rule = {"apiGroups": ["companydirectory.io"], "resources": ["directorytenants"], "verbs": verbs}
    subject = {"kind": "ServiceAccount", "name": KUSTOMIZE_CONTROLLER.name, "namespace": NAMESPACE}
    return [
        {"apiVersion": f"{kind}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{kind}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": kind, "kind": "Role", "name": metadata["name"]},
            "subjects": [subject],
        },
    ]
