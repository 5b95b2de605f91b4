"""How a tenant's secrets are made, judged and recognised. Nothing here stores or logs them."""

import hmac
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from directory_contract.environment import JWT_SIGNING_KEY_FILE
from directory_operator.keys import new_password, new_signing_key

SHORTEST_PASSWORD: Final = 16  # characters, of a password that somebody put there by hand


def new_value(key: str) -> SecretStr:
    """A fresh secret for this key of the Secret."""
    return SecretStr(new_signing_key() if key == JWT_SIGNING_KEY_FILE else new_password())


def usable(key: str, value: SecretStr | None) -> bool:
    """Whether a value found in the Secret can serve. One edited by hand is kept if it can."""
    text = value.get_secret_value() if value else ""
    if key == JWT_SIGNING_KEY_FILE:
        return _is_signing_key(text)
    return len(text) >= SHORTEST_PASSWORD and text.isascii() and text.isprintable() and " " not in text


def fingerprint(key: str, value: SecretStr, signing_key: SecretStr) -> str:
    """What recognises the value of a key without telling it: keyed, so that a weak one can't be guessed from it."""
    message = f"{key}\0{value.get_secret_value()}".encode()
    return hmac.new(signing_key.get_secret_value().encode(), message, "sha256").hexdigest()[:16]


def _is_signing_key(text: str) -> bool:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
