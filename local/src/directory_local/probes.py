"""Asking a local HTTP server one question: what readiness probes are made of."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from directory_local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an HTTP response."""

    status: int
    body: bytes


def get(
    port: int, path: str, *, tls: ssl.SSLContext | None = None, server_name: str = LOOPBACK, timeout: float = 2
) -> Answer:
    """GET a path from a server on the loopback address. `server_name` is the host asked for, in TLS and in HTTP.

    OSError if no HTTP is spoken there.
    """
    connection = _Connection(port, tls, server_name, timeout)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def is_ok(port: int, path: str, *, tls: ssl.SSLContext | None = None) -> bool:
    """True if the path answers 200."""
    return get(port, path, tls=tls).status == http.HTTPStatus.OK


class _Connection(http.client.HTTPConnection):
    """To the loopback address under any name: not every resolver knows names below `localhost`."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, server_name: str, timeout: float) -> None:
        super().__init__(server_name, port, timeout=timeout)
        self._tls = tls

    def connect(self) -> None:
        plain = socket.create_connection((LOOPBACK, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain
        except OSError:
            plain.close()
            raise
