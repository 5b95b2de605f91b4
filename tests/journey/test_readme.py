"""The README's commands do what it says, typed as they stand there; only the port and the state folder differ."""

import os
import re
import subprocess
from pathlib import Path

from tests.support.world import World

README = Path(__file__).parents[2] / "README.md"


def test_a_tenant_in_five_commands(world: World) -> None:
    world.machine.start("nginx")
    done = _type(world, _commands("A tenant in five commands"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "condition met" in done.stdout
    assert re.search(r"^NAME +READY +URL +TIER +AGE +REASON *$", done.stdout, re.MULTILINE)
    assert re.search(r"^hooli +True +https://hooli\.\S+ +Pooled +\d+s +Ready *$", done.stdout, re.MULTILINE)
    assert '"items":[{' in done.stdout
    assert '"family_name":"Belson"' in done.stdout
    assert 'directorytenant.companydirectory.io "hooli" deleted' in done.stdout
    assert world.tenant("hooli") is None


def _commands(heading: str) -> str:
    section = README.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def _type(world: World, script: str) -> "subprocess.CompletedProcess[str]":
    machine = world.machine
    here = script.replace(":8443", f":{machine.ports.https}").replace(".state/", f"{machine.folder.root}/")
    path = f"{machine.folder.root}/bin:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(machine.kubernetes.kubeconfig)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
