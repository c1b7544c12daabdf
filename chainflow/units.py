"""The only place where a number changes its unit or becomes words: base units ↔ coins, Unix seconds ↔ UTC.

Money is `int` base units everywhere else; a float of money is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from numbers import Integral

from chainflow.errors import BadInput
from chainflow.networks import network_of

__all__ = [
    "COIN",
    "coins",
    "counted",
    "format_amount",
    "format_coins",
    "format_time",
    "max_money_sat",
    "split",
    "ticker",
    "to_sat",
    "to_utc",
    "whole_number",
]

COIN = 100_000_000
"""Satoshis in one coin of every UTXO chain read here."""

_MAX_COINS = {"btc": 21_000_000, "ltc": 84_000_000, "bch": 21_000_000, "zec": 21_000_000, "dash": 19_000_000}
_TICKERS = {"btc": "BTC", "ltc": "LTC", "doge": "DOGE", "bch": "BCH", "dash": "DASH", "zec": "ZEC"}


def ticker(chain: str) -> str:
    """Return the sign to print after an amount of `chain` (`btc-testnet` → `tBTC`)."""
    account = network_of(chain)
    if account is not None:
        return account.ticker
    base, _, network = chain.partition("-")
    sign = _TICKERS.get(base, base.upper())
    return f"t{sign}" if network else sign


def max_money_sat(chain: str) -> int:
    """Return the largest amount one output of `chain` can hold (2**63 − 1 where there is no cap)."""
    cap = _MAX_COINS.get(chain.partition("-")[0])
    return 2**63 - 1 if cap is None else cap * COIN


def coins(value_sat: int) -> Decimal:
    """Return base units as an exact `Decimal` of coins.

    Examples
    --------
    >>> coins(6_369_996_546)
    Decimal('63.69996546')
    """
    return Decimal(value_sat).scaleb(-8)


def to_sat(amount: str | Decimal | int) -> int:
    """Return an amount in coins as base units.

    Raises
    ------
    BadInput
        If the amount is a float, is not a number, or is finer than one base unit.

    Examples
    --------
    >>> to_sat("75.0003")
    7500030000
    """
    if isinstance(amount, float):
        raise BadInput(f"money as a float: {amount!r}", hint="write the amount as text or Decimal")
    try:
        scaled = Decimal(amount).scaleb(8)
        exact = scaled == scaled.to_integral_value()
    except InvalidOperation:
        raise BadInput(f"not an amount of coins: {amount!r}", hint="write it as 12.34567890") from None
    if not scaled.is_finite() or not exact:
        raise BadInput(f"finer than one base unit: {amount}", hint="at most eight decimals")
    return int(scaled)


def format_coins(value_sat: int, chain: str = "btc") -> str:
    """Return an amount for people: all eight decimals, thousands grouped, with its ticker.

    Examples
    --------
    >>> format_coins(123_456_789_012)
    '1,234.56789012 BTC'
    """
    return f"{coins(value_sat):,.8f} {ticker(chain)}"


def format_amount(value_raw: int, decimals: int | None, sign: str) -> str:
    """Return an amount of any asset for people, exact; in base units where the decimals are not known.

    Examples
    --------
    >>> format_amount(1_500_000, 6, "USDT"), format_amount(7, None, "0x12…")
    ('1.500000 USDT', '7 base units of 0x12…')
    """
    if decimals is None:
        return f"{value_raw:,} base units of {sign}"
    whole, part = divmod(abs(value_raw), 10**decimals)
    fraction = f".{part:0{decimals}d}" if decimals else ""
    return f"{'-' if value_raw < 0 else ''}{whole:,}{fraction} {sign}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it needs one.

    Examples
    --------
    >>> counted(1, "line"), counted(1200, "address")
    ('1 line', '1,200 addresses')
    """
    plural = noun if number == 1 else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {plural}"


def whole_number(number: object, what: str, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """Return a parameter that has to be a whole number in a range.

    Raises
    ------
    BadInput
        If it is another thing, NaN and `True` included, or out of range.

    Examples
    --------
    >>> whole_number(144, "blocks")
    144
    """
    if isinstance(number, bool) or not isinstance(number, Integral) or not least <= int(number) <= most:
        raise BadInput(f"not a number of {what}: {number!r}", hint=f"a whole one from {least:,} to {most:,}")
    return int(number)


def to_utc(seconds: int) -> datetime:
    """Return Unix seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def percent(part_sat: int, whole_sat: int) -> str:
    """Return a share for people; little is never printed as nothing, nor most as all.

    Examples
    --------
    >>> percent(1, 8), percent(1, 10**6), percent(999_999, 10**6), percent(0, 5), percent(0, 0)
    ('12.50 %', '< 0.01 %', '> 99.99 %', '0.00 %', '–')
    """
    if not whole_sat:
        return "–"
    share = Decimal(100 * part_sat) / Decimal(whole_sat)
    if 0 < abs(share) < Decimal("0.005"):
        return "< 0.01 %"
    return "> 99.99 %" if Decimal("99.995") <= share < 100 else f"{share:.2f} %"


def format_time(seconds: int | None) -> str:
    """Return Unix seconds as `2021-05-08 17:12:57 UTC`; without them it says that the time is not known.

    Whether there is none because nothing is in a block yet, or because nobody told it, only the caller knows.

    Examples
    --------
    >>> format_time(1620493977), format_time(None)
    ('2021-05-08 17:12:57 UTC', 'time not known')
    """
    return "time not known" if seconds is None else f"{to_utc(seconds):%Y-%m-%d %H:%M:%S} UTC"


def split(total_sat: int, weights: Sequence[int]) -> list[int]:
    """Split base units by weights, pro rata, so that the parts add up to exactly `total_sat`.

    The running sum is rounded down and each part is the difference of two running sums, so no part is
    off its exact share by a whole base unit and none exceeds its weight while `total_sat` does not
    exceed their sum.

    Raises
    ------
    BadInput
        If a weight is negative, or all are 0 while there is something to split.

    Examples
    --------
    >>> split(1, [1, 1, 1])
    [0, 0, 1]
    """
    whole = sum(weights)
    if any(weight < 0 for weight in weights) or (whole == 0 and total_sat != 0):
        raise BadInput(
            f"cannot split {total_sat} by {list(weights)[:5]}", hint="weights are positive amounts"
        )
    parts, before, seen = [], 0, 0
    for weight in weights:
        seen += weight
        upto = total_sat * seen // whole if whole else 0
        parts.append(upto - before)
        before = upto
    return parts
