"""What an account looks like over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from directory_api.fields import Email
from directory_api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from directory_api.sessions.models import NewPassword
from directory_contract.claims import Role


class AccountInput(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: NewPassword
    role: Role = "User"
    person_id: UUID | None = Field(default=None, description="the person whose account this is")


class AccountPatch(BaseModel):
    """Only what should change. A new role, a new password or disabling ends the account's sessions."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    email: Email = ""
    password: NewPassword | None = None
    role: Role = "User"
    person_id: UUID | None = None
    disabled: bool = False


class Account(BaseModel):
    """An account as it is stored, without its password."""

    account_id: UUID
    email: str
    role: Role
    person_id: UUID | None
    disabled: bool
    created_at: datetime
    updated_at: datetime


class AccountPage(BaseModel):
    """Some accounts, by email address; the Link header leads to the next."""

    items: list[Account]
    next_cursor: str | None


class AccountQuery(BaseModel):
    """How to list accounts."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=2000)] | None = None
