"""Folding: what makes two names the same, and in which order they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_api.text import LAST, folded, folded_email, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Émile  Zola ", "emile zola"),
        ("ŁUKASZ", "lukasz"),
        ("Straße", "strasse"),
        ("Ørsted Þór Æon", "orsted thor aeon"),
        ("İstanbul", "istanbul"),
        ("ﬁne", "fine"),
        ("Ελλάς", "ελλας"),
        ("山田", "山田"),
    ],
)
def test_case_and_accents_do_not_count(text: str, expected: str) -> None:
    assert folded(text).replace("σ", "ς") == expected.replace("σ", "ς")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(), st.text())
def test_every_word_lies_in_the_range_of_each_of_its_beginnings(first: str, second: str) -> None:
    for word in words(first, second):
        for length in range(1, len(word) + 1):
            assert word[:length] <= word < word[:length] + LAST


@pytest.mark.parametrize(
    ("text", "expected"), [("O'Brien-Smith", {"o", "brien", "smith"}), ("a_b", {"a", "b"}), ("%", set())]
)
def test_words_are_letters_and_digits(text: str, expected: set[str]) -> None:
    assert words(text) == expected


def test_email_addresses_keep_their_accents() -> None:
    assert folded_email(" JOSÉ@Example.COM ") == "josé@example.com"
    assert folded_email("jose\u0301@x.example") == folded_email("jos\u00e9@x.example")
