"""`directory-local cluster`: the commands behind `make cluster-up`, `cluster-down` and `cluster-status`."""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from directory_local import binaries
from directory_local.backends import Variant
from directory_local.cluster import Cluster
from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.installation import Installation, Target
from directory_local.node import network, requirements
from directory_local.node.machine import NodeMachine
from directory_local.node.place import Place
from directory_local.progress import Reporter
from directory_local.steps import Step, TenantView

app = typer.Typer(
    help="A real Kubernetes with pods on this machine (as root), in a network of its own.", no_args_is_help=True
)
_CONSOLE = Console(highlight=False, soft_wrap=True)


@app.command()
def up() -> None:
    """Start the cluster and install the platform in it. Safe to run again: it does only what is left to do.

    With KUBECONFIG set there is no node: the platform goes into that cluster.
    """
    reporter = Reporter(_CONSOLE)
    place = Place.from_environment(os.environ)
    started = time.monotonic()
    theirs = _cluster_of_user(place)
    place.require_ours()
    if not theirs:
        requirements.require_machine()
    place.folder.create()
    if theirs:
        binaries.install_kubectl(place.folder, os.environ, reporter.line)
    machine = NodeMachine(place, reporter.line)
    installation = Installation(_target(machine, theirs), reporter.line)
    changes = reporter.run([*([] if theirs else _preparing(machine)), *installation.preparing()])
    with contextlib.nullcontext() if theirs else network.entered(place):
        changes += reporter.run([*([] if theirs else _starting(machine)), *installation.installing()])
        found = installation.tenants()
    seconds = time.monotonic() - started
    outcome = f"{changes} things started or changed" if changes else "Everything ran already; nothing was changed"
    _CONSOLE.print(f"\n[bold green]Up[/] in {seconds:.0f} s. {outcome}.\n")
    _print_tenants(found)
    if not theirs:
        _print_use(place)


@app.command()
def archives() -> None:
    """Build every image of the installation, and print the name and the OCI archive of each."""
    place = Place.from_environment(os.environ)
    installation = Installation(_target(NodeMachine(place, _CONSOLE.print), place.folder.kubeconfig), _CONSOLE.print)
    installation.build_images()
    for image in installation.images.values():
        _CONSOLE.print(f"{image.reference} {image.archive}")


@app.command()
def down() -> None:
    """End the cluster with all its pods and remove its data: nothing of it stays on the machine."""
    requirements.require_machine()
    machine = NodeMachine(Place.from_environment(os.environ), lambda _line: None)
    removed = machine.remove()
    _CONSOLE.print(f"Removed the cluster and {machine.place.folder.root}." if removed else "There was no cluster.")


@app.command(context_settings={"ignore_unknown_options": True})
def enter(command: Annotated[list[str] | None, typer.Argument(help="What to run [a shell].")] = None) -> None:
    """Run a command in the cluster's network, or, with a cluster of your own, with its KUBECONFIG."""
    place = Place.from_environment(os.environ)
    argv = command or [os.environ.get("SHELL", "/bin/sh")]
    if _cluster_of_user(place):
        os.execvp(argv[0], argv)  # noqa: S606 - what the user asks for
    script = place.folder.bin / "enter"
    if not place.network_namespace.exists() or not script.exists():
        message = "No cluster runs. Start it with `make cluster-up`."
        raise LocalPlatformError(message)
    os.execv(script, [str(script), *argv])  # noqa: S606


@app.command()
def status() -> None:
    """Show what runs. Exits with 1 unless the node is ready and all pods are."""
    requirements.require_machine()
    machine = NodeMachine(Place.from_environment(os.environ), lambda _line: None)
    states = machine.states()
    if not states:
        _CONSOLE.print("Not running. Start it with `make cluster-up`.")
        raise typer.Exit(1)
    table = Table("program", "state", "process", "running for")
    for program in states:
        age = f"{max(0, int(time.time()) - program.since)} s" if program.pid else ""
        table.add_row(program.name, program.state, str(program.pid or ""), age)
    _CONSOLE.print(table)
    with network.entered(machine.place):
        try:
            ready, unready = machine.is_ready(), machine.unready_pods()
        except CommandFailed as error:
            raise LocalPlatformError(str(error)) from None
    _CONSOLE.print("The node is ready." if ready else "The node is not ready.")
    for pod in unready:
        _CONSOLE.print(f"Not ready: {pod}")
    if unready or not ready or not all(program.state == "RUNNING" for program in states):
        raise typer.Exit(1)


def _cluster_of_user(place: Place) -> Path | None:
    """The kubeconfig that KUBECONFIG names, unless it is this cluster's own (`bin/enter` sets it)."""
    named = os.environ.get("KUBECONFIG")
    return Path(named) if named and Path(named) != place.folder.kubeconfig else None


def _target(machine: NodeMachine, theirs: Path | None) -> Target:
    base_domain = os.environ.get("DIRECTORY_BASE_DOMAIN") or "directory.localhost"
    variant: Variant = "sentinel" if os.environ.get("DIRECTORY_REDIS") == "sentinel" else "base"
    watched = os.environ.get("DIRECTORY_PROMETHEUS", "") not in {"", "false", "0"}
    folder = machine.place.folder
    cluster = Cluster(folder.bin / "kubectl", theirs) if theirs else machine.cluster
    return Target(
        cluster,
        folder,
        base_domain,
        load=None if theirs else machine.load,
        registry=os.environ.get("DIRECTORY_REGISTRY") if theirs else None,
        variant=variant,
        watched=watched,
    )


def _print_tenants(tenants: Sequence[TenantView]) -> None:
    table = Table("tenant", "URL", "administrator")
    for tenant in tenants:
        table.add_row(f"{tenant.namespace}/{tenant.name}", tenant.url, tenant.administrator)
    _CONSOLE.print(table)
    if tenants:
        _CONSOLE.print(f"An administrator's password: {tenants[0].password_command}")


def _print_use(place: Place) -> None:
    enter = place.folder.bin / "enter"
    _CONSOLE.print("The cluster has a network of its own. To use it:")
    _CONSOLE.print(f"  {enter} kubectl get pods --all-namespaces")
    _CONSOLE.print(f"  {enter} curl --cacert {place.folder.root / 'ca.crt'} https://acme.directory.localhost/healthz")


def _preparing(machine: NodeMachine) -> list[Step]:
    """What needs the machine's own network: packages, modules."""
    return [
        Step("Packages, programs and images of the node", machine.install),
        Step("Namespaces, control groups, process supervisor", machine.start_supervisor),
    ]


def _starting(machine: NodeMachine) -> list[Step]:
    """What runs within the node's network."""
    return [
        Step("etcd, kube-apiserver, kube-controller-manager, kube-scheduler", machine.start_control_plane),
        Step("containerd, kubelet, kube-proxy", machine.start_node),
        Step("DNS, storage, network policies", machine.start_essentials),
    ]
