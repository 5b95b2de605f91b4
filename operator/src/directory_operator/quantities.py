"""Kubernetes quantities (`500m`, `1.5Gi`) compared by value, since the API server rewrites them. Pure."""

from decimal import Decimal, InvalidOperation
from typing import Final

_SUFFIXES: Final = (
    {suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
    | {suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)}
    | {suffix: Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), start=1)}
)


def amount(quantity: str) -> Decimal | None:
    """The value of a quantity; None if it is none. `2E` is exa, `2E3` an exponent, as in apimachinery's parser."""
    suffix = next((each for each in _SUFFIXES if quantity.endswith(each)), "")
    try:
        return Decimal(quantity.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return None


def same_quantity(one: object, other: object) -> bool:
    """Whether both are quantities of the same value."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    value = amount(one)
    return value is not None and value == amount(other)
