"""Which values can serve, and how one is recognised without being told."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from directory_contract.environment import JWT_SIGNING_KEY_FILE, POSTGRES_PASSWORD_FILE
from directory_operator.keys import new_signing_key
from directory_operator.systems.credentials.values import fingerprint, new_value, usable

KEY = SecretStr(new_signing_key())


@pytest.mark.parametrize("key", [POSTGRES_PASSWORD_FILE, JWT_SIGNING_KEY_FILE, "admin-password.a_at_b.cd"])
def test_what_we_make_can_serve_and_is_new_every_time(key: str) -> None:
    one, other = new_value(key), new_value(key)
    assert usable(key, one)
    assert one.get_secret_value() != other.get_secret_value()


@pytest.mark.parametrize(
    "value", [None, "", "short", "fifteen-letters", "with a blank in it", "sixteen-letters-\n", "sixteen-letters-ü"]
)
def test_passwords_that_can_not_serve(value: str | None) -> None:
    assert not usable(POSTGRES_PASSWORD_FILE, SecretStr(value) if value is not None else None)


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, lock: KeySerializationEncryption) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "no key",
        pem(ec.generate_private_key(ec.SECP384R1()), NoEncryption()),
        pem(ed25519.Ed25519PrivateKey.generate(), NoEncryption()),
        pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"locked")),
    ],
    ids=["empty", "nonsense", "P-384", "Ed25519", "encrypted"],
)
def test_signing_keys_that_can_not_serve(value: str) -> None:
    assert not usable(JWT_SIGNING_KEY_FILE, SecretStr(value))


def test_a_fingerprint_tells_values_keys_and_owners_apart() -> None:
    value = SecretStr("sixteen-letters-")
    known = fingerprint("a", value, KEY)
    assert known == fingerprint("a", value, KEY)
    others = [
        fingerprint("b", value, KEY),
        fingerprint("a", SecretStr("sixteen-letters+"), KEY),
        fingerprint("a", value, SecretStr(new_signing_key())),
    ]
    assert known not in others
