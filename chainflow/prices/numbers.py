"""A price as it is written: exact, within what a market can pay, and absent where there was no market."""

from __future__ import annotations

import re
from decimal import Decimal

from chainflow.sources.strict import Field

__all__ = ["as_price", "price_of"]

_LEAST, _MOST = Decimal("1e-30"), Decimal("1e18")
_LONGEST = 40
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,4})?")


def price_of(text: str) -> Decimal | None:
    """Return a price written in digits, `None` for 0, which means that there was no market.

    Raises
    ------
    ValueError
        If it is no number, is negative, or is one that no market pays.

    Examples
    --------
    >>> price_of("58803.777344"), price_of("0.0")
    (Decimal('58803.777344'), None)
    """
    if not _NUMBER.fullmatch(text) or len(text) > _LONGEST:
        raise ValueError(text)
    number = Decimal(text)
    if number != 0 and not _LEAST <= number < _MOST:
        raise ValueError(text)
    return number or None


def as_price(field: Field) -> Decimal | None:
    """Return a number in a reply, or a text of digits, as a price; `None` for 0 and for −1: no market."""
    value = field.value
    try:
        if type(value) is int or isinstance(value, Decimal | str):
            return None if value == -1 else price_of(str(value))
    except ValueError:
        pass
    raise field.refuse("a price")
