"""The images as they are: small, without a shell, runnable by anybody with nothing writable, reproducible."""

import json
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from directory_local.build import cache_folder
from directory_local.images.archive import Image
from directory_local.images.buildah import Buildah
from directory_local.images.checks import LARGEST, require_reproducible, require_small, write_bill
from directory_local.images.debian import load_base
from directory_local.images.product import PRODUCTS, product_image, recipe

REPOSITORY = Path(__file__).resolve().parents[2]
USER = 10001

# Everything is mounted read-only but /tmp, as Kubernetes does it; the process has no rights beyond its user's.
RUN = """
mount --bind "$1" "$1" && mkdir -p "$1/proc" "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$1/tmp"
mount -o remount,bind,ro "$1"
root=$1; shift
exec env --ignore-environment PATH=/usr/local/bin:/usr/bin PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/setpriv --no-new-privs /usr/sbin/chroot --userspec=10001:10001 --groups= "$root" "$@"
"""


@dataclass(frozen=True)
class Built:
    """An image and its files, mounted."""

    name: str
    image: Image
    tree: Path
    told: Mapping[str, str]

    @property
    def configuration(self) -> dict[str, Any]:
        """What the image says about itself."""
        with tarfile.open(self.image.archive) as archive:

            def blob(digest: str) -> dict[str, Any]:
                file = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
                assert file
                return dict(json.load(file))

            index = archive.extractfile("index.json")
            assert index
            manifest = blob(json.load(index)["manifests"][0]["digest"])
            return blob(manifest["config"]["digest"])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it: another user, nothing writable but /tmp, a network of its own."""
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", RUN, "run"]
        return subprocess.run(
            [*unshare, str(self.tree), *command], capture_output=True, text=True, check=False, timeout=60
        )

    def files(self) -> Iterator[Path]:
        return (path for path in self.tree.rglob("*") if not path.is_symlink())


@pytest.fixture(scope="module", params=PRODUCTS)
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    told = recipe(request.param).arguments
    image = product_image(request.param)
    with Buildah(cache_folder(os.environ)).mounted(image.archive) as tree:
        yield Built(request.param, image, tree, told)


def test_it_is_within_its_limit(built: Built) -> None:
    assert 0 < require_small(built.name, built.image) <= LARGEST[built.name]


def test_it_holds_no_shell_and_no_package_manager(built: Built) -> None:
    programs = {path.name for path in built.files() if path.is_file() and path.parent.name in {"bin", "sbin"}}
    assert {name for name in programs if not name.startswith(("python3", "directory-"))} == set()
    assert not list(built.tree.rglob("ensurepip")) + list(built.tree.rglob("*-packages/pip"))
    assert "no such file" in built.run("/bin/sh", "-c", "true").stderr.lower()


def test_its_files_are_roots_and_nobody_can_write_them(built: Built) -> None:
    for path in built.files():
        status = path.stat()
        place = path.relative_to(built.tree)
        if place.parts and place.parts[0] in {"tmp", "proc", "dev", "run"}:
            continue
        assert (status.st_uid, status.st_gid) == (0, 0), place
        assert not status.st_mode & (stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), place


def test_nothing_of_the_machine_it_was_built_on_is_in_it(built: Built) -> None:
    """The index' address, its password and the authorities of a company's proxy are a build's business."""
    cache = cache_folder(os.environ)
    load_base(cache, print)
    names = {path.name for path in built.files()}
    assert not names & {"pip.conf", "certificates.pem", ".netrc", "resolv.conf", "hosts", ".git"}
    authorities = (built.tree / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert 100 < authorities.count("BEGIN CERTIFICATE") < 200, "the public ones"
    history = json.dumps(built.configuration["history"])
    assert not re.search(r"https?://[^ ]*@|index-url|PIP_INDEX", history)


def test_it_says_what_it_is(built: Built) -> None:
    found = built.configuration["config"]
    assert found["User"] == f"{USER}:{USER}"
    assert found["Entrypoint"] == [f"directory-{built.name}"]
    labels = {name.rpartition(".")[2]: value for name, value in found["Labels"].items()}
    assert labels["version"] == built.told["VERSION"]
    assert labels["revision"] == built.told["REVISION"]
    assert labels["created"] == built.configuration["created"] == built.told["CREATED"]


def test_its_python_runs_for_a_stranger_on_a_file_system_nobody_can_write(built: Built) -> None:
    code = "import os, tempfile; print(os.getuid()); tempfile.TemporaryFile(); open('/x', 'w')"
    done = built.run("python", "-c", code)
    assert done.stdout.strip() == str(USER)
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_its_commands_start(built: Built) -> None:
    """As far as they get without a platform: each says in a sentence what it misses."""
    if built.name == "operator":
        code = "import os; os.environ['DIRECTORY_OPERATOR_METRICS_PORT'] = 'x'; os.execlp(*['directory-operator'] * 2)"
        done = built.run("python", "-c", code)
        assert (done.returncode, "wrong settings" in done.stderr) == (1, True), done.stderr
        return
    done = built.run("directory-api")
    assert (done.returncode, "configuration: DIRECTORY_" in done.stderr) == (2, True), done.stderr
    done = built.run("directory-migrate", "--help")
    assert (done.returncode, "--check" in done.stdout) == (0, True), done.stderr


def test_the_health_check_runs_and_fails_where_nothing_listens(built: Built) -> None:
    done = built.run("python", "/usr/local/lib/healthcheck.py", "DIRECTORY_LISTEN_PORT", "8080")
    assert (done.returncode, bool(done.stderr)) == (1, True)


def test_its_code_is_compiled_and_the_same_as_its_sources(built: Built) -> None:
    """Compiled files are never checked against sources at run time, so they must be right here."""
    code = (
        "import importlib.util, pathlib, sys, sysconfig\n"
        "for path in sorted(pathlib.Path(sysconfig.get_path('purelib')).rglob('directory_*/**/*.py')):\n"
        "    cached = pathlib.Path(importlib.util.cache_from_source(str(path)))\n"
        "    data = cached.read_bytes()\n"
        "    assert data[4:8] == bytes((1, 0, 0, 0)), cached\n"
        "    assert data[8:16] == importlib.util.source_hash(path.read_bytes()), cached\n"
        "    print(path)\n"
    )
    done = built.run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 20


def test_its_bill_of_materials_is_valid_and_names_every_package_of_the_lock(built: Built) -> None:
    bill = write_bill(built.image, recipe(built.name).epoch).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    components = {item["name"] for item in json.loads(bill)["components"]}
    lock = (REPOSITORY / "requirements" / f"{built.name}.txt").read_text()
    wanted = {name.lower() for name in re.findall(r"^([\w.-]+)==[^;]+?\\$", lock, flags=re.MULTILINE)}
    assert {name.replace("_", "-") for name in components} >= {name.replace("_", "-") for name in wanted}
    assert {"python", "libc6", "libssl3t64", "tzdata"} <= components


@pytest.mark.parametrize("name", PRODUCTS)
def test_two_builds_of_the_same_sources_are_the_same_image(name: str) -> None:
    assert require_reproducible(name, None, print).startswith("sha256:")
