"""What `helm test` runs, against answers of every kind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.packaging.conftest import REPOSITORY

CHECK = REPOSITORY / "charts" / "company-directory" / "files" / "check.py"


class Answers(BaseHTTPRequestHandler):
    """Answers each path as a test says."""

    known: dict[str, tuple[int, str]]

    def do_GET(self) -> None:
        status, text = self.known.get(self.path, (404, "no such path"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def answers() -> Iterator[tuple[str, dict[str, tuple[int, str]]]]:
    """The server's address, and what it answers to each path."""
    known: dict[str, tuple[int, str]] = {}
    handler = type("Handler", (Answers,), {"known": known})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", known
        server.shutdown()


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHECK)],
        env={"PATH": os.environ["PATH"], "PATIENCE_SECONDS": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def metrics(age: float) -> str:
    return f"# HELP x y\ndirectory_last_sweep_timestamp_seconds {time.time() - age}\n"


@pytest.mark.parametrize(("age", "code", "said"), [(10, 0, "ok"), (400, 1, "FAILED")])
def test_an_operator_that_stopped_sweeping_is_found(answers: object, age: float, code: int, said: str) -> None:
    url, known = answers  # type: ignore[misc]
    known["/metrics"] = (200, metrics(age))
    done = run(OPERATOR_METRICS=f"{url}/metrics", SWEEP_INTERVAL_SECONDS="60")
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(said)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(200, 0, "is ready behind its Service"), (503, 1, "answered 503"), (404, 1, "answered 404")],
)
def test_the_fleet_has_to_be_ready(answers: object, status: int, code: int, said: str) -> None:
    url, known = answers  # type: ignore[misc]
    known["/readyz"] = (status, json.dumps({"problems": ["the database does not answer"]}))
    done = run(POOL_READYZ=f"{url}/readyz")
    assert done.returncode == code
    assert said in done.stdout


def test_nobody_there(answers: object) -> None:
    done = run(POOL_READYZ="http://127.0.0.1:9/readyz")
    assert done.returncode == 1
    assert "can't be reached" in done.stdout


def test_only_what_is_installed_is_asked() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (0, "")
