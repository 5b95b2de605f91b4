"""`directory-local`: the commands behind `make up`, `down`, `reset` and `status`."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console
from rich.table import Table

from directory_local import binaries, steps
from directory_local.configuration import BASE_DOMAIN, KUBECONFIG, STATE_FOLDER, Configuration
from directory_local.errors import CommandFailed, LocalPlatformError
from directory_local.folder import StateFolder, write_if_changed
from directory_local.machine import Machine, Profile
from directory_local.node.commands import app as cluster_commands
from directory_local.platform_objects import TENANT_NAMESPACE
from directory_local.progress import Reporter

app = typer.Typer(
    help="The company directory on this machine: real parts as processes, no containers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cluster_commands, name="cluster")
_CONSOLE = Console(highlight=False, soft_wrap=True)

State = Annotated[Path | None, typer.Option("--state", help=f"State folder [{STATE_FOLDER}, default .state].")]
Domain = Annotated[str | None, typer.Option("--base-domain", help=f"What tenants' hosts end in [{BASE_DOMAIN}].")]

LeaveCluster = Annotated[bool, typer.Option("--leave-cluster", help="Leave what `up` put into a cluster of your own.")]


def main() -> None:
    """Run a command; what stands in its way is said in plain words, without a traceback."""
    try:
        code = app(standalone_mode=False)
    except LocalPlatformError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"\n[bold red]Stopped:[/] {_plain(str(error))}")
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


@app.command()
def up(state: State = None, base_domain: Domain = None) -> None:
    """Start everything and wait until the sample tenants work. Safe to run again: it does only what is left to do."""
    environment = _environment(state, base_domain)
    configuration = Configuration.read(environment)
    reporter = Reporter(_CONSOLE)
    machine = _machine(configuration, environment, reporter.line)
    started = time.monotonic()
    _mention_kubeconfig(environment)
    machine.folder.create()
    _write_description(machine, configuration)
    changes = reporter.run(steps.steps(machine, configuration, environment))
    _say_how_to_use(machine)
    seconds = time.monotonic() - started
    outcome = f"{changes} things started or changed" if changes else "Everything ran already; nothing was changed"
    _CONSOLE.print(f"\n[bold green]Up[/] in {seconds:.0f} s. {outcome}.")


@app.command()
def build() -> None:
    """Build the binaries that no package registry carries, unless they are cached. `up` does this too."""
    environment = dict(os.environ)
    configuration = Configuration.read(environment)
    reporter = Reporter(_CONSOLE)
    machine = _machine(configuration, environment, reporter.line)
    reporter.run([steps.Step("Binaries of Kubernetes and MinIO", lambda: steps.install(machine, environment))])


@app.command()
def down(state: State = None) -> None:
    """Stop every process. The data stays, and the next `up` goes on from it."""
    folder, machine = _existing(state)
    stopped = machine.stop()
    _CONSOLE.print(f"Stopped; the data stays in {folder.root}." if stopped else "Nothing was running.")


@app.command()
def reset(
    state: State = None,
    leave_cluster: LeaveCluster = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Stop every process and remove the state folder: tenants, data, certificates, passwords. Built binaries stay."""
    folder, machine = _existing(state)
    if not folder.root.exists():
        _CONSOLE.print("There is no state to remove.")
        return
    if any(folder.root.iterdir()) and not folder.config.exists():
        message = f"{folder.root} was not made by directory-local; it is left alone."
        raise LocalPlatformError(message)
    if machine.profile.kubeconfig and not leave_cluster:
        steps.leave_cluster(machine)
        _CONSOLE.print("Removed tenants, platform and namespaces from your cluster; the CRDs and the ClusterRole stay.")
    machine.stop()
    shutil.rmtree(folder.root)
    _CONSOLE.print(f"Removed {folder.root}.")


