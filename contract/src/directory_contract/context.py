"""The signed tenant context that a pooled connection sets and PostgreSQL verifies.

`<key id>.<tenant id>.<HMAC-SHA256 in hex>`, the MAC taken over `<key id>.<tenant id>`. PostgreSQL recomputes it from
the two padded keys of RFC 2104, which it stores instead of the key, since core PostgreSQL has sha256() but no HMAC.
"""

import hmac
from hashlib import sha256
from typing import Final
from uuid import UUID

_BLOCK_SIZE: Final = 64  # bytes, SHA-256
KEY_SIZE: Final = 32  # bytes


def signed_context(key: bytes, key_id: str, tenant_id: UUID) -> str:
    """The value of `directory.context` that gives a session the rows of `tenant_id`."""
    message = f"{key_id}.{tenant_id}"
    return f"{message}.{hmac.new(key, message.encode(), sha256).hexdigest()}"


def padded_keys(key: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded key of RFC 2104 section 2, 64 bytes each. Keys are exactly 32 bytes long here."""
    if len(key) != KEY_SIZE:
        message = f"a context key is {KEY_SIZE} bytes long, not {len(key)}"
        raise ValueError(message)
    block = key.ljust(_BLOCK_SIZE, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
