"""A Redis primary with its replica and a Sentinel that watches them, as processes that tests may kill."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.eventually import eventually

NAME = "directory"
ADMIN, PASSWORD = "directory-operator", "the-operators-password"
SEEKER, SEEKERS_PASSWORD = "discovery", "a-password-to-ask-with"
_RIGHTS = "+ping +hello +auth +client|setname +sentinel|masters +sentinel|master"
_MORE = "+sentinel|get-master-addr-by-name +sentinel|replicas +sentinel|slaves +sentinel|sentinels"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One redis-server, or the Sentinel."""

    binary: Path
    folder: Path
    port: int
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def acl_file(self) -> Path:
        return self.folder / "users.acl"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [str(self.binary), str(self.folder / "redis.conf"), *self.arguments]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self, username: str = ADMIN, password: str = PASSWORD) -> "redis.Redis[str]":
        return redis.Redis(
            port=self.port,
            username=username,
            password=password,
            decode_responses=True,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )


@dataclass
class Watched:
    """The three of them."""

    servers: tuple[Server, Server]
    sentinel: Server

    def primary(self) -> Server:
        with self.sentinel.client(SEEKER, SEEKERS_PASSWORD) as asked:
            _, port = asked.sentinel_get_master_addr_by_name(NAME)
        return next(each for each in self.servers if each.port == int(port))

    def replica(self) -> Server:
        primary = self.primary()
        return next(each for each in self.servers if each is not primary)

    def fail_over(self) -> tuple[Server, Server]:
        """Kill the primary and wait until the other one is; returns who was and who is."""
        before = self.primary()
        before.kill()
        eventually(lambda: self.primary() is not before, timeout=30)
        after = self.primary()
        eventually(lambda: _role(after) == "master", timeout=15)
        return before, after

    def both_up(self) -> bool:
        """Whether the Sentinel counts on a replica that follows."""
        with self.sentinel.client(SEEKER, SEEKERS_PASSWORD) as asked:
            replicas = asked.sentinel_slaves(NAME)
        return any(not each["is_sdown"] and not each["is_disconnected"] for each in replicas)


def _role(server: Server) -> str:
    with server.client() as client:
        return str(client.execute_command("ROLE")[0])


def forget_users(server: Server) -> None:
    """As a restart with an empty disk would: only the operator's own user is there."""
    digest = sha256(PASSWORD.encode()).hexdigest()
    server.acl_file.write_text(f"user default off resetchannels -@all\nuser {ADMIN} on #{digest} ~* &* +@all\n")


@contextmanager
def watched_redis(binary: Path, folder: Path) -> Iterator[Watched]:
    """Up and following each other."""
    ports = [_free_port() for _ in range(3)]
    servers = []
    for number, port in enumerate(ports[:2]):
        place = folder / f"redis-{number}"
        place.mkdir(parents=True)
        follow = f"replicaof 127.0.0.1 {ports[0]}\n" if number else ""
        (place / "redis.conf").write_text(
            f"bind 127.0.0.1\nport {port}\ndir {place}\naclfile {place}/users.acl\nsave ''\n"
            f"masteruser {ADMIN}\nmasterauth {PASSWORD}\nrepl-diskless-sync-delay 0\n{follow}"
        )
        servers.append(Server(binary, place, port))
        forget_users(servers[-1])
    place = folder / "sentinel"
    place.mkdir()
    (place / "users.acl").write_text(
        f"user default off resetchannels -@all\nuser {SEEKER} on >{SEEKERS_PASSWORD} resetchannels -@all "
        f"{_RIGHTS} {_MORE}\n"
    )
    (place / "redis.conf").write_text(
        f"bind 127.0.0.1\nport {ports[2]}\ndir {place}\naclfile {place}/users.acl\n"
        f"sentinel monitor {NAME} 127.0.0.1 {ports[0]} 1\nsentinel auth-user {NAME} {ADMIN}\n"
        f"sentinel auth-pass {NAME} {PASSWORD}\nsentinel down-after-milliseconds {NAME} 500\n"
        f"sentinel failover-timeout {NAME} 3000\n"
    )
    watched = Watched((servers[0], servers[1]), Server(binary, place, ports[2], ("--sentinel",)))
    with ExitStack() as running:
        for server in (*watched.servers, watched.sentinel):
            running.callback(server.kill)
            server.start()
        eventually(lambda: _up(watched), timeout=30)
        yield watched


def _up(watched: Watched) -> bool:
    try:
        return watched.both_up()
    except redis.RedisError:
        time.sleep(0.1)
        return False
