"""Owns folding: how names and addresses are compared, sorted and searched, whatever their case and accents."""

import re
import unicodedata
from typing import Final

# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_WORD: Final = re.compile(r"[^\W_]+")
LAST: Final = "\U0010ffff"
"""Sorts after every character: `prefix <= word < prefix + LAST` holds for the words that begin with the prefix."""


def folded(text: str) -> str:
    """Lower case, unaccented, single spaces."""
    for _ in range(2):  # taking a letter apart can bring up a capital, and lowering one something to take apart
        text = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.translate(_LETTERS).split())


def words(*texts: str) -> frozenset[str]:
    """The folded words of some texts, at most 100 characters each."""
    return frozenset(word[:100] for text in texts for word in _WORD.findall(folded(text)))


def folded_email(email: str) -> str:
    """Mail domains ignore case, and every server people use ignores it in the local part too. Accents stay."""
    return unicodedata.normalize("NFC", email.strip()).lower()
