"""Which database schema this version of the code works with."""

from typing import Final

EXPECTED_MIGRATION: Final = "0002_provisioning"
"""Name of the newest migration, without `.sql`; tests/unit/api keeps it equal to the newest file."""


def works_on(newest_applied: str | None) -> bool:
    """Whether this version works on a schema: one that has every migration it knows, and perhaps newer ones.

    Migrations are applied in the order of their names, and those of one release line only add: while an upgrade goes
    on, and after a rollback, programs run on a schema that is ahead of them.
    """
    return newest_applied is not None and newest_applied >= EXPECTED_MIGRATION
