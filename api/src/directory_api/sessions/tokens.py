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

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
            message = f"{JWT_SIGNING_KEY_FILE} must hold a P-256 private key"
            raise TypeError(message)
        numbers = private.public_key().public_numbers()
        jwk = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
        thumbprint = sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
        return cls(private, base64.urlsafe_b64encode(thumbprint).decode().rstrip("="), jwk)

    @property
    def public(self) -> EllipticCurvePublicKey:
        return self.private.public_key()

    def derived(self, purpose: str) -> bytes:
        """A 32-byte key for another purpose, the same in every process that holds this one (RFC 5869)."""
        secret = self.private.private_numbers().private_value.to_bytes(32, "big")
        return HKDF(hashes.SHA256(), 32, salt=None, info=f"directory:{purpose}".encode()).derive(secret)


@dataclass(slots=True)
class Tokens:
    """Issues and verifies the access tokens of every tenant that this process serves."""

    secrets: SecretFiles
    base_domain: str
    clock: Callable[[], float] = time.time
    _pem: str = ""
    _keys: list[SigningKey] = field(default_factory=list)  # newest first
    _verified: dict[str, dict[str, Any]] = field(default_factory=dict)  # signature checked, claims not

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
        payload = self._signed(token)
        now = self.clock()
        if payload["exp"] + _LEEWAY_SECONDS <= now:
            raise unauthenticated("token_expired", "The access token has expired.")
        expected = (claims.audience(str(tenant.tenant_id)), str(tenant.tenant_id), self.issuer(tenant))
        if (payload["aud"], payload[claims.TENANT_CLAIM], payload["iss"]) != expected:
            raise unauthenticated("token_invalid", "The access token is not for this tenant.")
        return Grant(UUID(payload["sub"]), UUID(payload[claims.SESSION_CLAIM]))

    def issuer(self, tenant: Tenant) -> str:
        return f"https://{tenant.slug}.{self.base_domain}"

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature is good; remembered, since checking it is the expensive part."""
        self.signing_key()
        if (known := self._verified.get(token)) is not None:
            return known
        try:
            header = jwt.get_unverified_header(token)
            key = next(key for key in self._keys if key.key_id == header.get("kid"))
            if str(header.get("typ", "")).lower() not in {claims.TOKEN_TYPE, f"application/{claims.TOKEN_TYPE}"}:
                raise unauthenticated("token_invalid", "The token is no access token.")
            options: Any = {
                "require": ["exp", "iat", "iss", "aud", "sub", claims.SESSION_CLAIM, claims.TENANT_CLAIM],
                "verify_aud": False,
                "verify_exp": False,
            }
            payload = jwt.decode(
                token, key.public, algorithms=[claims.ALGORITHM], options=options, leeway=_LEEWAY_SECONDS
            )
        except (jwt.PyJWTError, StopIteration, ValueError):
            raise unauthenticated("token_invalid", "The access token is not valid.") from None
        if len(self._verified) >= _VERIFIED_SIZE:
            self._verified.clear()
        self._verified[token] = payload
        return payload


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")
