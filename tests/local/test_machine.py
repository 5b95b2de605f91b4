"""The temporary machine that all other tests stand on: real parts, closed to strangers, gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from directory_local import database
from directory_local.errors import CommandFailed
from directory_local.machine import Machine
from directory_local.parts.kubernetes import Kubernetes
from directory_local.parts.minio import Minio
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis
from tests.support.eventually import eventually


def speak(redis: Redis, *commands: str) -> str:
    with socket.create_connection((redis.host, redis.port), timeout=5) as connection:
        connection.sendall("".join(f"{command}\r\n" for command in (*commands, "QUIT")).encode())
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_postgres_is_version_18_and_preloads_statement_statistics(postgres_server: Postgres) -> None:
    assert postgres_server.psql("SHOW server_version_num").startswith("18")
    assert "pg_stat_statements" in postgres_server.psql("SHOW shared_preload_libraries")


def test_postgres_refuses_a_wrong_password(postgres_server: Postgres) -> None:
    environment = {**postgres_server.client_environment(), "PGPASSWORD": "wrong"}
    done = subprocess.run(
        [postgres_server.binary("psql"), "-c", "select 1"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "password authentication failed" in done.stderr


def test_postgres_does_not_run_as_root(machine: Machine, postgres_server: Postgres) -> None:
    process = psutil.Process(machine.supervisor.states()["postgres"].pid)
    if not postgres_server.identity.prefix:
        assert process.uids().real != 0


def test_preparing_the_database_twice_changes_nothing(machine: Machine, postgres_server: Postgres) -> None:
    question = "SELECT json_agg(r ORDER BY rolname)::text FROM (SELECT rolname, rolcanlogin FROM pg_roles) r"
    before = postgres_server.psql(question)
    machine.prepare_database()
    assert postgres_server.psql(question) == before


def test_a_bootstrap_that_fails_is_not_taken_for_done(postgres_server: Postgres, tmp_path: Path) -> None:
    """psql ends with 3 then, as `directory-migrate --check` does when migrations are pending."""
    (tmp_path / "broken.sql").write_text("\\set ON_ERROR_STOP on\nSELECT 1 FROM nowhere;\n")
    with pytest.raises(CommandFailed, match="nowhere"):
        database._bootstrap(postgres_server, "directory", tmp_path / "broken.sql")


def test_the_passwords_of_logins_never_reach_sql(postgres_server: Postgres) -> None:
    postgres_server.psql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", database="postgres")
    statements = postgres_server.psql("SELECT query FROM pg_stat_statements", database="postgres")
    assert "CREATE ROLE directory_operator" in statements
    log = (postgres_server.folder.logs / "postgres.log").read_text()
    for login in ("postgres", "directory_operator", "directory_migrator"):
        assert postgres_server.password(login) not in statements + log


def test_redis_answers_nobody_without_a_password_and_saves_its_users(redis_server: Redis) -> None:
    assert "NOAUTH" in speak(redis_server, "PING")
    answer = speak(redis_server, f"AUTH {redis_server.admin} {redis_server.admin_password}", "ACL SAVE", "INFO server")
    assert answer.startswith("+OK\r\n+OK\r\n")
    version = next(line for line in answer.splitlines() if line.startswith("redis_version:"))
    assert int(version.removeprefix("redis_version:").split(".")[0]) >= 7


def test_minio_is_ready(minio_server: Minio) -> None:
    assert minio_server.is_ready()


def test_kubernetes_collects_the_children_of_a_deleted_owner(kubernetes_api: Kubernetes) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": "default"}}
    kubernetes_api.kubectl("create", "--filename=-", objects=owner)
    uid = kubernetes_api.get("/api/v1/namespaces/default/configmaps/owner")["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    child = {**owner, "metadata": {"name": "child", "namespace": "default", "ownerReferences": [reference]}}
    kubernetes_api.kubectl("create", "--filename=-", objects=child)
    kubernetes_api.kubectl("delete", "configmap", "owner")
    eventually(lambda: kubernetes_api.get("/api/v1/namespaces/default/configmaps/child") is None, timeout=30)


def test_kubernetes_audits_each_write_once(kubernetes_api: Kubernetes) -> None:
    kubernetes_api.kubectl("create", "configmap", "audited", "--namespace=default")
    lines = [line for line in kubernetes_api.audit_log.read_text().splitlines() if '"name":"audited"' in line]
    assert [("create" in line, "ResponseComplete" in line) for line in lines] == [(True, True)]


def test_kubernetes_answers_nobody_without_a_certificate(kubernetes_api: Kubernetes) -> None:
    done = subprocess.run(
        [
            kubernetes_api.folder.bin / "kubectl",
            f"--server={kubernetes_api.server}",
            "--insecure-skip-tls-verify",
            "get",
            "--raw=/api",
        ],
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0


def test_no_secret_is_visible_in_a_process_list(machine: Machine) -> None:
    machine.start("postgres", "redis", "minio", "kubernetes")
    secrets = [path.read_text() for path in machine.folder.secrets.iterdir()]
    assert len(secrets) >= 4
    for state in machine.supervisor.states().values():
        process = psutil.Process(state.pid)
        visible = " ".join([*process.cmdline(), *process.environ().values()])
        assert not [secret for secret in secrets if secret in visible], state.name


def test_secrets_are_readable_by_their_owner_only(machine: Machine) -> None:
    machine.start("postgres", "redis", "minio", "kubernetes")
    keys = [*machine.folder.secrets.iterdir(), *machine.folder.certificates.glob("*.key"), machine.folder.kubeconfig]
    assert {path.stat().st_mode & 0o077 for path in keys} == {0}


def test_starting_again_restarts_nothing(machine: Machine) -> None:
    machine.start("postgres", "redis", "minio", "kubernetes")
    before = machine.supervisor.states()
    assert machine.start("postgres", "redis", "minio", "kubernetes") == []
    assert {state.pid for state in machine.supervisor.states().values()} == {state.pid for state in before.values()}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_test_run_leaves_nothing_behind(end: signal.Signals) -> None:
    script = """
        import time
        from directory_local.machine import Machine
        with Machine.temporary(parts=["redis"]) as machine:
            print(machine.folder.root, machine.supervisor.states()["redis"].pid, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        root, pid = run.stdout.readline().split()
        os.kill(run.pid, end)
    eventually(lambda: not psutil.pid_exists(int(pid)))
    eventually(lambda: not os.path.exists(root))
