"""Which database schema this version of the code works with."""

from typing import Final

EXPECTED_MIGRATION: Final = "0002_provisioning"
"""Name of the newest migration, without `.sql`; tests/unit/api keeps it equal to the newest file."""
