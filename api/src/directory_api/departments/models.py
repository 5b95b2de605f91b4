"""What a department looks like over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from directory_api.fields import LongText, Name
from directory_api.pagination import DEFAULT_LIMIT, MAX_LIMIT


class DepartmentInput(BaseModel):
    """A department as a client writes it; what is left out is empty."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: LongText = ""
    parent_id: UUID | None = None
    manager_id: UUID | None = Field(default=None, description="the person who leads it, and may edit its people")


class DepartmentPatch(BaseModel):
    """Only what should change (RFC 7396); null empties a field that may be empty."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    name: Name = ""
    description: LongText = ""
    parent_id: UUID | None = None
    manager_id: UUID | None = None


class Department(BaseModel):
    """A department as it is stored."""

    department_id: UUID
    name: str
    description: str
    parent_id: UUID | None
    manager_id: UUID | None
    created_at: datetime
    updated_at: datetime


class DepartmentPage(BaseModel):
    """Some departments, by name; the Link header leads to the next."""

    items: list[Department]
    next_cursor: str | None


class DepartmentQuery(BaseModel):
    """How to list departments."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    parent_id: UUID | None = Field(default=None, description="only the direct sub-departments of this one")
