"""The small pure rules: cursors, entity tags, rates, hosts, roles, sight, secret files, cached values."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_api import cache, conditional, rate_limits
from directory_api.accounts.ladder import check_not_last, check_reach
from directory_api.errors import Problem
from directory_api.pagination import CursorCodec, Position
from directory_api.settings import SecretFiles, SecretMissing
from directory_api.tenancy import (
    KNOWN_SECONDS,
    UNKNOWN_SECONDS,
    Tenant,
    TenantDirectory,
    TenantSettings,
    normalised_host,
)
from directory_api.visibility import FULL, PRIVATE_FIELDS, PUBLIC, Viewer, sight
from directory_contract.claims import ROLES

ACME = Tenant(UUID(int=1), "acme", "Acme", TenantSettings())
GLOBEX = Tenant(UUID(int=2), "globex", "Globex", TenantSettings())
CODEC = CursorCodec(b"k" * 32)


def viewer(role: str, person_id: UUID | None = None) -> Viewer:
    return Viewer(uuid4(), uuid4(), role, "x@x.example", person_id)


@given(st.text(), st.uuids(), st.text())
def test_a_cursor_comes_back_as_it_was(key: str, row_id: UUID, query: str) -> None:
    position = Position(key.encode("utf-8", "replace").decode(), str(row_id))
    query = query.encode("utf-8", "replace").decode()
    cursor = CODEC.encode(ACME, query, position)
    assert CODEC.decode(ACME, query, cursor) == position
    for tenant, asked, codec in (
        (GLOBEX, query, CODEC),
        (ACME, query + "x", CODEC),
        (ACME, query, CursorCodec(b"x" * 32)),
    ):
        with pytest.raises(Problem):
            codec.decode(tenant, asked, cursor)


@given(st.text())
def test_invented_cursors_are_refused_and_break_nothing(cursor: str) -> None:
    with pytest.raises(Problem):
        CODEC.decode(ACME, "", cursor)


@pytest.mark.parametrize(
    ("if_match", "expected"),
    [
        ("*", None),
        ('"3"', {3}),
        ('"3-public"', {3}),
        ('"3", "4"', {3, 4}),
        ('W/"3"', set()),
        ("3", set()),
        ('""', set()),
        ('"٣"', set()),
    ],
)
def test_if_match_allows_strong_tags(if_match: str, expected: set[int] | None) -> None:
    assert conditional.expected_versions(if_match) == expected


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [(None, False), ("*", True), ('"1"', True), ('W/"1"', True), ('"2", "1"', True), ('"2"', False), ("1", False)],
)
def test_if_none_match_compares_weakly(if_none_match: str | None, expected: bool) -> None:
    assert conditional.not_modified(if_none_match, '"1"') == expected
    assert conditional.not_modified(if_none_match, 'W/"1"') == expected


@pytest.mark.parametrize(
    ("second", "counted", "before", "used"),
    [(0, 1, 60, 61), (30, 1, 60, 31), (59, 5, 60, 6), (0, 1, None, 1)],
)
def test_the_window_slides(second: int, counted: int, before: int | None, used: int) -> None:
    given_before = str(before).encode() if before is not None else None
    budget = rate_limits.budget(10, 6000 + second, counted, given_before)
    assert budget.used == used
    assert budget.exhausted == (used > 10)
    assert ("Retry-After" in budget.headers()) == budget.exhausted


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Acme.Example:8443", "acme.example"),
        ("acme.example.", "acme.example"),
        ("acme.example.:1", "acme.example"),
        ("", ""),
    ],
)
def test_hosts_are_normalised(header: str, host: str) -> None:
    assert normalised_host(header) == host


async def test_answers_about_hosts_are_remembered_for_a_moment() -> None:
    asked: list[str] = []
    known: dict[str, Tenant] = {"acme.example": ACME}
    now = [0.0]

    async def lookup(host: str) -> Tenant | None:
        asked.append(host)
        return known.get(host)

    directory = TenantDirectory(lookup, lambda: now[0])
    assert await directory.of_host("acme.example") is ACME
    assert await directory.of_host("globex.example") is None
    known = {"globex.example": GLOBEX}
    assert await directory.of_host("acme.example") is ACME
    now[0] = UNKNOWN_SECONDS
    assert await directory.of_host("globex.example") is GLOBEX
    now[0] = KNOWN_SECONDS
    assert await directory.of_host("acme.example") is None
    assert len(asked) == 4


@pytest.mark.parametrize("role", ROLES)
def test_sight_depends_on_the_role_and_on_being_oneself(role: str) -> None:
    person = uuid4()
    expected = PUBLIC if role == "User" else FULL
    assert sight(viewer(role, person)) is expected
    assert sight(viewer(role, person), uuid4()) is expected
    assert sight(viewer(role), None) is expected
    assert sight(viewer(role, person), person) is FULL


def test_what_is_hidden_is_absent() -> None:
    shown = PUBLIC.show(dict.fromkeys((*PRIVATE_FIELDS, "title"), "x"))
    assert shown == {"title": "x"}


@pytest.mark.parametrize("own", ROLES)
@pytest.mark.parametrize("other", ROLES)
def test_nobody_reaches_above_their_rung(own: str, other: str) -> None:
    if ROLES.index(other) > ROLES.index(own):  # type: ignore[arg-type]
        with pytest.raises(Problem):
            check_reach(viewer(own), other)
    else:
        check_reach(viewer(own), other)


def test_the_last_super_admin_stays() -> None:
    one, two = uuid4(), uuid4()
    check_not_last(frozenset({one, two}), one)
    for left in (frozenset({one}), frozenset[UUID]()):
        with pytest.raises(Problem):
            check_not_last(left, one)


def test_secret_files_are_read_again_when_the_kubelet_swaps_them(tmp_path: Path) -> None:
    """Files are links into `..data`, itself a link to a folder that is replaced as a whole."""
    for generation in ("one", "two"):
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "password").write_text(f"{generation}\n")
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "password").symlink_to("..data/password")
    files = SecretFiles(tmp_path)
    assert files.read("password").get_secret_value() == "one"
    (tmp_path / "..tmp").symlink_to("two")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert files.read("password").get_secret_value() == "two"
    assert "two" not in repr(files)
    with pytest.raises(SecretMissing, match="no-such"):
        files.read("no-such")


@given(st.binary(), st.text(alphabet=st.characters(exclude_characters="\n", codec="ascii")))
def test_a_cached_value_is_its_tenants(body: bytes, etag: str) -> None:
    packed = cache._packed(ACME, cache.Answer(body, etag, "<x>"))
    assert cache._unpacked(ACME, packed) == cache.Answer(body, etag, "<x>")
    assert cache._unpacked(GLOBEX, packed) is None
