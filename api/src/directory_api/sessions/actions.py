"""Owns what signing in does."""

import secrets
from typing import Final
from uuid import UUID, uuid4

from directory_api.calls import Authenticated, Call
from directory_api.db import TenantConnection
from directory_api.errors import FieldError, Problem, unauthenticated
from directory_api.sessions import queries
from directory_api.sessions.models import LoginRequest, Me, PasswordChange, RefreshRequest, TokenAnswer
from directory_api.sessions.refresh import RefreshToken, Use, use_of
from directory_api.sessions.tokens import Grant
from directory_api.text import folded_email

_WRONG: Final = "The email address or the password is wrong."


async def log_in(call: Call, request: LoginRequest) -> TokenAnswer:
    """Answer the same, after the same time, for an unknown, a disabled and a wrongly guessed account."""
    email = folded_email(request.email)
    throttle, logins = call.services.throttle, call.services.metrics.logins
    async with throttle.attempt(call.tenant, email, call.address) as attempt:
        async with call.read() as connection:
            account = await queries.login(connection, email)
        stored = account.password_hash if account is not None and not account.disabled else None
        if not await call.services.passwords.matches(request.password, stored) or account is None:
            attempt.failed = True
            logins.labels("refused").inc()
            raise unauthenticated("login_failed", _WRONG)
        token = await _opened_session(call, account, request)
    logins.labels("accepted").inc()
    await throttle.succeeded(call.tenant, email, call.address)
    return _answer(call, account.account_id, account.role, token)


async def refresh(call: Call, request: RefreshRequest) -> TokenAnswer:
    token = RefreshToken.parse(request.refresh_token)
    if token is None:
        raise _refused()
    async with call.services.database.write(call.tenant) as connection:
        session = await queries.locked_session(connection, token.session_id)
        successor = await _successor(connection, token, session) if session is not None else None
    if session is None or successor is None:
        raise _refused()
    return _answer(call, session.account_id, session.role, successor)


async def log_out(call: Authenticated) -> None:
    async with call.services.database.write(call.tenant) as connection:
        await queries.revoke(connection, call.viewer.session_id)
    call.services.viewers.forget(call.tenant, call.viewer.account_id)


def me(call: Authenticated) -> Me:
    viewer = call.viewer
    return Me.model_validate(
        {
            "account_id": viewer.account_id,
            "email": viewer.email,
            "role": viewer.role,
            "person_id": viewer.person_id,
            "tenant": call.tenant.slug,
            "tenant_display_name": call.tenant.display_name,
        }
    )


async def change_password(call: Authenticated, change: PasswordChange) -> None:
    """Needs the present password, throttled like a login: a stolen access token must not become an account."""
    viewer, passwords = call.viewer, call.services.passwords
    async with call.services.throttle.attempt(call.tenant, viewer.email, call.address) as attempt:
        async with call.read() as connection:
            stored = await queries.password_hash(connection, viewer.account_id)
        if not await passwords.matches(change.current_password, stored):
            attempt.failed = True
            raise _wrong_password()
    hashed = await passwords.hash(change.new_password)
    async with call.services.database.write(call.tenant) as connection:
        if not await queries.store_password(connection, viewer.account_id, stored, hashed):
            raise _wrong_password()
        await queries.revoke_of_account(connection, viewer.account_id, keep=viewer.session_id)
    call.services.viewers.forget(call.tenant, viewer.account_id)


async def _successor(
    connection: TenantConnection, token: RefreshToken, session: queries.OpenSession
) -> RefreshToken | None:
    """The token that follows; None when this one was used before, which ends the family."""
    match use_of(token, session.family, session.now):
        case Use.PRESENT:
            salt = secrets.token_bytes(32)
            successor = token.successor(salt)
            await queries.rotate(connection, successor, salt)
            return successor
        case Use.REPEATED:
            return token.successor(session.family.rotation_salt or b"")
        case Use.STOLEN:
            await queries.revoke(connection, token.session_id)
            return None


async def _opened_session(call: Call, account: queries.Login, request: LoginRequest) -> RefreshToken:
    """The first token of a new family; refused when the account was changed while its password was compared."""
    passwords, stored = call.services.passwords, account.password_hash
    renewed = await passwords.hash(request.password) if passwords.outdated(stored) else None
    token = RefreshToken.fresh(uuid4())
    async with call.services.database.write(call.tenant) as connection:
        if not await queries.open_session(connection, account, token, call.tenant.settings.refreshTokenSeconds):
            raise unauthenticated("login_failed", _WRONG)
        if renewed is not None:
            await queries.renew_hash(connection, account.account_id, stored, renewed)
    return token


def _wrong_password() -> Problem:
    detail = "The current password is wrong."
    return Problem(403, "wrong_password", detail, (FieldError("body.current_password", detail),))


def _refused() -> Problem:
    return unauthenticated("refresh_refused", "The refresh token is not valid; sign in again.")


def _answer(call: Call, account_id: UUID, role: str, token: RefreshToken) -> TokenAnswer:
    access = call.services.tokens.issue(call.tenant, Grant(account_id, token.session_id), role)
    return TokenAnswer(
        access_token=access, expires_in=call.tenant.settings.accessTokenSeconds, refresh_token=str(token)
    )
