"""Which binary stands for each program: the user's own where it suits, otherwise one that we build."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from directory_local.build import GoProgram, Progress, build, built, cache_folder, required_version
from directory_local.folder import StateFolder

ASSETS = "KUBEBUILDER_ASSETS"
"""The variable by which envtest's users say where their etcd, kube-apiserver and kubectl are."""

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
# Older ones miss what we use: etcd's progress notifications on watches, the API server's CEL library and SSA of status.
_OLDEST = {"etcd": (3, 5), "kube-apiserver": (1, 31), "kube-controller-manager": (1, 31), "kubectl": (1, 28)}
_VERSION_ARGUMENTS = {"kubectl": ("version", "--client")}
_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


def minio() -> GoProgram:
    return GoProgram("minio", "github.com/minio/minio")


def kubernetes(*, only_controller_manager: bool = False) -> GoProgram:
    """Our control plane in one binary; `only_controller_manager` for those who have all but that (envtest)."""
    tags = ("only_controller_manager",) if only_controller_manager else ()
    return GoProgram("kubernetes", ".", tags=tags, linker_flags=_kubernetes_version_flags())


def node() -> GoProgram:
    """The kubelet and kube-proxy in one binary: of the same version as the control plane."""
    return GoProgram("node", ".", linker_flags=_kubernetes_version_flags())


def pause() -> GoProgram:
    return GoProgram("pause", "./pause", home="node")


def containerd(program: str) -> GoProgram:
    """One of containerd's programs: `containerd`, `containerd-shim-runc-v2` or `ctr`."""
    return GoProgram(program, f"github.com/containerd/containerd/v2/cmd/{program}", home="containerd")


def local_path_provisioner() -> GoProgram:
    return GoProgram("local-path-provisioner", "github.com/rancher/local-path-provisioner", home="storage")


def kube_router() -> GoProgram:
    return GoProgram("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", home="netpol")


def coredns() -> GoProgram:
    return GoProgram("coredns", "github.com/coredns/coredns", home="addons/coredns")


def install_minio(folder: StateFolder, environment: Mapping[str, str], progress: Progress) -> None:
    """Put `minio` into the state folder's `bin`, building it if need be."""
    link(folder.bin / "minio", build(minio(), cache_folder(environment), progress))


def install_control_plane(folder: StateFolder, environment: Mapping[str, str], progress: Progress) -> None:
    """Put the programs of `CONTROL_PLANE` into the state folder's `bin`, building what the user does not have."""
    own = control_plane_of_user(environment)
    missing = set(CONTROL_PLANE) - set(own)
    if missing == {"kube-controller-manager"}:
        program = kubernetes(only_controller_manager=True)
    else:
        # A mixture of versions would be worse than none of the user's.
        own, program = (own, kubernetes()) if not missing else ({}, kubernetes())
    if set(CONTROL_PLANE) - set(own):
        binary = build(program, cache_folder(environment), progress)
        own = {**{name: binary for name in CONTROL_PLANE}, **own}
    for name, path in own.items():
        link(folder.bin / name, path)


def install_kubectl(folder: StateFolder, environment: Mapping[str, str], progress: Progress) -> None:
    """Put `kubectl` alone into the state folder's `bin`: for those who bring a cluster."""
    own = control_plane_of_user(environment).get("kubectl")
    link(folder.bin / "kubectl", own or build(kubernetes(), cache_folder(environment), progress))


def to_build(environment: Mapping[str, str]) -> list[GoProgram]:
    """What `install_*` would have to build now."""
    missing = set(CONTROL_PLANE) - set(control_plane_of_user(environment))
    wanted = [minio()]
    if missing:
        wanted.append(kubernetes(only_controller_manager=missing == {"kube-controller-manager"}))
    return [program for program in wanted if not built(program, cache_folder(environment))]


def control_plane_of_user(environment: Mapping[str, str]) -> dict[str, Path]:
    """Programs of the control plane that the user has, from KUBEBUILDER_ASSETS or else from PATH, if recent enough."""
    assets = environment.get(ASSETS)
    path = assets or environment.get("PATH", os.defpath)
    found = {name: shutil.which(name, path=path) for name in CONTROL_PLANE}
    return {name: Path(binary) for name, binary in found.items() if binary and _recent(name, binary)}


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, in one step."""
    if path.is_symlink() and path.readlink() == target:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


def _recent(name: str, binary: str) -> bool:
    arguments = _VERSION_ARGUMENTS.get(name, ("--version",))
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=20)
    version = _VERSION.search(done.stdout)
    return version is not None and tuple(map(int, version.groups())) >= _OLDEST[name]


def _kubernetes_version_flags() -> tuple[str, ...]:
    version = required_version("kubernetes", "k8s.io/kubernetes")
    major, minor, _ = version.split(".")
    package = "k8s.io/component-base/version"
    return (f"-X {package}.gitVersion=v{version}", f"-X {package}.gitMajor={major}", f"-X {package}.gitMinor={minor}")
