"""Owns access tokens: JWTs signed with ES256 (RFC 9068), their key set (RFC 7517), and their verification."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from directory_api.errors import unauthenticated
from directory_api.settings import SecretFiles
from directory_api.tenancy import Tenant
from directory_contract import claims
from directory_contract.environment import JWT_SIGNING_KEY_FILE

_LEEWAY_SECONDS: Final = 30
_VERIFIED_SIZE: Final = 4096
_PREVIOUS_KEYS: Final = 2  # tokens of a replaced key stay good until they expire


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token says: who, in which session. The role in it is for clients; ours comes from the database."""

    account_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key and its RFC 7638 thumbprint."""

    private: EllipticCurvePrivateKey
    key_id: str
    jwk: dict[str, str]
    cursor_key: bytes
    """For what else must be signed, the same in every process that holds the key."""

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
            message = f"{JWT_SIGNING_KEY_FILE} must hold a P-256 private key"
            raise TypeError(message)
        numbers = private.public_key().public_numbers()
        jwk = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
        thumbprint = sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
        return cls(private, base64.urlsafe_b64encode(thumbprint).decode().rstrip("="), jwk, _derived(private, "cursor"))

    @property
    def public(self) -> EllipticCurvePublicKey:
        return self.private.public_key()


@dataclass(slots=True)
class Tokens:
    """Issues and verifies the access tokens of every tenant that this process serves."""

    secrets: SecretFiles
    base_domain: str
    clock: Callable[[], float] = time.time
    _pem: str = ""
    _keys: list[SigningKey] = field(default_factory=list)  # newest first
    _verified: "dict[str, _Signed]" = field(default_factory=dict)

    def signing_key(self) -> SigningKey:
        pem = self.secrets.read(JWT_SIGNING_KEY_FILE).get_secret_value()
        if pem != self._pem:
            self._keys = [SigningKey.from_pem(pem), *self._keys[:_PREVIOUS_KEYS]]
            self._pem = pem
            self._verified.clear()
        return self._keys[0]

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        self.signing_key()
        return {"keys": [key.jwk | {"kid": key.key_id, "use": "sig", "alg": claims.ALGORITHM} for key in self._keys]}

    def issue(self, tenant: Tenant, grant: Grant, role: str) -> str:
        key = self.signing_key()
        now = int(self.clock())
        payload = {
            "iss": self.issuer(tenant),
            "aud": claims.audience(str(tenant.tenant_id)),
            "sub": str(grant.account_id),
            "client_id": "directory",
            "iat": now,
            "exp": now + tenant.settings.accessTokenSeconds,
            "jti": str(uuid4()),
            claims.TENANT_CLAIM: str(tenant.tenant_id),
            claims.SESSION_CLAIM: str(grant.session_id),
            claims.ROLE_CLAIM: role,
        }
        headers = {"typ": claims.TOKEN_TYPE, "kid": key.key_id}
        return jwt.encode(payload, key.private, algorithm=claims.ALGORITHM, headers=headers)

    def verify(self, tenant: Tenant, token: str) -> Grant:
        """Raise `Problem` (401) unless the token is ours, for this tenant, and in date."""
        signed = self._signed(token)
        if signed.expires_at + _LEEWAY_SECONDS <= self.clock():
            raise unauthenticated("token_expired", "The access token has expired.")
        if signed.place != self._place(tenant):
            raise unauthenticated("token_invalid", "The access token is not for this tenant.")
        return signed.grant

    def issuer(self, tenant: Tenant) -> str:
        return f"https://{tenant.slug}.{self.base_domain}"

    def _place(self, tenant: Tenant) -> tuple[str, str, str]:
        return self.issuer(tenant), claims.audience(str(tenant.tenant_id)), str(tenant.tenant_id)

    def _signed(self, token: str) -> "_Signed":
        """What a token with a good signature says; remembered, since checking it is the expensive part."""
        self.signing_key()
        if (known := self._verified.get(token)) is not None:
            return known
        try:
            signed = self._decoded(token)
        except (jwt.PyJWTError, StopIteration, ValueError, TypeError, KeyError):
            raise unauthenticated("token_invalid", "The access token is not valid.") from None
        if len(self._verified) >= _VERIFIED_SIZE:
            self._verified.clear()
        self._verified[token] = signed
        return signed

    def _decoded(self, token: str) -> "_Signed":
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in _TYPES:
            message = "no access token"
            raise ValueError(message)
        key = next(key for key in self._keys if key.key_id == header.get("kid"))
        # Time and audience are checked at each use, not when the signature is.
        options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
        said = jwt.decode(token, key.public, algorithms=[claims.ALGORITHM], options=options, leeway=_LEEWAY_SECONDS)
        return _Signed(
            grant=Grant(UUID(said["sub"]), UUID(said[claims.SESSION_CLAIM])),
            expires_at=float(said["exp"]),
            place=(said["iss"], said["aud"], said[claims.TENANT_CLAIM]),
        )


_TYPES: Final = frozenset({claims.TOKEN_TYPE, f"application/{claims.TOKEN_TYPE}"})  # RFC 7515 section 4.1.9


@dataclass(frozen=True, slots=True)
class _Signed:
    """The claims we rely on, of the types they must have."""

    grant: Grant
    expires_at: float
    place: tuple[str, str, str]
    """Issuer, audience and tenant id."""


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")


def _derived(private: EllipticCurvePrivateKey, purpose: str) -> bytes:
    """A 32-byte key for another purpose (RFC 5869)."""
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"directory:{purpose}".encode()).derive(secret)
