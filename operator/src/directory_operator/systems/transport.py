"""Why a connection failed, in our own words: drivers' texts differ from attempt to attempt and can quote secrets."""

import socket
import ssl
from collections.abc import Iterator
from typing import Final

_PROBLEMS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ssl.SSLCertVerificationError, "its certificate is not one that the platform's CA vouches for"),
    (ssl.SSLError, "it doesn't speak TLS as we do"),
    (socket.gaierror, "its host name can't be resolved"),
    (ConnectionRefusedError, "the connection failed: nobody listens there"),
    (TimeoutError, "it did not answer in time"),
)
"""The most telling first."""


def transport_problem(error: BaseException) -> str:
    """The cause that says most among the errors that a driver wrapped."""
    causes = list(_causes(error))
    for kind, problem in _PROBLEMS:
        if any(isinstance(cause, kind) for cause in causes):
            return problem
    return f"the connection failed ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
