"""Secrets as files, replaced as the kubelet replaces them: all at once or not at all."""

from dataclasses import replace
from pathlib import Path

from directory_local.machine import Machine
from directory_local.secret_sync import write
from tests.support.eventually import eventually


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith("..")}


def test_files_hold_exactly_the_values(tmp_path: Path) -> None:
    assert write(tmp_path, {"user": "a", "password": "b"})
    assert contents(tmp_path) == {"user": "a", "password": "b"}
    assert write(tmp_path, {"user": "a"})
    assert contents(tmp_path) == {"user": "a"}
    assert not write(tmp_path, {"user": "a"})


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    write(tmp_path, {"password": "b"})
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_an_update_swaps_all_files_through_one_link_and_leaves_no_old_ones(tmp_path: Path) -> None:
    write(tmp_path, {"user": "old", "password": "old"})
    before = (tmp_path / "..data").readlink()
    write(tmp_path, {"user": "new", "password": "new"})
    assert (tmp_path / "..data").readlink() != before
    assert not (tmp_path / before).exists()
    assert (tmp_path / "user").readlink() == Path("..data/user")


def test_changes_of_the_secret_arrive(machine: Machine) -> None:
    machine.start("kubernetes")
    kubernetes = machine.kubernetes
    if not kubernetes.get("/api/v1/namespaces/directory-system"):
        kubernetes.kubectl("create", "namespace", "directory-system")
    program = machine.pool.secret_sync("followed")
    machine.run([replace(program, ready=lambda: True)])
    folder = machine.pool.secrets
    secret = ["secret", "generic", "followed", "--namespace=directory-system"]
    kubernetes.kubectl("create", *secret, "--from-literal=word=first")
    eventually(lambda: folder.is_dir() and contents(folder) == {"word": "first"})
    patch = '{"stringData": {"word": "second", "more": "third"}}'
    kubernetes.kubectl("patch", "secret", "followed", "--namespace=directory-system", f"--patch={patch}")
    eventually(lambda: contents(folder) == {"word": "second", "more": "third"})
    machine.supervisor.remove(program.name)
