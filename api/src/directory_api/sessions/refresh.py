"""Owns refresh tokens: single use, rotated in families, without storing any.

A token is `<session id>.<secret>`. The database keeps SHA-256 of the present secret and of the one before. The next
secret is HMAC(present secret, salt) with a fresh salt that is stored: a client that lost the answer and asks again
within the grace window gets the same successor, and nobody can compute it from the database alone.
"""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Final
from uuid import UUID

from pydantic import SecretStr

GRACE: Final = timedelta(seconds=30)
"""Two tabs, or one retry: long enough for those, too short for a thief who comes later."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token taken apart."""

    session_id: UUID
    secret: bytes

    @classmethod
    def fresh(cls, session_id: UUID) -> "RefreshToken":
        return cls(session_id, secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: SecretStr) -> "RefreshToken | None":
        session, _, secret = text.get_secret_value().partition(".")
        try:
            decoded = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
            return cls(UUID(session), decoded) if len(decoded) == 32 else None
        except (ValueError, binascii.Error):
            return None

    def __str__(self) -> str:
        return f"{self.session_id}.{base64.urlsafe_b64encode(self.secret).decode().rstrip('=')}"

    def __repr__(self) -> str:
        return f"RefreshToken({self.session_id})"

    @property
    def digest(self) -> bytes:
        return sha256(self.secret).digest()

    def successor(self, salt: bytes) -> "RefreshToken":
        return RefreshToken(self.session_id, hmac.new(self.secret, salt, sha256).digest())


@dataclass(frozen=True, slots=True)
class Family:
    """What the database knows of a session's tokens."""

    secret_hash: bytes
    previous_hash: bytes | None
    rotation_salt: bytes | None
    rotated_at: datetime | None


class Use(Enum):
    """What presenting a token means."""

    PRESENT = "present"
    """The present one: rotate it."""
    REPEATED = "repeated"
    """The one before, within the grace window: answer with the same successor again."""
    STOLEN = "stolen"
    """Any other: someone holds an old token, so the family ends."""


def use_of(token: RefreshToken, family: Family, now: datetime) -> Use:
    if hmac.compare_digest(token.digest, family.secret_hash):
        return Use.PRESENT
    repeated = family.previous_hash is not None and hmac.compare_digest(token.digest, family.previous_hash)
    if repeated and family.rotated_at is not None and now - family.rotated_at <= GRACE:
        return Use.REPEATED
    return Use.STOLEN
