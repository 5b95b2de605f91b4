"""What signing in looks like over HTTP."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from directory_api.fields import Email
from directory_contract.claims import Role


def _encodable(secret: SecretStr) -> SecretStr:
    """JSON can spell half a character (a lone surrogate), which cannot be hashed."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        message = "not text"
        raise ValueError(message) from None
    return secret


NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=256), AfterValidator(_encodable)]
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=256), AfterValidator(_encodable)]


class LoginRequest(BaseModel):
    """An account's address and password."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: GivenPassword


class RefreshRequest(BaseModel):
    """A refresh token, good once."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=200)]


class PasswordChange(BaseModel):
    """The password as it is and as it should be."""

    model_config = ConfigDict(extra="forbid")

    current_password: GivenPassword
    new_password: NewPassword


class TokenAnswer(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the type's name
    expires_in: int
    refresh_token: str


class Me(BaseModel):
    """The caller."""

    account_id: UUID
    email: str
    role: Role
    person_id: UUID | None
    tenant: str
    tenant_display_name: str


class KeySet(BaseModel):
    """RFC 7517 section 5."""

    keys: list[dict[str, str]]
