"""Owns which fields of a person a viewer sees: every answer with a person in it, and every cache key, asks here."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from directory_contract.claims import ROLES

PRIVATE_FIELDS: Final = frozenset({"phone", "start_date"})
"""Shown to the person themselves and to managers and administrators."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a live session of an enabled account."""

    account_id: UUID
    session_id: UUID
    role: str
    email: str
    person_id: UUID | None

    def at_least(self, role: str) -> bool:
        return rank(self.role) >= rank(role)


def rank(role: str) -> int:
    """The role's place on the ladder."""
    return ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer sees of one person, or of people in a list. `tag` names it in cache keys and entity tags."""

    tag: str
    hidden: frozenset[str]

    def show(self, person: dict[str, Any]) -> dict[str, Any]:
        """The person without what is hidden: absent, not null, since null would claim there is none."""
        return {name: value for name, value in person.items() if name not in self.hidden}


FULL: Final = Sight("full", frozenset())
PUBLIC: Final = Sight("public", PRIVATE_FIELDS)


def sight(viewer: Viewer, person_id: UUID | None = None) -> Sight:
    """What the viewer sees of this person; with none given, of people in lists."""
    if viewer.at_least("Manager") or (person_id is not None and viewer.person_id == person_id):
        return FULL
    return PUBLIC
