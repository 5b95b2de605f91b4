"""Access tokens: the signing key's identity, and what is remembered of verified tokens."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from directory_api.errors import Problem
from directory_api.sessions.tokens import Grant, SigningKey, Tokens
from directory_api.settings import SecretFiles
from directory_api.tenancy import Tenant, TenantSettings
from directory_contract.environment import JWT_SIGNING_KEY_FILE
from tests.support.tenants import signing_key

GRANT = Grant(uuid4(), uuid4())


def a_tenant(slug: str = "acme") -> Tenant:
    return Tenant(UUID(int=len(slug)), slug, slug.title(), TenantSettings())


class Clock:
    """Time that tests turn."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    (tmp_path / JWT_SIGNING_KEY_FILE).write_text(signing_key())
    return Tokens(SecretFiles(tmp_path), "directory.example", clock)


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    """The x and y of RFC 7517's example key give the thumbprint that other libraries compute."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from jwt import PyJWK

    example = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    }
    pem = PyJWK(example).key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert SigningKey.from_pem(pem).key_id == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


def test_a_token_is_good_until_it_expires_with_a_little_leeway(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue(a_tenant(), GRANT, "User")
    for later, good in ((0, True), (599, True), (629, True), (630, False)):
        clock.now = Clock.now + later
        if good:
            assert tokens.verify(a_tenant(), token) == GRANT
        else:
            with pytest.raises(Problem, match="expired"):
                tokens.verify(a_tenant(), token)


def test_a_verified_token_is_still_for_its_tenant_only(tokens: Tokens) -> None:
    token = tokens.issue(a_tenant(), GRANT, "User")
    assert tokens.verify(a_tenant(), token) == GRANT
    with pytest.raises(Problem, match="not for this tenant"):
        tokens.verify(a_tenant("globex"), token)


def test_a_replaced_key_verifies_a_while_longer(tokens: Tokens) -> None:
    old = tokens.issue(a_tenant(), GRANT, "User")
    for _ in range(2):
        (tokens.secrets.folder / JWT_SIGNING_KEY_FILE).write_text(signing_key())
        tokens.issue(a_tenant(), GRANT, "User")
        assert tokens.verify(a_tenant(), old) == GRANT
    (tokens.secrets.folder / JWT_SIGNING_KEY_FILE).write_text(signing_key())
    with pytest.raises(Problem):
        tokens.verify(a_tenant(), old)


def test_every_process_with_the_key_signs_cursors_alike() -> None:
    pem, other = signing_key(), signing_key()
    assert SigningKey.from_pem(pem).cursor_key == SigningKey.from_pem(pem).cursor_key
    assert SigningKey.from_pem(pem).cursor_key != SigningKey.from_pem(other).cursor_key
