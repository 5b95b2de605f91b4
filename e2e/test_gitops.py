"""Tenants from a git repository, by Flux: applied, waited for by their health, repaired when edited by hand, pruned."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.support.installation import TENANTS, Body, Installation
from e2e.support.report import Report
from e2e.support.tenants import TenantUnderTest, first_answer
from tests.support.eventually import eventually
from tests.support.world import a_manifest

FLUX = "flux-system"
SERVER = "git"
KINDS = "kustomizations.kustomize.toolkit.fluxcd.io"


@dataclass(frozen=True)
class Repository:
    """A clone of the repository that Flux follows."""

    folder: Path

    def git(self, *arguments: str) -> str:
        identity = {f"GIT_{who}_{what}": "e2e" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {arguments[0]}: {done.stderr}"
        return done.stdout.strip()

    def write(self, **tenants: str) -> str:
        """Commit exactly these tenants (name → text of their file) and push; the commit."""
        for path in self.folder.glob("*.yaml"):
            path.unlink()
        for name, text in tenants.items():
            (self.folder / f"{name}.yaml").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"{len(tenants)} tenants")
        self.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
        return self.git("rev-parse", "HEAD")


def tenant(name: str, **spec: str) -> str:
    """A tenant's file. YAML holds JSON."""
    return json.dumps(a_manifest(name, **spec))


@pytest.fixture(scope="module")
def repository(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    service = installation.get("service", SERVER, FLUX)
    assert service, "no git server: make cluster-up makes it"
    address = f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}/tenants.git"
    found = Repository(tmp_path_factory.mktemp("tenants"))
    found.git("init", "--quiet", "--initial-branch=main")
    found.git("remote", "add", "origin", address)
    found.git("commit", "--quiet", "--allow-empty", "--message", "nothing yet")
    found.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "tenants", "namespace": FLUX},
        "spec": {
            "url": f"http://{SERVER}.{FLUX}.svc.cluster.local:{service['spec']['ports'][0]['port']}/tenants.git",
            "interval": "5s",
            "ref": {"branch": "main"},
        },
    }
    applied = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "tenants", "namespace": FLUX},
        "spec": {
            "interval": "10s",
            "timeout": "20s",
            "path": "./",
            "prune": True,
            "wait": True,
            "sourceRef": {"kind": "GitRepository", "name": "tenants"},
        },
    }
    installation.apply(source, applied)
    yield found
    installation.kubectl("delete", KINDS, "tenants", "-n", FLUX, "--timeout=120s")
    installation.kubectl("delete", "gitrepository", "tenants", "-n", FLUX, "--timeout=60s")


def ready(installation: Installation) -> Body:
    found = installation.get(KINDS, "tenants", FLUX) or {}
    conditions = found.get("status", {}).get("conditions", [])
    condition: Body = next((each for each in conditions if each["type"] == "Ready"), {})
    return condition | {"revision": found.get("status", {}).get("lastAppliedRevision", "")}


def applied(installation: Installation, commit: str) -> bool:
    condition = ready(installation)
    return condition["revision"].endswith(commit) and condition.get("status") == "True"


def test_a_commit_is_a_tenant_and_a_removed_file_its_end(
    installation: Installation, repository: Repository, report: Report
) -> None:
    commit = repository.write(initrode=tenant("initrode"), vandelay=tenant("vandelay"))
    eventually(lambda: applied(installation, commit), timeout=120, what="both tenants applied and healthy")
    for name in ("initrode", "vandelay"):
        found = TenantUnderTest(installation, name)
        assert found.condition("Ready")["status"] == "True", "Flux called it healthy before it was"
        first_answer(installation, found.host)
    report.fact("GitOps: two tenants from one commit", "applied, healthy, served")
    commit = repository.write(vandelay=tenant("vandelay"))
    eventually(lambda: applied(installation, commit), timeout=120, what="the second commit")
    eventually(lambda: installation.get("dt", "initrode", TENANTS) is None, timeout=60, what="initrode pruned")
    assert TenantUnderTest(installation, "vandelay").condition("Ready")["status"] == "True"
    report.fact("GitOps: a file removed", "pruned, the other untouched")


def test_what_was_edited_by_hand_is_put_right(installation: Installation, repository: Repository) -> None:
    commit = repository.write(vandelay=tenant("vandelay", displayName="Vandelay Industries"))
    eventually(lambda: applied(installation, commit), timeout=120, what="the tenant")
    patch = '{"spec": {"displayName": "Kramerica"}}'
    installation.kubectl("patch", "dt", "vandelay", "-n", TENANTS, "--type=merge", f"--patch={patch}")

    def repaired() -> bool:
        body = installation.get("dt", "vandelay", TENANTS)
        return bool(body) and body["spec"]["displayName"] == "Vandelay Industries"

    eventually(repaired, timeout=60, what="the repository's name")


def test_a_tenant_that_cannot_be_is_told_and_the_others_stay(
    installation: Installation, repository: Repository
) -> None:
    commit = repository.write(vandelay=tenant("vandelay"), broken=tenant("broken", platformRef="absent"))

    def told() -> bool:
        # Its status says so for a moment only: Flux tries again at once.
        events = installation.items("events", FLUX)
        return any(each["reason"] == "HealthCheckFailed" and "broken" in each["message"] for each in events)

    eventually(told, timeout=90, what="Flux' Event about the broken tenant")
    assert TenantUnderTest(installation, "vandelay").condition("Ready")["status"] == "True"
    commit = repository.write(vandelay=tenant("vandelay"))
    eventually(lambda: applied(installation, commit), timeout=120, what="the mended repository")
    repository.write()
    eventually(lambda: installation.get("dt", "vandelay", TENANTS) is None, timeout=60, what="everything pruned")
