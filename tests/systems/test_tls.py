"""Backends behind TLS: the platform's CA is believed, and no other."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory_local.certificates import Authority, Subject
from directory_operator.errors import SystemUnavailable
from directory_operator.platform.spec import SecretRef
from directory_operator.systems.protocol import SystemName
from directory_operator.tenant.model import Platform
from tests.systems.rig import NAMES, Rig, connect

_SSL_REQUEST = 8  # bytes; PostgreSQL negotiates before it starts TLS (protocol, 54.2.11)


@dataclass
class Front:
    """Ends TLS in front of a plain backend."""

    context: ssl.SSLContext
    backend: int
    negotiates: bool

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if self.negotiates:
                await reader.readexactly(_SSL_REQUEST)
                writer.write(b"S")
                await writer.drain()
            await writer.start_tls(self.context)
            inner, outer = await asyncio.open_connection("127.0.0.1", self.backend)
            await asyncio.gather(_copy(reader, outer), _copy(inner, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture
async def secured(rig: Rig, authority: Authority) -> AsyncIterator[Platform]:
    """The same backends, each behind TLS."""
    pair = authority.issue("server", Subject("backend", names=("127.0.0.1",)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    ports = {"postgres": rig.machine.postgres.port, "redis": rig.machine.redis.port, "s3": rig.machine.minio.port}
    servers = {
        name: await asyncio.start_server(Front(context, port, name == "postgres").serve, "127.0.0.1", 0)
        for name, port in ports.items()
    }
    at = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    ca, spec = SecretRef(name="ca"), rig.platform.spec
    postgres = {"port": at["postgres"], "ssl_mode": "verify-full", "ca_secret_ref": ca}
    redis = {"port": at["redis"], "tls": True, "ca_secret_ref": ca}
    storage = {"endpoint": f"https://127.0.0.1:{at['s3']}", "ca_secret_ref": ca}
    parts = {
        "postgres": spec.postgres.model_copy(update=postgres),
        "redis": spec.redis.model_copy(update=redis),
        "object_storage": spec.object_storage.model_copy(update=storage),
    }
    yield Platform(rig.platform.name, rig.platform.uid, spec.model_copy(update=parts))
    for server in servers.values():
        server.close()


@pytest.mark.parametrize("name", NAMES)
async def test_with_the_platforms_ca_everything_works(
    rig: Rig, secured: Platform, authority: Authority, name: SystemName
) -> None:
    ca = authority.files.certificate.read_text()
    made = connect(rig.machine, secured, postgres_ca=ca, redis_ca=ca, s3_ca=ca)
    tenant = made.tenant()
    try:
        changes = await made.converge(name, tenant)
        assert ("set policy" in " ".join(changes)) == (name == "s3")  # nobody gets in without TLS
        assert await made.converge(name, tenant) == []
        await made.backends.systems[name].check(tenant)
    finally:
        await made.backends.close()


@pytest.mark.parametrize("name", NAMES)
async def test_another_ca_is_not_believed(rig: Rig, secured: Platform, tmp_path: Path, name: SystemName) -> None:
    other = Authority(tmp_path, "other").files.certificate.read_text()
    made = connect(rig.machine, secured, postgres_ca=other, redis_ca=other, s3_ca=other)
    try:
        with pytest.raises(SystemUnavailable, match="not one that the platform's CA vouches for"):
            await made.backends.systems[name].observe(made.tenant())
    finally:
        await made.backends.close()
