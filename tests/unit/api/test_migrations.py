"""The migrations as files, and which schemas the code works on."""

import pytest

from directory_api.migrate import migrations_folder
from directory_contract.schema import EXPECTED_MIGRATION, works_on


def test_the_code_expects_the_newest_migration() -> None:
    names = sorted(path.stem for path in migrations_folder().glob("*.sql"))
    assert names[-1] == EXPECTED_MIGRATION
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    ("newest_applied", "works"),
    [(None, False), ("0001_baseline", False), (EXPECTED_MIGRATION, True), ("0099_later", True), ("9999_last", True)],
)
def test_a_schema_needs_every_migration_that_the_code_knows(newest_applied: str | None, works: bool) -> None:
    assert works_on(newest_applied) is works
