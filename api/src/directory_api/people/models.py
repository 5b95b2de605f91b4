"""What a person looks like over HTTP."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from directory_api.fields import Email, Name, Text
from directory_api.pagination import DEFAULT_LIMIT, MAX_LIMIT

Status = Literal["Active", "OnLeave", "Left"]
Sort = Literal["name", "-name"]


class PersonInput(BaseModel):
    """A person as a client writes them; what is left out is empty."""

    model_config = ConfigDict(extra="forbid")

    given_name: Name
    family_name: Name
    display_name: Annotated[Text, Field(description="given and family name, unless it is set")] = ""
    email: Email | None = None
    title: Text = ""
    phone: Annotated[Text, Field(description="private")] = ""
    location: Text = ""
    status: Status = "Active"
    start_date: Annotated[date | None, Field(description="private")] = None
    department_id: UUID | None = None
    manager_id: UUID | None = None


class PersonPatch(BaseModel):
    """Only what should change (RFC 7396); null empties a field that may be empty."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    given_name: Name = ""
    family_name: Name = ""
    display_name: Text = ""
    email: Email | None = None
    title: Text = ""
    phone: Text = ""
    location: Text = ""
    status: Status = "Active"
    start_date: date | None = None
    department_id: UUID | None = None
    manager_id: UUID | None = None


class Person(BaseModel):
    """A person as the viewer sees them: private fields are absent for those who may not see them."""

    person_id: UUID
    given_name: str
    family_name: str
    display_name: str
    email: str | None
    title: str
    phone: str = Field(default="", description="private: absent unless the viewer may see it")
    location: str
    status: Status
    start_date: date | None = Field(default=None, description="private: absent unless the viewer may see it")
    department_id: UUID | None
    manager_id: UUID | None
    photo: str | None = Field(description="path of the photo, which changes whenever the photo does")
    created_at: datetime
    updated_at: datetime


class PersonPage(BaseModel):
    """Some people; the Link header leads to the next."""

    items: list[Person]
    next_cursor: str | None


class PersonQuery(BaseModel):
    """How to list people."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    sort: Sort = "name"
    name: Annotated[str, Field(max_length=100, description="each word begins a word of the name")] | None = None
    department_id: UUID | None = None
    manager_id: UUID | None = Field(default=None, description="only direct reports of this person")
    status: Status | None = None
