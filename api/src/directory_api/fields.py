"""Owns the kinds of text that requests may hold."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

_EMAIL: Final = re.compile(
    r"[^\s@\x00-\x1f\"<>(),:;\[\]\\]+@[^\s@\x00-\x1f\"<>(),:;\[\]\\.]+(\.[^\s@\x00-\x1f\"<>(),:;\[\]\\.]+)*"
)


def _printable(text: str) -> str:
    """Control characters (PostgreSQL cannot store NUL) and invisible direction marks have no place in a name."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} or character in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
            message = "control characters are not allowed"
            raise ValueError(message)
    return unicodedata.normalize("NFC", text)


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        message = "not an email address"
        raise ValueError(message)
    return text


_Trimmed = StringConstraints(strip_whitespace=True)
Name = Annotated[str, _Trimmed, Field(min_length=1, max_length=120), AfterValidator(_printable)]
Text = Annotated[str, _Trimmed, Field(max_length=200), AfterValidator(_printable)]
LongText = Annotated[str, _Trimmed, Field(max_length=2000), AfterValidator(_printable)]
Email = Annotated[
    str,
    _Trimmed,
    Field(min_length=3, max_length=254, json_schema_extra={"format": "email"}),
    AfterValidator(_printable),
    AfterValidator(_email),
]
