"""What the pool's Secret holds: the credentials of a platform's pooled API fleet."""

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class PoolCredentials:
    """Plaintext is wrapped so that it can't be printed by accident."""

    generation: str
    """Id of this set of credentials; it changes when the Secret is made anew (kept in the login role's comment)."""
    postgres_password: SecretStr
    redis_password: SecretStr
    context_key: SecretStr
    """HMAC key of signed tenant contexts: 32 bytes in hex."""
    context_key_id: str
    """`[A-Za-z0-9_-]{1,64}`."""
