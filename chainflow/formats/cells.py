"""One row of a table, whose cells are checked as they are read, so that a refusal names its cell.

A cell may be text (CSV), a number or a list (JSON), or a typed value (Parquet); what counts is whether it
is exactly what is wanted. Money is never read from a number that a float may have rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chainflow.errors import BadInput
from chainflow.sources.strict import excerpt, loads_strict

__all__ = ["Row", "moment", "whole"]

_EXACT_FLOAT = 2**53
_U32 = 2**32 - 1
_EARLIEST = 1_200_000_000  # 2008: 20210508 is no number of seconds
_WHOLE = re.compile(r"(-?[0-9]{1,78})(?:\.0{1,18})?")
_HEX = re.compile(r"(?:0x|\\x)?((?:[0-9a-fA-F]{2})*)")
_TRUE, _FALSE = ("true", "1", "t", "yes"), ("false", "0", "f", "no")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.0+)?\s*(?:UTC|Z|[+-]00:?00)?"
)
_FIX = "correct the file at its origin, or leave the row out knowingly"


def whole(value: object) -> int | None:
    """Return a value as a whole number if it is exactly one, else `None`.

    Examples
    --------
    >>> whole("5000000000"), whole(5.0), whole("1e18"), whole(1e18), whole(True)
    (5000000000, 5, None, None, None)
    """
    if type(value) is int:
        return value
    if isinstance(value, str) and (found := _WHOLE.fullmatch(value.strip())):
        return int(found[1])
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value) if abs(value.adjusted()) <= 78 else None
    # a column of numbers with gaps becomes floats on its way through pandas
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return int(value)
    return None


def moment(value: object) -> int | None:
    """Return a time as Unix seconds if it is one of block times' usual forms (without a zone: UTC).

    Numbers are seconds, or milli- or microseconds where they are too large to be seconds.

    Examples
    --------
    >>> moment("2009-01-12 03:30:25 UTC"), moment("1231731025"), moment(1231731025000)
    (1231731025, 1231731025, 1231731025)
    """
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp()) if not aware.microsecond else None
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value.strip())):
        try:
            return int(datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00").timestamp())
        except ValueError:
            return None
    number = whole(value)
    for unit in (1, 10**3, 10**6):
        if number and number % unit == 0 and _EARLIEST <= number // unit <= _U32:
            return number // unit
    return 0 if number == 0 else None


@dataclass(frozen=True, slots=True)
class Row:
    """One row; every reader takes the first of the given columns that has a value.

    Parameters
    ----------
    line : int
        Line of the file (record number where it has no lines).
    cells : mapping
        Column → value.
    table : str
        File of a bundle in which it stands, "" for a file alone.
    path : str
        Where a nested row stands: `inputs[3]`.
    """

    line: int
    cells: Mapping[str, Any]
    table: str = ""
    path: str = ""

    def has(self, *names: str) -> bool:
        """Return whether one of these columns has a value."""
        return self._find(names)[1] is not None

    def value(self, *names: str) -> Any:
        """Return the value of the first of these columns that has one, else `None`."""
        return self._find(names)[1]

    def text(self, *names: str) -> str:
        """Return a text; "" where there is none."""
        name, value = self._find(names)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.refuse(name, "a text")
        return value.strip()

    def whole(self, *names: str, least: int = 0, most: int = 2**256 - 1) -> int:
        """Return a whole number; it must be there."""
        name, value = self._find(names)
        number = whole(value)
        if number is None or not least <= number <= most:
            raise self.refuse(name, f"a whole number, {least:,}…{most:,}")
        return number

    def whole_or_none(self, *names: str, least: int = 0, most: int = 2**256 - 1) -> int | None:
        """Return a whole number, `None` where none is stated."""
        return self.whole(*names, least=least, most=most) if self.has(*names) else None

    def flag(self, *names: str) -> bool | None:
        """Return true or false, `None` where neither is stated."""
        name, value = self._find(names)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in _TRUE + _FALSE:
            raise self.refuse(name, "true or false")
        return word in _TRUE

    def time(self, *names: str) -> int | None:
        """Return a time as Unix seconds, `None` where none is stated."""
        name, value = self._find(names)
        if value is None:
            return None
        seconds = moment(value)
        if seconds is None:
            raise self.refuse(name, "a time in UTC, as 2009-01-12 03:30:25 or Unix seconds")
        return seconds

    def hexadecimal(self, *names: str, size: int | None = None) -> str | None:
        """Return lower-case hex without 0x, of `size` bytes where that is given; `None` where empty."""
        name, value = self._find(names)
        if value is None:
            return None
        found = _HEX.fullmatch(value.strip()) if isinstance(value, str) else None
        text = bytes(value).hex() if isinstance(value, (bytes, bytearray)) else found and found[1].lower()
        if text is None or size not in (None, len(text) // 2):
            raise self.refuse(name, "hex digits" if size is None else f"{2 * size} hex digits")
        return text

    def txid(self, *names: str) -> str:
        """Return 64 lower-case hex digits; they must be there."""
        text = self.hexadecimal(*names, size=32)
        if text is None:
            raise self.refuse(self._find(names)[0], "64 hex digits")
        return text

    def rows(self, name: str) -> Iterator[Row]:
        """Yield the rows of a nested list (or of the JSON text of one)."""
        value = self.cells.get(name)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = loads_strict(value.encode("utf-8", "replace"), what=f"column {name}", most_digits=78)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
            raise self.refuse(name, "a list of objects")
        for index, item in enumerate(value):
            yield Row(self.line, item, self.table, f"{self.path}{name}[{index}].")

    def refuse(self, name: str, allowed: str) -> BadInput:
        """Return the error that names this cell, its value and what is allowed."""
        value = self.cells.get(name)
        shown = "missing" if value is None or value == "" else _shown(value)
        return BadInput(f"{self.path}{name} is {shown} (allowed: {allowed})", hint=_FIX)

    @property
    def shown(self) -> str:
        """The row as one line, to be recognised by."""
        before = f"{self.table}: " if self.table else ""
        return before + " | ".join("" if cell is None else str(cell)[:80] for cell in self.cells.values())

    def _find(self, names: tuple[str, ...]) -> tuple[str, Any]:
        for name in names:
            value = self.cells.get(name)
            if value is not None and value != "":
                return name, value
        return names[0], None


def _shown(value: object) -> str:
    text = excerpt(str(value).encode("utf-8", "replace"))
    return text if isinstance(value, str) else text[1:-1]
