"""What pictures write: amounts, times and names that cannot disturb the text around them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from chainflow import units

__all__ = ["brief_amount", "day", "fitted", "legible", "short_name", "span"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# controls, invisible formatting (bidirectional overrides, zero width), surrogates, private use, unassigned
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_COMBINING = frozenset({"Mn", "Me"})
_MAX_COMBINING = 2


def legible(text: str, *, limit: int = 80) -> str:
    """Return `text` with everything invisible or disturbing written out, at most `limit` characters.

    Control characters, bidirectional overrides, zero-width characters, lone surrogates and stacked
    combining marks become `⟨U+202E⟩`; what is cut off is marked by `…`.

    Examples
    --------
    >>> legible("pay\\u202eeno")
    'pay⟨U+202E⟩eno'
    """
    parts: list[str] = []
    length, stacked = 0, 0
    for character in text:
        kind = unicodedata.category(character)
        stacked = stacked + 1 if kind in _COMBINING else 0
        hidden = kind in _UNSEEN or stacked > _MAX_COMBINING
        part = f"⟨U+{ord(character):04X}⟩" if hidden else " " if kind == "Zs" else character
        if length + len(part) > limit:
            while parts and length > limit - 1:
                length -= len(parts.pop())
            return "".join(parts) + "…"
        parts.append(part)
        length += len(part)
    return "".join(parts)


def fitted(text: str, room: float) -> str:
    """Return `text` cut so that it takes no more room than so many average characters.

    Examples
    --------
    >>> fitted("Wasabi coordinator", 8)
    'Wasabi…'
    """
    taken = 0.0
    for place, character in enumerate(text):
        taken += _room_of(character)
        if taken > room:
            while place and taken > room - 1:
                place -= 1
                taken -= _room_of(text[place])
            return text[:place] + "…"
    return text


def _room_of(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.8
    return (
        1.35
        if character in "MWmw@%—"
        else 1.15
        if character.isupper()
        else 0.6
        if character in "il.,:;|'!jI"
        else 1.0
    )


def short_name(name: str) -> str:
    """Return the first eight and the last eight characters of an address or txid, joined by `…`.

    Examples
    --------
    >>> short_name("15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr")
    '15JFh88F…bRXjc9fr'
    """
    if name.startswith("script:"):
        return f"script {short_name(name.removeprefix('script:'))}"
    return legible(name if len(name) <= 18 else f"{name[:8]}…{name[-8:]}")


def brief_amount(value_sat: int) -> str:
    """Return coins with at least four decimals, more where the amount is small; never 0 for something.

    Examples
    --------
    >>> brief_amount(6_369_996_546), brief_amount(20_000), brief_amount(1_693)
    ('63.7000', '0.0002', '0.00001693')
    """
    amount = abs(units.coins(value_sat))
    decimals = 4 if amount == 0 else min(8, max(4, 3 - amount.adjusted()))
    rounded = amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    text = f"{'-' if value_sat < 0 else ''}{rounded:,f}"
    shorter = text.rstrip("0")
    kept = max(4, len(shorter) - shorter.index(".") - 1)
    return f"{shorter:0<{shorter.index('.') + 1 + kept}}"


def day(seconds: int | None) -> str:
    """Return Unix seconds as a UTC day for people.

    Examples
    --------
    >>> day(1620493977)
    '8 May 2021'
    """
    if seconds is None:
        return "time not known"
    time = datetime.fromtimestamp(seconds, tz=UTC)
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}"


def span(first: int | None, last: int | None) -> str:
    """Return a first and a last time as one or two UTC days.

    Examples
    --------
    >>> span(1620493977, 1622171171)
    '8 May – 28 May 2021'
    """
    start, end = day(first), day(last)
    if start == end:
        return start
    year = f" {end.rpartition(' ')[2]}"
    return (
        f"{start.removesuffix(year)} – {end}"
        if first is not None and last is not None
        else f"{start} – {end}"
    )
