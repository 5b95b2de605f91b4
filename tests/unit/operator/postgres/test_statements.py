"""Quoting: whatever a name or value holds, it stays one name or one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from directory_operator.systems.postgres import statements
from directory_operator.systems.postgres.desired import Login, Mark
from directory_operator.systems.postgres.logins import LoginSettings

TEXT = st.text(st.characters(exclude_characters="\0"), min_size=1)


@given(TEXT)
def test_a_quoted_name_can_only_be_read_back_as_itself(name: str) -> None:
    quoted = statements.identifier(name)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert inner.replace('""', '"') == name
    assert '"' not in inner.replace('""', "")


@given(TEXT)
def test_a_quoted_value_can_only_be_read_back_as_itself(value: str) -> None:
    inner = statements.literal(value)[1:-1]
    assert inner.replace("''", "'") == value
    assert "'" not in inner.replace("''", "")


@pytest.mark.parametrize("bad", ["", "a\0b"])
def test_what_no_name_may_be_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="name"):
        statements.identifier(bad)


def test_a_login_is_made_by_one_script() -> None:
    login = Login(
        role="dt_acme",
        password=SecretStr("never sent"),
        mark=Mark("c/u", "g'1"),
        groups=frozenset({"directory_api"}),
        connection_limit=5,
        settings={},
    )
    settings = LoginSettings((("directory.tenant_id", "1"), ("statement_timeout", "30s")))
    script = statements.create_login(login, settings, "SCRAM-SHA-256$1:a$b:c", "directory")
    assert script.split(";") == [
        'SET LOCAL ROLE "directory_maker_39"',
        """CREATE ROLE "dt_acme" LOGIN INHERIT CONNECTION LIMIT 5 PASSWORD 'SCRAM-SHA-256$1:a$b:c'""",
        'GRANT "directory_api" TO "dt_acme" WITH INHERIT TRUE, SET FALSE',
        """ALTER ROLE "dt_acme" IN DATABASE "directory" SET "directory"."tenant_id" = '1'""",
        """ALTER ROLE "dt_acme" IN DATABASE "directory" SET "statement_timeout" = '30s'""",
        """COMMENT ON ROLE "dt_acme" IS '{"owner": "c/u", "credential": "g''1"}'""",
    ]
