"""Kubernetes quantities by value."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_operator.quantities import amount, same_quantity


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("0.5", "0.5"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("2E", "2e18"),
        ("2E3", "2000"),
        ("2e3", "2000"),
        ("1n", "1e-9"),
    ],
)
def test_suffixes(quantity: str, value: str) -> None:
    assert amount(quantity) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Mi", "one", "1GiB"])
def test_what_is_no_quantity_has_no_value(text: str) -> None:
    assert amount(text) is None
    assert not same_quantity(text, text)


@given(st.integers(min_value=1, max_value=10**6))
def test_the_servers_ways_to_write_it_are_the_same(number: int) -> None:
    assert same_quantity(f"{number}", f"{number * 1000}m")
    assert same_quantity(f"{number}Gi", f"{number * 1024}Mi")
    assert not same_quantity(f"{number}", f"{number}m")
