"""What a cell of somebody's list states: an amount to the digits given, a time to the precision given."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from chainflow.errors import BadInput
from chainflow.formats.cells import whole
from chainflow.units import format_time

__all__ = ["Amount", "Moment"]

_NUMBER = re.compile(
    r"([0-9]{1,78}|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.([0-9]{1,30}))?\s*([A-Za-z]{2,10})?", re.ASCII
)
_EXPONENT = re.compile(r"[0-9.]\s*[eE][+-]?[0-9]")
_BASE = {
    **dict.fromkeys(("base", "raw", "baseunits", "base units"), ""),
    **dict.fromkeys(("sat", "sats", "satoshi", "satoshis"), "sat"),
    "wei": "wei",
    "sun": "sun",
}
_COINS = {"", "coin", "coins"}
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.0+)?)?\s*(UTC|Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE | re.ASCII,
)
_EARLIEST = 1_200_000_000


class Amount(NamedTuple):
    """An amount as it was written: its digits, how many of them after the point, in coins or base units.

    `sign` is the unit that it names, in lower case: a ticker, or sat, wei, sun; "" where it names none.
    """

    number: Decimal
    digits: int
    is_base: bool
    sign: str = ""

    @classmethod
    def parse(cls, cell: object, *, unit: str) -> Amount:
        """Read an amount that nothing may have rounded silently.

        Raises
        ------
        BadInput
            If it is no plain decimal number, is negative, can be read in two ways, or names two units.
        """
        text = str(cell).strip()
        if isinstance(cell, float) or _EXPONENT.search(text):
            raise BadInput(
                f"{text[:40]!r} may have been rounded", hint="write amounts as text, all digits, no exponent"
            )
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise BadInput(f"{text[:40]!r} is no amount", hint="digits with a point: 63.70, not negative")
        spoken, meant, part = (found[3] or "").lower(), unit.strip().lower(), found[2] or ""
        if spoken and meant not in {*_BASE, *_COINS, spoken}:
            raise BadInput(f"{text[:40]!r} is said to be in {unit[:20]}", hint="name one unit")
        word = spoken or meant
        is_base = word in _BASE
        if is_base and part.strip("0"):
            raise BadInput(f"{text[:40]!r} is a part of a base unit", hint="name the unit: coins or base")
        if not is_base and found[1].count(",") == 1 and not part:
            raise BadInput(f"{text[:40]!r} is thousands, or a part", hint="write it without a comma")
        number = Decimal(f"{found[1].replace(',', '')}.{part or 0}")
        sign = "" if word in _COINS else _BASE.get(word, word)
        return cls(number, 0 if is_base else len(part), is_base, sign)

    def raw(self, decimals: int | None) -> int | None:
        """Return it in base units, `None` where the asset's decimals are not known.

        Raises
        ------
        BadInput
            If it is finer than one base unit.
        """
        if self.is_base or decimals is None:
            return int(self.number) if self.is_base else None
        _, digits, exponent = self.number.as_tuple()
        scale = int(10 ** -min(int(exponent), 0))
        units, rest = divmod(int("".join(map(str, digits))) * int(10**decimals), scale)
        if rest:
            raise BadInput(f"{self.number} is finer than one base unit", hint=f"{decimals} decimals at most")
        return units

    def slack(self, decimals: int | None) -> int:
        """Return by how much the amount meant may differ: half of the last digit given, in base units.

        Nothing is never rounded: who writes 0 says that there is none.
        """
        if self.is_base or decimals is None or self.digits >= decimals or not self.number:
            return 0
        return int(10 ** (decimals - self.digits)) // 2

    def fits(self, value: int, decimals: int | None) -> bool | None:
        """Return whether base units can be meant; `None` where the asset's decimals are not known."""
        try:
            raw = self.raw(decimals)
        except BadInput:
            return False
        return None if raw is None else abs(raw - value) <= self.slack(decimals)


class Moment(NamedTuple):
    """A time as it was written: the first and the last second that it can mean."""

    first: int
    last: int
    is_zoned: bool

    @classmethod
    def parse(cls, cell: object) -> Moment:
        """Read an ISO time or date, with a zone or in UTC, or Unix seconds.

        Raises
        ------
        BadInput
            If it is none of these.
        """
        if isinstance(cell, datetime):
            cell = cell.isoformat()
        seconds = whole(cell)
        if seconds is not None and _EARLIEST <= seconds < 2**32:
            return cls(seconds, seconds, is_zoned=True)
        found = _TIME.fullmatch(str(cell).strip())
        first = None if found is None else _seconds(*found.groups())
        if found is None or first is None:
            raise BadInput(
                f"{str(cell)[:40]!r} is no time", hint="2021-05-28 03:06:11 UTC, 2021-05-28, or Unix seconds"
            )
        length = 86_400 if found[2] is None else 60 if found[3] is None else 1
        return cls(first, first + length - 1, bool(found[4]))

    def differs(self, seconds: int) -> str:
        """Say how an observed time differs, "" where it does not."""
        if self.first <= seconds <= self.last:
            return ""
        apart = self.first - seconds
        is_zone = self.first == self.last and apart % 900 == 0 and abs(apart) <= 14 * 3600
        hint = f", {timedelta(seconds=abs(apart))} apart: another time zone?" if is_zone else ""
        return f"{format_time(seconds)}{hint}"


def _seconds(day: str, minutes: str | None, rest: str | None, zone: str | None) -> int | None:
    offset = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    try:
        return int(datetime.fromisoformat(f"{day}T{minutes or '00:00'}{rest or ':00'}{offset}").timestamp())
    except ValueError:
        return None
