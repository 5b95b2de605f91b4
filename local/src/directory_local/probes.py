"""Asking a local HTTP server one question: what readiness probes are made of."""

import http.client
import ssl
from dataclasses import dataclass

from directory_local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an HTTP response."""

    status: int
    body: bytes


def get(port: int, path: str, *, tls: ssl.SSLContext | None = None, timeout: float = 2) -> Answer:
    """GET a path from a server on the loopback address. OSError if it does not speak HTTP there."""
    connection = (
        http.client.HTTPSConnection(LOOPBACK, port, timeout=timeout, context=tls)
        if tls
        else http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    )
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