@app.command()
def status(state: State = None) -> None:
    """Show what runs, and the tenants. Exits with 1 unless everything runs and every tenant is ready."""
    _, machine = _existing(state)
    if not machine.supervisor.is_running():
        _CONSOLE.print("Not running. Start it with `make up`.")
        raise typer.Exit(1)
    table = Table("program", "state", "process", "running for")
    states = machine.supervisor.states().values()
    for program in states:
        age = f"{max(0, int(time.time()) - program.since)} s" if program.pid else ""
        table.add_row(program.name, program.state, str(program.pid or ""), age)
    _CONSOLE.print(table)
    try:
        found = steps.tenants(machine)
    except CommandFailed as error:
        raise LocalPlatformError(str(error)) from None
    for tenant in found:
        _CONSOLE.print(f"{tenant.namespace}/{tenant.name}  {'ready' if tenant.ready else tenant.message}  {tenant.url}")
    if not all(program.state == "RUNNING" for program in states) or not all(tenant.ready for tenant in found):
        raise typer.Exit(1)


def _environment(state: Path | None, base_domain: str | None) -> dict[str, str]:
    given = {STATE_FOLDER: state, BASE_DOMAIN: base_domain}
    return {**os.environ, **{name: str(value) for name, value in given.items() if value}}


def _machine(configuration: Configuration, environment: dict[str, str], progress: Callable[[str], None]) -> Machine:
    profile = Profile(base_domain=configuration.base_domain, kubeconfig=configuration.kubeconfig)
    return Machine(configuration.state, configuration.ports, profile, environment, progress)


def _existing(state: Path | None) -> tuple[StateFolder, Machine]:
    """The platform as the last `up` left it, whatever the environment says now."""
    environment = _environment(state, None)
    configuration = Configuration.read(environment)
    file = StateFolder(configuration.state).platform_file
    if file.exists():
        own_cluster = json.loads(file.read_text())["ownCluster"]
        configuration = replace(configuration, kubeconfig=Path(own_cluster) if own_cluster else None)
    machine = _machine(configuration, environment, lambda _line: None)
    return machine.folder, machine


def _mention_kubeconfig(environment: dict[str, str]) -> None:
    if environment.get("KUBECONFIG") and not environment.get(KUBECONFIG):
        _CONSOLE.print(
            f"[dim]KUBECONFIG is set, but a local control plane is used. For that cluster: {KUBECONFIG}=$KUBECONFIG[/]"
        )
    if environment.get(binaries.ASSETS):
        found = ", ".join(sorted(binaries.control_plane_of_user(environment))) or "nothing recent enough"
        _CONSOLE.print(f"[dim]{binaries.ASSETS} is set; used from there: {found}[/]")


def _write_description(machine: Machine, configuration: Configuration) -> None:
    """`platform.json`: where everything is, for scripts."""
    description = {
        "baseDomain": configuration.base_domain,
        "ports": configuration.ports.named(),
        "kubeconfig": str(machine.cluster.kubeconfig),
        "ownCluster": str(configuration.kubeconfig) if configuration.kubeconfig else None,
        "certificateAuthority": str(machine.folder.root / "ca.crt"),
        "secrets": str(machine.folder.secrets),
        "logs": str(machine.folder.logs),
        "tenantNamespace": TENANT_NAMESPACE,
    }
    write_if_changed(machine.folder.platform_file, json.dumps(description, indent=2) + "\n")


def _say_how_to_use(machine: Machine) -> None:
    for tenant in steps.tenants(machine):
        _CONSOLE.print(f"\n[bold]{tenant.name}[/]  {tenant.url}")
        _CONSOLE.print(f"  first administrator  {tenant.administrator}")
        _CONSOLE.print(f"  password             {_plain(tenant.password_command)}")
    _CONSOLE.print("\nTo use kubectl and the commands above in this shell:\n")
    _CONSOLE.print(f"  export KUBECONFIG={machine.cluster.kubeconfig}")
    _CONSOLE.print(f"  export PATH={machine.folder.bin}:$PATH")


def _plain(text: str) -> str:
    """The text with nothing for rich to read as markup."""
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()
