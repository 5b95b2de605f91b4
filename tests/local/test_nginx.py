"""The load balancer's promises, each asked of a real nginx over real TLS with a small server behind it."""

import contextlib
import itertools
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from directory_local.certificates import Authority, Subject
from directory_local.machine import Machine
from directory_local.parts.nginx import Nginx
from directory_local.repository import root
from tests.support.eventually import eventually

DOMAIN = "directory.test"
SECURITY_HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
)


class Upstream(BaseHTTPRequestHandler):
    """Answers what it was asked: path, headers and the size of the body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/hang-up":
            self.close_connection = True
            return
        body = {"path": self.path, "headers": dict(self.headers), "size": int(self.headers.get("Content-Length", "0"))}
        self.rfile.read(body["size"])
        content = json.dumps({**body, "padding": "x" * 2000}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True)
class Front:
    """A running nginx and how to ask it."""

    nginx: Nginx
    clients: Callable[..., httpx.Client]

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.nginx.https}{path}"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One of our own: on the session's, the pooled API may be where the upstream of these tests is to be."""
    with Machine.temporary() as own:
        yield own


@pytest.fixture(scope="module")
def front(machine: Machine) -> Iterator[Front]:
    server = ThreadingHTTPServer(("127.0.0.1", machine.ports.api), Upstream)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    nginx = Nginx(machine.folder, DOMAIN, machine.ports.https, machine.ports.http, machine.ports.api)
    nginx.prepare()
    machine.run([nginx.program()])
    trusted = ssl.create_default_context(cafile=str(nginx.authority.files.certificate))
    # An address per client: each test has a rate limit of its own.
    addresses = (f"127.0.1.{number}" for number in itertools.count(1))
    with contextlib.ExitStack() as opened:

        def client(host: str = f"acme.{DOMAIN}", tls: ssl.SSLContext = trusted) -> httpx.Client:
            transport = _Named(httpx.HTTPTransport(verify=tls, local_address=next(addresses)), host)
            return opened.enter_context(httpx.Client(transport=transport, headers={"Host": host}))

        yield Front(nginx, client)
    server.shutdown()
    server.server_close()
    thread.join()


class _Named(httpx.BaseTransport):
    """Sends every request with the TLS server name of one host, whatever address it goes to."""

    def __init__(self, inner: httpx.HTTPTransport, host: str) -> None:
        self._inner = inner
        self._host = host

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = self._host
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def test_tenant_hosts_reach_the_api_with_their_host_name(front: Front) -> None:
    for host in (f"acme.{DOMAIN}", f"other-company.{DOMAIN}"):
        answer = front.clients(host).get(front.url("/api/v1/people?limit=5"))
        assert answer.status_code == 200
        assert answer.json()["headers"]["Host"] == host
        assert answer.json()["path"] == "/api/v1/people?limit=5"


def test_what_the_caller_says_about_itself_is_replaced(front: Front) -> None:
    lies = {
        "X-Forwarded-For": "10.9.8.7",
        "X-Real-IP": "10.9.8.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": f"victim.{DOMAIN}",
        "Forwarded": "for=10.9.8.7",
        "X-Original-URL": "/metrics",
    }
    seen = front.clients().get(front.url("/"), headers=lies).json()["headers"]
    assert seen["X-Forwarded-For"].startswith("127.0.1.")
    assert "," not in seen["X-Forwarded-For"]
    assert seen["X-Real-IP"] == seen["X-Forwarded-For"]
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Forwarded-Host"] == f"acme.{DOMAIN}"
    assert not {"Forwarded", "X-Original-URL"} & set(seen)


def test_a_correlation_id_goes_upstream_into_the_answer_and_into_the_log(front: Front) -> None:
    answer = front.clients().get(front.url("/found-in-log?token=secret"), headers={"X-Request-ID": "caller-0001"})
    assert answer.headers.get_list("x-request-id") == ["caller-0001"]
    assert answer.json()["headers"]["X-Request-ID"] == "caller-0001"
    log = front.nginx.folder.logs / "nginx-access.log"
    line = eventually(lambda: next((line for line in log.read_text().splitlines() if "found-in-log" in line), None))
    entry = json.loads(line)
    assert (entry["request_id"], entry["path"], entry["status"]) == ("caller-0001", "/found-in-log", 200)
    assert "secret" not in line


@pytest.mark.parametrize("offered", ["short", "x" * 65, 'quote"and-space here', "new line"])
def test_an_unsuitable_correlation_id_is_replaced(front: Front, offered: str) -> None:
    answer = front.clients().get(front.url("/"), headers={"X-Request-ID": offered})
    assert answer.headers["x-request-id"] != offered
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/", "/api/v1/auth/login", "/healthz", "/metrics", "/hang-up", "/%00"])
def test_every_answer_carries_each_security_header_once(front: Front, path: str) -> None:
    answer = front.clients().get(front.url(path))
    for header in SECURITY_HEADERS:
        assert len(answer.headers.get_list(header)) == 1, header
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["server"] == "nginx"
    if path != "/%00":  # refused before a host is known to be ours
        assert "max-age=63072000" in answer.headers["strict-transport-security"]


