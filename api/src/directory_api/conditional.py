"""Owns entity tags: what a version looks like outside, and the preconditions of RFC 9110 section 13."""

from hashlib import sha256

from directory_api.errors import Problem


def entity_tag(version: int, sight_tag: str = "full") -> str:
    """A strong tag: the row's version, and what part of the row is shown."""
    return f'"{version}"' if sight_tag == "full" else f'"{version}-{sight_tag}"'


def list_tag(body: bytes) -> str:
    """A weak tag for a page, which has no version of its own."""
    return f'W/"{sha256(body).hexdigest()[:24]}"'


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Weak comparison, as If-None-Match wants it."""
    if if_none_match is None:
        return False
    given = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in given or etag.removeprefix("W/") in given


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that If-Match allows; None for `*`. A missing header is refused (RFC 6585 section 3).

    Weak tags never match (RFC 9110 section 13.1.1), and neither does what we never issued.
    """
    if if_match is None:
        detail = "Send If-Match with the ETag of what you are changing, so that nobody's change is lost."
        raise Problem(428, "precondition_required", detail)
    if if_match.strip() == "*":
        return None
    tags = [tag.strip() for tag in if_match.split(",")]
    numbers = [tag[1:-1].partition("-")[0] for tag in tags if len(tag) > 2 and tag[0] == tag[-1] == '"']
    # A version is a PostgreSQL integer: longer ones match nothing, and int() refuses very long ones.
    return frozenset(int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) <= 10)


def check(expected: frozenset[int] | None, version: int) -> None:
    """Raise `Problem` (412) when the row has moved on."""
    if expected is not None and version not in expected:
        raise Problem(412, "precondition_failed", "It was changed meanwhile: read it again and repeat your change.")
