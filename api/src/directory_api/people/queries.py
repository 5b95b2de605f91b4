"""The SQL of people. Under row-level security only leakproof conditions reach an index: hence folded columns,
ranges instead of LIKE, and row comparison for paging. tests/api/test_plans.py looks at the plans.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from directory_api.db import Row, TenantConnection
from directory_api.people.models import PersonInput, PersonQuery
from directory_api.text import LAST, folded, folded_email, words

_COLUMNS: Final = (
    "p.person_id, p.given_name, p.family_name, p.display_name, p.email, p.title, p.phone, p.location, p.status,"
    " p.start_date, p.department_id, p.manager_id, p.created_at, p.updated_at, p.version, p.sort_name,"
    " (SELECT photo_id FROM directory.photos f"
    " WHERE f.tenant_id = $1 AND f.person_id = p.person_id AND f.state = 'Current') AS photo_id"
)

# $2, $3 the position to go on from; $4 the limit; $5 status, or NULL for any.
_UP: Final = (
    " AND (p.sort_name, p.person_id) > ($2, $3) AND ($5::text IS NULL OR p.status = $5)"
    " ORDER BY p.sort_name, p.person_id LIMIT $4"
)
_DOWN: Final = (
    " AND (p.sort_name, p.person_id) < ($2, $3) AND ($5::text IS NULL OR p.status = $5)"
    " ORDER BY p.sort_name DESC, p.person_id DESC LIMIT $4"
)
_FROM: Final = "SELECT " + _COLUMNS + " FROM directory.people p WHERE p.tenant_id = $1"
# $6 department, $7 manager: one of them drives the index, the other, if given, filters.
_OF_DEPARTMENT: Final = " AND p.department_id = $6 AND ($7::uuid IS NULL OR p.manager_id = $7)"
_OF_MANAGER: Final = " AND p.manager_id = $7 AND ($6::uuid IS NULL OR p.department_id = $6)"
# $8, $9 the range of the longest word asked for; $10, $11 the ranges of the others. An array, not a join: a generic
# plan knows nothing of the range and would rather read everybody.
_NAMED: Final = (
    " AND p.person_id = ANY (ARRAY(SELECT w.person_id FROM directory.person_words w"
    " WHERE w.tenant_id = $1 AND w.word >= $8 AND w.word < $9))"
    " AND NOT EXISTS (SELECT FROM unnest($10::text[], $11::text[]) AS r(low, high)"
    " WHERE NOT EXISTS (SELECT FROM directory.person_words w"
    " WHERE w.tenant_id = $1 AND w.person_id = p.person_id AND w.word >= r.low AND w.word < r.high))"
    " AND ($6::uuid IS NULL OR p.department_id = $6) AND ($7::uuid IS NULL OR p.manager_id = $7)"
)

FIRST: Final = {"name": ("", UUID(int=0)), "-name": (LAST, UUID(int=2**128 - 1))}


@dataclass(frozen=True, slots=True)
class Statement:
    """A page's SQL and its values after the tenant id."""

    sql: str
    values: tuple[Any, ...]


def page_statement(query: PersonQuery, after: tuple[str, UUID]) -> Statement:
    """The most selective filter drives: a name, then a manager, then a department."""
    order = _UP if query.sort == "name" else _DOWN
    values: tuple[Any, ...] = (*after, query.limit + 1, query.status)
    asked = sorted(words(query.name or ""), key=len, reverse=True)
    if asked:
        ranges = [(word, word + LAST) for word in asked]
        others = [list(side) for side in zip(*ranges[1:], strict=True)] or [[], []]
        return Statement(_FROM + _NAMED + order, (*values, query.department_id, query.manager_id, *ranges[0], *others))
    if query.manager_id is not None:
        return Statement(_FROM + _OF_MANAGER + order, (*values, query.department_id, query.manager_id))
    if query.department_id is not None:
        return Statement(_FROM + _OF_DEPARTMENT + order, (*values, query.department_id, query.manager_id))
    return Statement(_FROM + order, values)


async def page(connection: TenantConnection, query: PersonQuery, after: tuple[str, UUID]) -> list[Row]:
    statement = page_statement(query, after)
    return await connection.rows(statement.sql, *statement.values)


_GET: Final = _FROM + " AND p.person_id = $2"
# Not FOR UPDATE, which would make those wait who only refer to the row, and lock each other out in a circle.
_LOCK: Final = _GET + " FOR NO KEY UPDATE OF p"


async def get(connection: TenantConnection, person_id: UUID) -> Row | None:
    return await connection.row(_GET, person_id)


