"""`directory-local cluster`: the commands behind `make cluster-up`, `cluster-down` and `cluster-status`."""

import os
import time

import typer
from rich.console import Console
from rich.table import Table

from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.node import network
from directory_local.node.machine import NodeMachine
from directory_local.node.place import Place
from directory_local.progress import Reporter
from directory_local.steps import Step

app = typer.Typer(
    help="A real Kubernetes with pods on this machine (as root), in a network of its own.", no_args_is_help=True
)
_CONSOLE = Console(highlight=False, soft_wrap=True)


@app.command()
def up() -> None:
    """Start the cluster and wait until it takes pods. Safe to run again: it does only what is left to do."""
    reporter = Reporter(_CONSOLE)
    machine = NodeMachine(Place.from_environment(os.environ), reporter.line)
    started = time.monotonic()
    changes = reporter.run(_preparing(machine))
    with network.entered(machine.place):
        changes += reporter.run(_starting(machine))
    seconds = time.monotonic() - started
    outcome = f"{changes} things started or changed" if changes else "Everything ran already; nothing was changed"
    _CONSOLE.print(f"\n[bold green]Up[/] in {seconds:.0f} s. {outcome}.")
    _CONSOLE.print(
        f"\nTo use it (kubectl, ctr, curl): {machine.place.folder.bin / 'enter'} kubectl get pods --all-namespaces"
    )


@app.command()
def down() -> None:
    """End the cluster with all its pods and remove its data: nothing of it stays on the machine."""
    machine = NodeMachine(Place.from_environment(os.environ), lambda _line: None)
    removed = machine.remove()
    _CONSOLE.print(f"Removed the cluster and {machine.place.folder.root}." if removed else "There was no cluster.")


@app.command()
def status() -> None:
    """Show what runs. Exits with 1 unless the node is ready and all pods are."""
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
        Step("DNS and storage", machine.start_essentials),
    ]
