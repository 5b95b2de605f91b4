"""The migrations as files."""

from directory_api.migrate import migrations_folder
from directory_contract.schema import EXPECTED_MIGRATION


def test_the_code_expects_the_newest_migration() -> None:
    names = sorted(path.stem for path in migrations_folder().glob("*.sql"))
    assert names[-1] == EXPECTED_MIGRATION
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
