"""The tools that lay out an image's files: what they leave out, what they find missing, what they cut off."""

import importlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from tests.images.dockerfile import REPOSITORY

TOOLS = REPOSITORY / "images" / "python"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Imports a tool, which stands in the build stage's folder as it does here."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TOOLS))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(TOOLS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("import gone", ["gone"]),
        ("def rarely():\n    from gone import deep", ["gone", "gone.deep"]),
        ("from . import near", ["kept.near"]),
        ("from .near import thing", ["kept.near"]),
        ("try:\n    import gone\nexcept ImportError:\n    gone = None", ["gone"]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import gone", []),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gone\nelse:\n    import gone.deep",
            ["gone.deep"],
        ),
        ("import other", []),
    ],
)
def test_an_import_of_what_was_left_out_is_found_wherever_it_is(
    tool: object, tmp_path: Path, text: str, missing: list[str]
) -> None:
    write(tmp_path, kept__module=text)
    found = tool("imports").unsatisfied([tmp_path], {"gone", "gone.deep", "kept.near"}, {})
    assert [line.split(" imports ")[1].split(",")[0] for line in found] == missing


def test_what_is_allowed_to_miss_something_is_not_reported(tool: object, tmp_path: Path) -> None:
    write(tmp_path, kept="import gone", other="import gone")
    found = list(tool("imports").unsatisfied([tmp_path], {"gone"}, {"kept": "goes on without"}))
    assert found == ["other imports gone, which was left out of the image"]


def test_packages_within_the_standard_library_are_known_by_their_own_names(tool: object, tmp_path: Path) -> None:
    write(tmp_path, os="import gone", site__kept="import gone")
    found = list(tool("imports").unsatisfied([tmp_path, tmp_path / "site"], {"gone"}, {"kept": "goes on without"}))
    assert found == ["os imports gone, which was left out of the image"]


def test_left_out_are_the_patterns_but_not_the_exceptions(tool: object, tmp_path: Path) -> None:
    write(tmp_path, data__s3="", data__ec2="", data__deep__more="", code="")
    removed = tool("assemble").prune(tmp_path, {"data/*": "too much", "!data/s3.py": "needed", "absent": "nowhere"})
    assert removed == {"data.ec2", "data.deep.more"}
    assert sorted(path.name for path in tmp_path.rglob("*.py")) == ["code.py", "s3.py"]


def test_every_exception_has_a_rule_it_is_an_exception_from(tool: object) -> None:
    pruned: ModuleType = tool("pruned")
    for rules in (pruned.STANDARD_LIBRARY, pruned.EXTENSIONS, pruned.PACKAGES):
        assert all(rules.values()), "a reason for each"
        for pattern in rules:
            if pattern.startswith("!"):
                assert f"{pattern[1:].rpartition('/')[0]}/*" in rules


def test_a_stripped_library_still_loads_and_is_no_larger(tool: object, tmp_path: Path) -> None:
    import uvloop.loop

    package = tmp_path / "uvloop"
    shutil.copytree(Path(uvloop.loop.__file__).parent, package)
    for library in package.rglob("*.so"):
        before = library.stat().st_size
        tool("strip").strip(library)
        assert library.stat().st_size < before
    code = "import asyncio, uvloop, sys; sys.exit(uvloop.run(asyncio.sleep(0, 7)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=False)
    assert done.returncode == 7


def test_what_is_no_library_is_left_as_it_is(tool: object, tmp_path: Path) -> None:
    text = tmp_path / "linker.so"
    text.write_text("INPUT(libc.so.6)")
    tool("strip").strip(text)
    assert text.read_text() == "INPUT(libc.so.6)"


class Answers(BaseHTTPRequestHandler):
    """A process with a health endpoint."""

    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_says_what_the_process_says(status: int | None, code: int) -> None:
    with HTTPServer(("127.0.0.1", 0), type("Handler", (Answers,), {"status": status})) as server:
        port = server.server_port
        if status is None:
            server.server_close()
        else:
            threading.Thread(target=server.handle_request, daemon=True).start()
        command = [sys.executable, str(TOOLS / "healthcheck.py"), "DIRECTORY_LISTEN_PORT", "1"]
        done = subprocess.run(command, env={"DIRECTORY_LISTEN_PORT": str(port)}, capture_output=True, check=False)
    assert done.returncode == code
