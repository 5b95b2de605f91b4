"""Owns what a violated constraint of the schema means to the caller. tests/api compares it with pg_catalog."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Violation:
    """Stable code, the field of the request that caused it, and words for people."""

    code: str
    field: str
    detail: str


VIOLATIONS: Final[dict[str, Violation]] = {
    "accounts_email": Violation("email_taken", "email", "Another account has this email address."),
    "accounts_one_per_person": Violation("person_taken", "person_id", "Another account belongs to this person."),
    "accounts_person": Violation("unknown_person", "person_id", "There is no such person."),
    "departments_manager": Violation("unknown_person", "manager_id", "There is no such person."),
    "departments_name": Violation("name_taken", "name", "A department of this name exists at the same place."),
    "departments_parent": Violation(
        "department_in_use", "parent_id", "The parent does not exist, or the department still has sub-departments."
    ),
    "departments_not_own_parent": Violation("cycle", "parent_id", "A department cannot be its own parent."),
    "people_department": Violation(
        "department_in_use", "department_id", "The department does not exist, or people still belong to it."
    ),
    "people_email": Violation("email_taken", "email", "Another person has this email address."),
    "people_manager": Violation("unknown_manager", "manager_id", "There is no such manager."),
    "people_not_own_manager": Violation("cycle", "manager_id", "A person cannot be their own manager."),
    "photos_person": Violation("not_found", "person_id", "There is no such person."),
    "photos_current": Violation("conflict", "photo", "Another photo was uploaded at the same moment; try again."),
}
