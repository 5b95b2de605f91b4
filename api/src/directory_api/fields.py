"""Owns the kinds of text that requests may hold."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

# Control characters (PostgreSQL cannot store NUL) and invisible direction marks have no place in a name. The same text
# serves as the JSON Schema pattern, so that clients know before they send.
_UNWANTED: Final = r"\u0000-\u001f\u007f-\u009f\u202a\u202b\u202d\u202e\u2066-\u2068"
_LINE: Final = f"^[^{_UNWANTED}]*$"
_FILLED_LINE: Final = f"^[^{_UNWANTED}]*[^\\s{_UNWANTED}][^{_UNWANTED}]*$"
_LINES: Final = f"^(?:[^{_UNWANTED}]|[\\t\\n])*$"
_ATOM: Final = r"[^\s\u0000-\u0020\u007f-\u00a0\"<>(),:;@\[\]\\]+"
_EMAIL: Final = f"^{_ATOM}@{_ATOM}$"


def _matching(pattern: str, otherwise: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        composed = unicodedata.normalize("NFC", text)
        if not compiled.fullmatch(composed):
            raise ValueError(otherwise)
        return composed

    return AfterValidator(check)


_Trimmed = StringConstraints(strip_whitespace=True)
_PRINTABLE: Final = "control characters are not allowed"

Name = Annotated[
    str,
    _Trimmed,
    Field(min_length=1, max_length=120, json_schema_extra={"pattern": _FILLED_LINE}),
    _matching(_FILLED_LINE, _PRINTABLE),
]
Text = Annotated[
    str, _Trimmed, Field(max_length=200, json_schema_extra={"pattern": _LINE}), _matching(_LINE, _PRINTABLE)
]
LongText = Annotated[
    str, _Trimmed, Field(max_length=2000, json_schema_extra={"pattern": _LINES}), _matching(_LINES, _PRINTABLE)
]
Email = Annotated[
    str,
    _Trimmed,
    Field(min_length=3, max_length=254, json_schema_extra={"format": "email", "pattern": _EMAIL}),
    _matching(_EMAIL, "not an email address"),
]
