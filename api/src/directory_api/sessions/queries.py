"""The SQL of sessions: one row per refresh token family."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from directory_api.db import Row, TenantConnection
from directory_api.sessions.refresh import Family, RefreshToken


@dataclass(frozen=True, slots=True)
class Login:
    """An enabled or disabled account as the login needs it."""

    account_id: UUID
    role: str
    password_hash: str
    disabled: bool


async def login(connection: TenantConnection, email: str) -> Login | None:
    row = await connection.row(
        """SELECT account_id, role, password_hash, disabled_at IS NOT NULL AS disabled
           FROM directory.accounts WHERE tenant_id = $1 AND email = $2""",
        email,
    )
    return Login(**row) if row is not None else None


async def password_hash(connection: TenantConnection, account_id: UUID) -> str:
    stored: str = await connection.value(
        "SELECT password_hash FROM directory.accounts WHERE tenant_id = $1 AND account_id = $2", account_id
    )
    return stored


async def store_password(connection: TenantConnection, account_id: UUID, old: str, new: str) -> bool:
    """A password its owner chose: from now on no Secret's generation issued it. False when the old one has gone."""
    stored = await connection.execute(
        """UPDATE directory.accounts
           SET password_hash = $4, issued_credential = NULL, version = version + 1, updated_at = now()
           WHERE tenant_id = $1 AND account_id = $2 AND password_hash = $3""",
        account_id,
        old,
        new,
    )
    return stored == 1


async def renew_hash(connection: TenantConnection, account_id: UUID, old: str, new: str) -> None:
    """The same password hashed with today's parameters, unless it was changed meanwhile."""
    await connection.execute(
        """UPDATE directory.accounts SET password_hash = $4
           WHERE tenant_id = $1 AND account_id = $2 AND password_hash = $3""",
        account_id,
        old,
        new,
    )


async def open_session(connection: TenantConnection, account: Login, token: RefreshToken, seconds: int) -> bool:
    """Start a family, and drop the account's families that are long over.

    False when the account is not as it was read: disabled, or with another password, whose setting ended all sessions.
    """
    await connection.execute(
        """DELETE FROM directory.sessions
           WHERE tenant_id = $1 AND account_id = $2 AND expires_at < now() - interval '1 day'""",
        account.account_id,
    )
    opened = await connection.execute(
        """INSERT INTO directory.sessions (tenant_id, session_id, account_id, secret_hash, expires_at)
           SELECT tenant_id, $2, account_id, $4, now() + make_interval(secs => $5)
           FROM directory.accounts
           WHERE tenant_id = $1 AND account_id = $3 AND disabled_at IS NULL AND password_hash = $6
           FOR SHARE""",
        token.session_id,
        account.account_id,
        token.digest,
        float(seconds),
        account.password_hash,
    )
    return opened == 1


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A family that is neither revoked nor expired, of an enabled account, locked until the transaction ends."""

    account_id: UUID
    role: str
    family: Family
    now: datetime


async def locked_session(connection: TenantConnection, session_id: UUID) -> OpenSession | None:
    row = await connection.row(
        """SELECT s.account_id, a.role, s.secret_hash, s.previous_hash, s.rotation_salt, s.rotated_at,
                  clock_timestamp() AS now
           FROM directory.sessions s JOIN directory.accounts a USING (tenant_id, account_id)
           WHERE s.tenant_id = $1 AND s.session_id = $2
             AND s.revoked_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL
           FOR UPDATE OF s""",
        session_id,
    )
    if row is None:
        return None
    family = Family(row["secret_hash"], row["previous_hash"], row["rotation_salt"], row["rotated_at"])
    return OpenSession(row["account_id"], row["role"], family, row["now"])


async def rotate(connection: TenantConnection, successor: RefreshToken, salt: bytes) -> None:
    await connection.execute(
        """UPDATE directory.sessions
           SET previous_hash = secret_hash, secret_hash = $3, rotation_salt = $4, rotated_at = clock_timestamp()
           WHERE tenant_id = $1 AND session_id = $2""",
        successor.session_id,
        successor.digest,
        salt,
    )


async def revoke(connection: TenantConnection, session_id: UUID) -> None:
    await connection.execute(
        """UPDATE directory.sessions SET revoked_at = now()
           WHERE tenant_id = $1 AND session_id = $2 AND revoked_at IS NULL""",
        session_id,
    )


async def revoke_of_account(connection: TenantConnection, account_id: UUID, keep: UUID | None = None) -> None:
    """End the account's sessions, but for the one to keep."""
    await connection.execute(
        """UPDATE directory.sessions SET revoked_at = now()
           WHERE tenant_id = $1 AND account_id = $2 AND revoked_at IS NULL AND session_id IS DISTINCT FROM $3""",
        account_id,
        keep,
    )


async def viewer(connection: TenantConnection, session_id: UUID, account_id: UUID) -> Row | None:
    """Who a live session belongs to."""
    return await connection.row(
        """SELECT a.role, a.email, a.person_id
           FROM directory.sessions s JOIN directory.accounts a USING (tenant_id, account_id)
           WHERE s.tenant_id = $1 AND s.session_id = $2 AND s.account_id = $3
             AND s.revoked_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL""",
        session_id,
        account_id,
    )