def test_errors_of_nginx_are_problem_details(front: Front) -> None:
    client = front.clients()
    expected = {"/metrics": 404, "/hang-up": 502}
    for path, status in expected.items():
        answer = client.get(front.url(path))
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("target", "status"), [("*", 400), ("\\metrics", 400), ("/metrics%00", 400), ("/" + "a" * 9000, 414)]
)
def test_a_request_line_without_a_path_is_the_callers_mistake(front: Front, target: str, status: int) -> None:
    """nginx has no path yet when it refuses these, and so nothing to go on from to a named location."""
    trusted = ssl.create_default_context(cafile=str(front.nginx.authority.files.certificate))
    host = f"acme.{DOMAIN}"
    with (
        socket.create_connection(("127.0.0.1", front.nginx.https), timeout=10) as plain,
        trusted.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert f'"status":{status}' in answer


def test_a_body_over_the_limit_is_refused_and_one_below_passes(front: Front) -> None:
    client = front.clients()
    assert client.put(front.url("/photo"), content=b"x" * 9_000_000).json()["size"] == 9_000_000
    answer = client.put(front.url("/photo"), content=b"x" * 11_000_000)
    assert (answer.status_code, answer.json()["title"]) == (413, "Content Too Large")


def test_more_than_a_hundred_requests_a_minute_are_refused_with_the_time_to_wait(front: Front) -> None:
    client, other = front.clients(), front.clients()
    answers = [client.get(front.url("/")) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    # One at once and a burst of 20; the few that the seconds of the test itself earn come on top.
    assert 20 <= 40 - len(refused) <= 25
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"].startswith("application/problem+json")
    assert all(len(refused[0].headers.get_list(header)) == 1 for header in SECURITY_HEADERS)
    assert other.get(front.url("/")).status_code == 200


def test_health_checks_pass_the_limit(front: Front) -> None:
    client = front.clients()
    assert {client.get(front.url("/healthz")).status_code for _ in range(60)} == {200}
    assert client.get(front.url("/readyz")).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/startupz"])
def test_inner_endpoints_stay_inside(front: Front, path: str) -> None:
    assert front.clients().get(front.url(path)).status_code == 404


def test_json_is_compressed_but_never_beside_tokens(front: Front) -> None:
    client = front.clients()
    accept = {"Accept-Encoding": "gzip"}
    assert client.get(front.url("/api/v1/people"), headers=accept).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.post(front.url("/api/v1/auth/login"), headers=accept).headers


@pytest.mark.parametrize("host", ["example.com", DOMAIN, f"a.b.{DOMAIN}", f"under_score.{DOMAIN}", "127.0.0.1"])
def test_an_unknown_host_gets_no_certificate(front: Front, host: str) -> None:
    with pytest.raises(httpx.ConnectError, match=r"(?i)unrecognized.name"):
        front.clients(host).get(front.url("/"))


def test_an_unknown_host_inside_a_tenants_connection_is_misdirected(front: Front) -> None:
    answer = front.clients().get(front.url("/"), headers={"Host": "example.com"})
    assert (answer.status_code, answer.json()["title"]) == (421, "Misdirected Request")


def test_plain_http_is_sent_to_https_for_our_hosts_only(front: Front) -> None:
    plain = f"http://127.0.0.1:{front.nginx.http}/people?x=1"
    answer = httpx.get(plain, headers={"Host": f"acme.{DOMAIN}"})
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://acme.{DOMAIN}:{front.nginx.https}/people?x=1"
    with pytest.raises(httpx.TransportError):
        httpx.get(plain, headers={"Host": "example.com"})


def test_old_tls_versions_and_weak_ciphers_are_refused(front: Front) -> None:
    authority = str(front.nginx.authority.files.certificate)

    def negotiated(configure: Callable[[ssl.SSLContext], None]) -> str:
        context = ssl.create_default_context(cafile=authority)
        configure(context)
        client = front.clients(tls=context)
        with client.stream("GET", front.url("/")) as answer:
            return str(answer.extensions["network_stream"].get_extra_info("ssl_object").version())

    def at_most(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
        return lambda context: setattr(context, "maximum_version", version)

    def weak(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")

    assert negotiated(lambda _context: None) == "TLSv1.3"
    assert negotiated(at_most(ssl.TLSVersion.TLSv1_2)) == "TLSv1.2"
    with pytest.raises(httpx.ConnectError):
        negotiated(weak)
    with pytest.raises((httpx.ConnectError, ValueError)), pytest.warns(DeprecationWarning, match="TLSv1_1"):
        negotiated(at_most(ssl.TLSVersion.TLSv1_1))


def test_http_2_is_offered(front: Front) -> None:
    done = subprocess.run(
        [
            *("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_version}", "--http2"),
            *("--cacert", str(front.nginx.authority.files.certificate), "--connect-to", "::127.0.0.1:"),
            f"https://acme.{DOMAIN}:{front.nginx.https}/",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2"


def test_the_production_configuration_is_valid(front: Front, tmp_path: Path) -> None:
    for path in ("nginx.conf", "snippets", "environment"):
        (tmp_path / path).symlink_to(root() / "nginx" / path)
    (tmp_path / "tls").mkdir()
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("tls/tls", Subject("*.directory.example.com", names=["*.directory.example.com"]))
    assert pair.certificate.exists()
    # The parts that only exist where it is deployed: a user, a service name, a system folder.
    (tmp_path / "environment").unlink()
    (tmp_path / "environment").mkdir()
    for source in (root() / "nginx" / "environment").glob("*.conf"):
        text = source.read_text().replace("directory-api:8080", "127.0.0.1:8080").replace("user nginx;", "")
        (tmp_path / "environment" / source.name).write_text(text.replace("/run/", f"{tmp_path}/"))
    command = [str(front.nginx.binary), "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-t"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr
