"""SCRAM-SHA-256 verifiers (RFC 5802 section 3, RFC 7677), so that no plaintext reaches the server or its logs."""

import hmac
from base64 import b64encode
from collections.abc import Callable
from hashlib import pbkdf2_hmac, sha256
from os import urandom
from typing import Final

from pydantic import SecretStr

ITERATIONS: Final = 4096  # PostgreSQL's default; the passwords here are random and long, so more would buy nothing
_SALT_SIZE: Final = 16  # bytes, as PostgreSQL's own


def scram_verifier(password: SecretStr, random_bytes: Callable[[int], bytes] = urandom) -> str:
    """What `ALTER ROLE … PASSWORD` stores as it is: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.

    The password must be ASCII, as generated ones are: SASLprep (RFC 4013) is then the identity.
    """
    plaintext = password.get_secret_value()
    if not plaintext.isascii():
        message = "only generated, ASCII passwords are turned into verifiers"
        raise ValueError(message)
    salt = random_bytes(_SALT_SIZE)
    salted = pbkdf2_hmac("sha256", plaintext.encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = sha256(client_key).digest()
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(value: bytes) -> str:
    return b64encode(value).decode()
