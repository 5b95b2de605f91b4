"""A process that is told to stop: it serves on, sends its clients elsewhere, and finishes what it has begun."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from directory_contract import environment as env
from tests.support.api import ApiProcess, serving
from tests.support.eventually import eventually
from tests.support.tenants import ADMIN_PASSWORD, Backends, ProvisionedTenant

CLIENTS = 8


@pytest.fixture
def tenant(backends: Backends) -> ProvisionedTenant:
    return backends.tenant(f"stop-{uuid4().hex[:8]}")


@pytest.fixture
def api(backends: Backends, tmp_path: Path) -> Iterator[ApiProcess]:
    """A process of its own, that may be stopped."""
    login = backends.pooled_login(f"dp_{uuid4().hex[:8]}")
    environment = backends.environment(login, tmp_path) | {env.DRAIN_SECONDS: "4"}
    with serving(environment, tmp_path) as process:
        yield process


NOTICED = 0.7
"""Seconds until a proxy has noticed that a process is not ready; far less than the drain, as machines may be busy."""


class Load:
    """Clients behind a proxy: they keep their connections and ask without a pause, until the proxy sends them away."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.answers: list[httpx.Response] = []
        self.lost: list[str] = []
        self._url, self._headers = url, headers
        self._away = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def notice(self) -> None:
        """The proxy sees, late, that the process is not ready."""
        time.sleep(NOTICED)
        self._away.set()

    def ended(self) -> None:
        for thread in self._threads:
            thread.join(timeout=20)
            assert not thread.is_alive()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers) as client:
            while not self._away.is_set():
                try:
                    self.answers.append(client.get("/api/v1/me"))
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    return


def test_under_load_nobody_is_turned_away_and_everybody_is_sent_elsewhere(
    api: ApiProcess, tenant: ProvisionedTenant
) -> None:
    caller = api.caller(tenant).signed_in()
    load = Load(api.url, {"Host": tenant.host, "Authorization": f"Bearer {caller.token}"})
    eventually(lambda: len(load.answers) > 2 * CLIENTS)
    assert {answer.headers.get("connection") for answer in load.answers} == {None}
    api.process.send_signal(signal.SIGTERM)
    eventually(lambda: api.get("/readyz").status_code == 503, timeout=3)
    assert "draining" in api.get("/readyz").text
    assert api.get("/healthz").status_code == 200
    load.notice()
    load.ended()
    assert api.process.wait(timeout=10) == 0
    assert load.lost == []
    assert {answer.status_code for answer in load.answers} == {200}
    after = [answer for answer in load.answers if "connection" in answer.headers]
    assert len(after) > 2 * CLIENTS
    assert {answer.headers["connection"] for answer in after} == {"close"}


def test_a_request_in_flight_is_finished_after_the_door_has_closed(api: ApiProcess, tenant: ProvisionedTenant) -> None:
    body = json.dumps({"email": tenant.admin_email, "password": ADMIN_PASSWORD}).encode()
    head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: {tenant.host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", api.port), timeout=15) as line:
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        eventually(lambda: "directory_api_requests_in_flight 2.0" in api.get("/metrics").text)  # it, and this question
        api.process.send_signal(signal.SIGTERM)
        eventually(lambda: not _listens(api))
        line.sendall(body[10:])
        answer = b""
        while part := line.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer.lower()
    assert b"access_token" in answer
    assert api.process.wait(timeout=10) == 0


def _listens(api: ApiProcess) -> bool:
    try:
        socket.create_connection(("127.0.0.1", api.port), timeout=1).close()
    except OSError:
        return False
    return True
