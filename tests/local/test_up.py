"""`make up` from nothing to two working tenants, and everything that may happen to it afterwards."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from directory_local import leftovers
from directory_local.configuration import Configuration
from directory_local.errors import DiskFull, LocalPlatformError
from directory_local.ports import is_free, reserved_ports, variable
from directory_local.steps import require_space

DIRECTORY_LOCAL = Path(sys.executable).with_name("directory-local")
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Installation:
    """A state folder, the environment that points there, and the commands on it."""

    state: Path
    environment: dict[str, str]
    ports: dict[str, int]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DIRECTORY_LOCAL, *arguments],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def up(self) -> str:
        done = self.run("up")
        assert done.returncode == 0, done.stdout
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        environment = {**self.environment, "KUBECONFIG": str(self.state / "kubeconfig")}
        command = [self.state / "bin" / "kubectl", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def versions(self) -> list[str]:
        """The resource versions of everything `up` applies: a write to any of it changes the list."""
        kinds = "namespace,crd,dplat,dt,secret,clusterrole"
        return sorted(self.kubectl("get", kinds, "-A", "-o", "jsonpath={..resourceVersion}").split())

    def processes(self) -> dict[int, str]:
        return {process.pid: process.name() for process in leftovers.find(self.state)}

    @contextlib.contextmanager
    def client(self, tenant: str) -> Iterator[httpx.Client]:
        """A signed-in client of the tenant, through nginx and TLS, with the password that `up` said how to get."""
        host = f"{tenant}.directory.localhost"
        tls = ssl.create_default_context(cafile=str(self.state / "ca.crt"))
        transport = _Named(httpx.HTTPTransport(verify=tls), host)
        with httpx.Client(base_url=f"https://{host}:{self.ports['https']}", transport=transport) as client:
            resource = json.loads(self.kubectl("get", "dt", tenant, "-n", "tenants", "-o", "json"))
            email = resource["spec"]["admins"][0]["email"]
            template = '{{index .data "admin-password.' + email.replace("@", "_at_") + '" | base64decode}}'
            password = self.kubectl(
                "get", "secret", f"{tenant}-directory", "-n", "tenants", f"-o=go-template={template}"
            )
            answer = client.post("/api/v1/auth/login", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client


class _Named(httpx.BaseTransport):
    """Reaches a host below `localhost` on a machine whose resolver does not know it."""

    def __init__(self, inner: httpx.HTTPTransport, host: str) -> None:
        self._inner = inner
        self._host = host

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = self._host
        request.url = request.url.copy_with(host="127.0.0.1")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with reserved_ports() as ports:
        state = tmp_path_factory.mktemp("up") / "state"
        named = ports.named()
        settings = {variable(name): str(port) for name, port in named.items()}
        environment = {**os.environ, **settings, "DIRECTORY_STATE_DIR": str(state), "TERM": "dumb"}
        environment.pop("KUBECONFIG", None)
        found = Installation(state, environment, named)
        yield found
        found.run("reset")
        assert found.processes() == {}


@pytest.fixture(scope="module")
def first_up(installation: Installation) -> str:
    return installation.up()


def test_up_prints_url_administrator_and_password_command_of_each_tenant(
    installation: Installation, first_up: str
) -> None:
    for tenant, administrator in (("acme", "ada@acme.example"), ("globex", "hank@globex.example")):
        assert f"https://{tenant}.directory.localhost:{installation.ports['https']}" in first_up
        assert administrator in first_up
        assert f"kubectl get secret {tenant}-directory -n tenants" in first_up
    assert f"export KUBECONFIG={installation.state}/kubeconfig" in first_up


def test_each_tenant_serves_its_own_administrator(installation: Installation, first_up: str) -> None:
    for tenant in ("acme", "globex"):
        with installation.client(tenant) as client:
            assert client.get("/api/v1/people").json()["items"] == []


def test_up_again_changes_nothing_and_says_so(installation: Installation, first_up: str) -> None:
    before = installation.processes()
    versions = installation.versions()
    output = installation.up()
    assert "Everything ran already; nothing was changed" in output
    assert set(installation.processes()) - set(before) <= _children_of(before)
    assert installation.versions() == versions
    seconds = int(re.search(r"Up in (\d+) s", output).group(1))  # type: ignore[union-attr]
    assert seconds < 60


def test_status_shows_programs_and_tenants(installation: Installation, first_up: str) -> None:
    done = installation.run("status")
    assert done.returncode == 0, done.stdout
    for word in ("kube-apiserver", "postgres", "operator", "tenants/acme", "tenants/globex"):
        assert word in done.stdout


def test_a_reboot_loses_nothing(installation: Installation, first_up: str) -> None:
    """The machine loses power: every process ends at once, and their files stay as they are."""
    with installation.client("acme") as client:
        created = client.post("/api/v1/people", json={"given_name": "Grace", "family_name": "Hopper"})
        assert created.status_code == 201, created.text
    time.sleep(1.1)  # Redis writes its log every second, as its configuration says
    killed = leftovers.find(installation.state)
    assert len(killed) > 10
    for process in killed:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, timeout=10)
    installation.up()
    with installation.client("acme") as client:
        people = client.get("/api/v1/people").json()["items"]
        assert [person["family_name"] for person in people] == ["Hopper"]


def test_a_killed_supervisor_is_replaced(installation: Installation, first_up: str) -> None:
    supervisors = [process for process in leftovers.find(installation.state) if "supervisord" in str(process.cmdline())]
    assert len(supervisors) == 1
    supervisors[0].kill()
    installation.up()
    assert installation.run("status").returncode == 0


def test_a_changed_port_takes_effect(installation: Installation, first_up: str) -> None:
    with reserved_ports() as other:
        moved = {variable("redis"): str(other.redis)}
        done = installation.run("up", **moved)
        assert done.returncode == 0, done.stdout
        with socket.create_connection(("127.0.0.1", other.redis), timeout=5):
            assert is_free(installation.ports["redis"])
    installation.up()


def test_down_stops_everything_and_keeps_the_data(installation: Installation, first_up: str) -> None:
    identity = installation.kubectl("get", "dt", "acme", "-n", "tenants", "-o", "jsonpath={.metadata.uid}")
    assert installation.run("down").returncode == 0
    assert installation.processes() == {}
    assert all(is_free(port) for port in installation.ports.values())
    assert "Nothing was running" in installation.run("down").stdout
    assert installation.run("status").returncode == 1
    installation.up()
    assert installation.kubectl("get", "dt", "acme", "-n", "tenants", "-o", "jsonpath={.metadata.uid}") == identity


def test_no_secret_is_printed_or_logged(installation: Installation, first_up: str) -> None:
    secrets = [path.read_text() for path in (installation.state / "secrets").iterdir()]
    logs = "".join(path.read_text(errors="replace") for path in (installation.state / "logs").iterdir())
    assert [secret for secret in secrets if secret in logs + first_up] == []


def test_reset_removes_everything(installation: Installation, first_up: str) -> None:
    assert installation.run("reset").returncode == 0
    assert not installation.state.exists()
    assert installation.processes() == {}
    assert "no state to remove" in installation.run("reset").stdout


def test_reset_leaves_a_folder_that_is_not_ours_alone(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = installation.run("reset", "--state", str(tmp_path))
    assert done.returncode == 1
    assert "was not made by directory-local" in done.stdout
    assert (tmp_path / "thesis.txt").exists()


def test_a_taken_port_is_named_with_its_holder_and_the_variable_to_set(
    installation: Installation, tmp_path: Path
) -> None:
    with socket.socket() as other, reserved_ports() as ports:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        free = {variable(name): str(port) for name, port in ports.named().items()}
        done = installation.run("up", "--state", str(tmp_path / "s"), **{**free, "DIRECTORY_MINIO_PORT": str(taken)})
    assert done.returncode == 1
    assert f"Port {taken} (minio) is taken by " in done.stdout
    assert f"(process {os.getpid()})" in done.stdout
    assert "DIRECTORY_MINIO_PORT=<port>" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_missing_go_is_said_with_the_way_out(installation: Installation, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("env", "sh", "nginx", "redis-server"):
        if path := shutil.which(tool):
            (bare / tool).symlink_to(path)
    with reserved_ports() as ports:
        free = {variable(name): str(port) for name, port in ports.named().items()}
        environment = {**free, "PATH": str(bare), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = installation.run("up", "--state", str(tmp_path / "s"), **environment)
    assert done.returncode == 1
    assert "Go is missing" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_full_disk_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="DIRECTORY_STATE_DIR"):
        require_space(tmp_path / "not" / "there" / "yet", 10**9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIRECTORY_HTTPS_PORT", "https"),
        ("DIRECTORY_HTTPS_PORT", "70000"),
        ("DIRECTORY_BASE_DOMAIN", "localhost"),
        ("DIRECTORY_BASE_DOMAIN", "Exam ple.com"),
        ("DIRECTORY_KUBECONFIG", "/nonexistent/kubeconfig"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(LocalPlatformError, match=f"{name}={value}"):
        Configuration.read({name: value})


def _children_of(processes: dict[int, str]) -> set[int]:
    """Processes of the same programs: PostgreSQL makes a process per connection."""
    return {pid for pid in psutil.pids() if psutil.pid_exists(pid) and _parent(pid) in processes}


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0
