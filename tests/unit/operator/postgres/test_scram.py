"""Verifiers that a SCRAM client proves itself against."""

import hmac
from base64 import b64decode

import pytest
from pydantic import SecretStr

from directory_operator.systems.postgres.scram import scram_verifier

# The exchange of RFC 7677, section 3.
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
AUTH_MESSAGE = ",".join(
    ("n=user,r=rOprNGfwEbeRWgbNEkqO", f"r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", f"c=biws,r={NONCE}")
)
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_server_key_signs_as_in_the_rfc() -> None:
    verifier = scram_verifier(SecretStr("pencil"), lambda size: SALT[:size])
    scheme, iterations_and_salt, keys = verifier.split("$")
    assert (scheme, iterations_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    server_key = b64decode(keys.split(":")[1])
    assert hmac.digest(server_key, AUTH_MESSAGE.encode(), "sha256") == b64decode(SERVER_SIGNATURE)


def test_every_verifier_has_its_own_salt_and_no_password_in_it() -> None:
    password = SecretStr("correct-horse")
    assert scram_verifier(password) != scram_verifier(password)
    assert "correct-horse" not in scram_verifier(password)


def test_what_would_need_saslprep_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier(SecretStr("pässword"))