async def lock(connection: TenantConnection, person_id: UUID) -> Row | None:
    return await connection.row(_LOCK, person_id)


_INSERT: Final = """
INSERT INTO directory.people (tenant_id, given_name, family_name, display_name, sort_name, email, email_folded, title,
                              phone, location, status, start_date, department_id, manager_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING person_id
"""
_UPDATE: Final = """
UPDATE directory.people
SET given_name = $2, family_name = $3, display_name = $4, sort_name = $5, email = $6, email_folded = $7, title = $8,
    phone = $9, location = $10, status = $11, start_date = $12, department_id = $13, manager_id = $14,
    version = version + 1, updated_at = now()
WHERE tenant_id = $1 AND person_id = $15
"""


async def insert(connection: TenantConnection, person: PersonInput) -> UUID:
    person_id: UUID = await connection.value(_INSERT, *_stored(person))
    await _store_words(connection, person_id, person)
    return person_id


async def update(connection: TenantConnection, person_id: UUID, person: PersonInput) -> None:
    await connection.execute(_UPDATE, *_stored(person), person_id)
    await connection.execute("DELETE FROM directory.person_words WHERE tenant_id = $1 AND person_id = $2", person_id)
    await _store_words(connection, person_id, person)


def display_name(person: PersonInput) -> str:
    return person.display_name or f"{person.given_name} {person.family_name}"


def _stored(person: PersonInput) -> tuple[Any, ...]:
    return (
        person.given_name,
        person.family_name,
        display_name(person),
        folded(f"{person.family_name} {person.given_name}"),
        person.email,
        folded_email(person.email) if person.email is not None else None,
        person.title,
        person.phone,
        person.location,
        person.status,
        person.start_date,
        person.department_id,
        person.manager_id,
    )


async def _store_words(connection: TenantConnection, person_id: UUID, person: PersonInput) -> None:
    found = words(person.given_name, person.family_name, display_name(person))
    await connection.execute(
        """INSERT INTO directory.person_words (tenant_id, word, person_id)
           SELECT $1, word, $2 FROM unnest($3::text[]) AS word""",
        person_id,
        sorted(found),
    )


async def touch(connection: TenantConnection, person_id: UUID) -> None:
    """A new version because something shown with the person changed."""
    await connection.execute(
        """UPDATE directory.people SET version = version + 1, updated_at = now()
           WHERE tenant_id = $1 AND person_id = $2""",
        person_id,
    )


async def delete(connection: TenantConnection, person_id: UUID) -> None:
    """Reports and departments lose their manager, and get a new version for it."""
    await connection.execute(
        """UPDATE directory.people SET manager_id = NULL, version = version + 1, updated_at = now()
           WHERE tenant_id = $1 AND manager_id = $2""",
        person_id,
    )
    await connection.execute(
        """UPDATE directory.departments SET manager_id = NULL, version = version + 1, updated_at = now()
           WHERE tenant_id = $1 AND manager_id = $2""",
        person_id,
    )
    await connection.execute("DELETE FROM directory.people WHERE tenant_id = $1 AND person_id = $2", person_id)


async def reports_to(connection: TenantConnection, person_id: UUID, manager_id: UUID) -> bool:
    """Whether `manager_id` is the person or above them in the line of managers."""
    found: bool = await connection.value(
        """WITH RECURSIVE line AS (
               SELECT person_id, manager_id FROM directory.people WHERE tenant_id = $1 AND person_id = $2
               UNION
               SELECT p.person_id, p.manager_id
               FROM line JOIN directory.people p ON p.tenant_id = $1 AND p.person_id = line.manager_id
           )
           SELECT EXISTS (SELECT FROM line WHERE person_id = $3)""",
        person_id,
        manager_id,
    )
    return found


async def works_under(connection: TenantConnection, person_id: UUID, manager_id: UUID) -> bool:
    """Whether `manager_id` leads the person's department or one that it lies in."""
    found: bool = await connection.value(
        """WITH RECURSIVE above AS (
               SELECT d.department_id, d.parent_id, d.manager_id
               FROM directory.people p
               JOIN directory.departments d ON d.tenant_id = $1 AND d.department_id = p.department_id
               WHERE p.tenant_id = $1 AND p.person_id = $2
               UNION
               SELECT d.department_id, d.parent_id, d.manager_id
               FROM above JOIN directory.departments d ON d.tenant_id = $1 AND d.department_id = above.parent_id
           )
           SELECT EXISTS (SELECT FROM above WHERE manager_id = $3)""",
        person_id,
        manager_id,
    )
    return found
