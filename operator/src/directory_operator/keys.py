"""Makes passwords and keys, and turns Secret data to text and back. Nothing here stores or logs them."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def new_password() -> str:
    """256 random bits, safe in URLs and shells."""
    return secrets.token_urlsafe(32)


def new_generation() -> str:
    """Id of a set of credentials."""
    return secrets.token_hex(8)


def new_context_key() -> str:
    """HMAC key of signed tenant contexts: 32 bytes in hex."""
    return secrets.token_hex(32)


def new_signing_key() -> str:
    """ES256 private key (RFC 7518 section 3.4) as PKCS #8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def secret_texts(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """The data of a Secret object as text; empty values and values that are no text are left out."""
    texts: dict[str, str] = {}
    for key, value in ((secret or {}).get("data") or {}).items():
        try:
            text = b64decode(value or "").decode()
        except ValueError:
            continue
        if text:
            texts[key] = text
    return texts


def secret_data(texts: Mapping[str, str]) -> dict[str, str]:
    """Text values as a Secret's `data`."""
    return {key: b64encode(text.encode()).decode() for key, text in texts.items()}
