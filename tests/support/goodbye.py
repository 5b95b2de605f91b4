"""A line to a PostgreSQL server that can be led to another one, cut, or hear the server's goodbye before it goes."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
# ErrorResponse, https://www.postgresql.org/docs/current/protocol-message-formats.html
_GOODBYE = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS


@dataclass
class Line:
    """A relay to a real server: a name behind which the server may change."""

    port: int
    target: int | None
    """Port of the server; None: nobody answers."""
    clients: list[socket.socket] = field(default_factory=list)
    asked: list[bytearray] = field(default_factory=list)
    """What came from each client."""

    def say_goodbye(self) -> None:
        """Send what PostgreSQL sends to idle clients when it is stopped, and leave the connections open."""
        for client in self.clients:
            with suppress(OSError):
                client.sendall(_GOODBYE)

    def lead_to(self, target: int | None) -> None:
        """End every connection; the next ones lead there."""
        self.target = target
        while self.clients:
            with suppress(OSError):
                self.clients.pop().shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(server_port: int) -> Iterator[Line]:
    """A port in front of the server at `server_port`."""

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if line.target is None:
                return
            line.clients.append(self.request)
            line.asked.append(asked := bytearray())
            with socket.create_connection(("127.0.0.1", line.target)) as server:
                threading.Thread(target=_copy, args=(server, self.request), daemon=True).start()
                _copy(self.request, server, asked)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Relay) as server:
        line = Line(server.server_address[1], server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield line
        finally:
            server.shutdown()


def _copy(source: socket.socket, target: socket.socket, record: bytearray | None = None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if record is not None:
                record += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
