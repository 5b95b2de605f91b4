"""The API as a real process, and callers of it over HTTP."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.tenants import ADMIN_PASSWORD, Backends, Login, ProvisionedTenant


@dataclass
class ApiProcess:
    """`python -m directory_api` on a free port."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    secrets: Path
    environment: Mapping[str, str]
    client: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.client.get(path, **arguments)

    def lines(self) -> str:
        return self.log.read_text()

    def caller(self, tenant: ProvisionedTenant) -> "Caller":
        return Caller(self.client, tenant)


@contextlib.contextmanager
def serving(environment: Mapping[str, str], secrets: Path, *, ready: bool = True) -> Iterator[ApiProcess]:
    """A process with this environment, stopped at the end; `ready` waits until /readyz says yes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="directory-api-") as folder:
        log = Path(folder) / "log"
        given = {
            "PATH": os.environ["PATH"],
            "DIRECTORY_DRAIN_SECONDS": "0",
            **environment,
            "DIRECTORY_LISTEN_PORT": str(port),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "directory_api"], env=given, stdout=output, stderr=subprocess.STDOUT
            )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        api = ApiProcess(port, process, log, secrets, given, client)
        try:
            path = "/readyz" if ready else "/healthz"
            eventually(lambda: _answers(api, path), timeout=20)
            yield api
        finally:
            client.close()
            process.terminate()
            process.wait(timeout=30)


def _answers(api: ApiProcess, path: str) -> bool:
    assert api.process.poll() is None, api.lines()
    try:
        answer = api.get(path)
    except httpx.TransportError:
        return False
    assert answer.status_code == 200, answer.text
    return True


@contextlib.contextmanager
def serving_login(
    backends: Backends, login: Login, folder: Path, tier: str = "Pooled", slug: str = ""
) -> Iterator[ApiProcess]:
    with serving(backends.environment(login, folder, tier, slug), folder) as api:
        yield api


@dataclass
class Caller:
    """Somebody who talks to one tenant's host; signed in or not."""

    client: httpx.Client
    tenant: ProvisionedTenant
    token: str = ""
    refresh_token: str = ""
    email: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Host": self.tenant.host, **self.headers, **arguments.pop("headers", {})}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        full = (
            path if path.startswith(("/api", "/.well-known", "/healthz", "/readyz", "/metrics")) else f"/api/v1{path}"
        )
        return self.client.request(method, full, headers=headers, **arguments)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, body: Any = None, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **arguments)

    def delete(self, path: str, etag: str | None = "*") -> httpx.Response:
        return self.request("DELETE", path, headers=_if_match(etag))

    def patch(self, path: str, body: Any, etag: str | None = "*") -> httpx.Response:
        return self.request("PATCH", path, json=body, headers=_if_match(etag))

    def put(self, path: str, body: Any, etag: str | None = "*") -> httpx.Response:
        return self.request("PUT", path, json=body, headers=_if_match(etag))

    def signed_in(self, email: str | None = None, password: str = ADMIN_PASSWORD) -> "Caller":
        """The same tenant, as the account of `email` (the first administrator unless given)."""
        email = email or self.tenant.admin_email
        answer = self.post("/auth/login", {"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Caller(self.client, self.tenant, body["access_token"], body["refresh_token"], email, dict(self.headers))

    def with_role(self, role: str, person_id: str | None = None) -> "Caller":
        """A new account of this role, made by this caller, signed in."""
        email = f"{role.lower()}-{os.urandom(4).hex()}@{self.tenant.slug}.example"
        body = {"email": email, "password": ADMIN_PASSWORD, "role": role, "person_id": person_id}
        assert (answer := self.post("/accounts", body)).status_code == 201, answer.text
        return Caller(self.client, self.tenant).signed_in(email)

    def person(self, given: str = "Grace", family: str = "Hopper", **more: Any) -> dict[str, Any]:
        answer = self.post("/people", {"given_name": given, "family_name": family, **more})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def department(self, name: str, **more: Any) -> dict[str, Any]:
        answer = self.post("/departments", {"name": name, **more})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
