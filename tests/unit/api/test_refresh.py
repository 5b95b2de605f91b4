"""Refresh tokens: what presenting one means."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from directory_api.sessions.refresh import GRACE, Family, RefreshToken, Use, use_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SALT = b"s" * 32


@pytest.fixture
def token() -> RefreshToken:
    return RefreshToken.fresh(uuid4())


def after_rotation(token: RefreshToken) -> Family:
    return Family(token.successor(SALT).digest, token.digest, SALT, NOW)


def test_a_token_survives_its_text(token: RefreshToken) -> None:
    assert RefreshToken.parse(SecretStr(str(token))) == token


def test_a_token_does_not_show_its_secret_by_accident(token: RefreshToken) -> None:
    assert str(token).partition(".")[2] not in repr(token)


def test_the_present_token_is_rotated(token: RefreshToken) -> None:
    assert use_of(token, Family(token.digest, None, None, None), NOW) is Use.PRESENT


@pytest.mark.parametrize(
    ("later", "use"),
    [
        (timedelta(0), Use.REPEATED),
        (GRACE, Use.REPEATED),
        (GRACE + timedelta(microseconds=1), Use.STOLEN),
    ],
)
def test_the_token_before_is_repeated_for_a_moment(token: RefreshToken, later: timedelta, use: Use) -> None:
    assert use_of(token, after_rotation(token), NOW + later) is use


def test_any_other_token_is_stolen(token: RefreshToken) -> None:
    assert use_of(RefreshToken.fresh(token.session_id), after_rotation(token), NOW) is Use.STOLEN


def test_the_successor_depends_on_the_secret_and_the_salt(token: RefreshToken) -> None:
    other = RefreshToken.fresh(token.session_id)
    assert token.successor(SALT) == token.successor(SALT)
    assert len({token.successor(SALT).secret, token.successor(b"x" * 32).secret, other.successor(SALT).secret}) == 3
