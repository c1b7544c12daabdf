"""Patterns of conversions across ledgers: pass-through, U-turn, round trip (X-1). They name no crime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.conversions import Conversions
from chainflow.tracing.conversions.held import Held, HeldTx, hold
from chainflow.tracing.conversions.rates import exact_share
from chainflow.units import whole_number

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["PATTERNS", "Crossing", "find_crossings"]

PATTERNS = ("pass-through", "U-turn", "round trip")
_VALUE = ("swap", "bridge", "atomic swap")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One hit of a pattern.

    Attributes
    ----------
    pattern : str
        One of `PATTERNS`.
    conversions : tuple of Conversion
        One for a pass-through, else the way out and the way back.
    link : str
        What joins the two: `output` (the very output was spent), `address`, or `amount` alone; "" for one.
    k : int
        How many hits of the pattern begin with the same payment or end in the same receipt: the larger. 1 is
        unique; of several none is chosen.
    window_seconds : int
    tolerance : str
        With which it was found; a pass-through has those of its conversion.
    """

    pattern: str
    conversions: tuple[Conversion, ...]
    link: str
    k: int
    window_seconds: int
    tolerance: str

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The payments and receipts in order."""
        return tuple(leg for one in self.conversions for leg in (one.paid, one.received))


class _Way(NamedTuple):
    conversion: Conversion
    paid: HeldTx
    received: HeldTx


def find_crossings(
    conversions: Conversions,
    *ledgers: Ledger,
    window_seconds: int = 1800,
    tolerance: Fraction | Decimal | int | str = "0.005",
) -> tuple[Crossing, ...]:
    """Return pass-throughs, U-turns and round trips among conversions, sorted.

    - *Pass-through*: one conversion from a chain to another.
    - *U-turn*: A → B, then B → A, where the second payment is at most `window_seconds` after the first receipt
      and not before it, and either spends the output or comes from the address that received, or its amount is
      within `tolerance` of what was received.
    - *Round trip*: a U-turn whose last receipt is at an address that made the first payment.

    Wraps and refunds are no way across. A conversion whose transactions are not in the ledgers, or whose times
    are not known, is in no U-turn.

    References
    ----------
    Yousaf, Kappos and Meiklejohn 2019 for the three names; the exact form is our own.
    """
    whole_number(window_seconds, "seconds")
    share = exact_share(tolerance, "tolerance")
    held = hold(ledgers, txids={leg.txid for one in conversions for leg in (one.paid, one.received)})
    ways = [way for one in conversions if one.kind in _VALUE for way in _way(one, held)]
    said = (window_seconds, str(tolerance))
    found = [
        Crossing("pass-through", (one,), "", 1, *said)
        for one in conversions
        if one.kind in _VALUE and one.paid.chain != one.received.chain
    ]
    for first, second, link in _turns(ways, window_seconds, share):
        turn = (first.conversion, second.conversion)
        found.append(Crossing("U-turn", turn, link, 1, *said))
        if second.conversion.received.address in _payers(first.paid, first.conversion.paid):
            found.append(Crossing("round trip", turn, link, 1, *said))
    return tuple(_counted(found))


def _way(conversion: Conversion, held: Held) -> Iterator[_Way]:
    paid, received = (held.get((leg.chain, leg.txid)) for leg in (conversion.paid, conversion.received))
    if paid and received and received.time is not None and paid.time is not None:
        yield _Way(conversion, paid, received)


def _turns(ways: Iterable[_Way], seconds: int, share: Fraction) -> Iterator[tuple[_Way, _Way, str]]:
    """Yield a way out, a way back, and what joins them."""
    by_assets: dict[tuple[Asset, Asset], list[_Way]] = {}
    for way in ways:
        by_assets.setdefault((way.conversion.paid.asset, way.conversion.received.asset), []).append(way)
    for (out, back), firsts in by_assets.items():
        for first in firsts:
            for second in by_assets.get((back, out), ()):
                later = (second.paid.time or 0) - (first.received.time or 0)
                link = _link(first, second, share) if 0 <= later <= seconds else ""
                if link and not second.paid.is_before(first.received):
                    yield first, second, link


def _link(first: _Way, second: _Way, share: Fraction) -> str:
    got, paid = first.conversion.received, second.conversion.paid
    if any((got.txid, place) in second.paid.spends for place in got.places):
        return "output"
    if got.address and got.address in _payers(second.paid, paid):
        return "address"
    return "amount" if abs(paid.amount_raw - got.amount_raw) <= share * got.amount_raw else ""


def _payers(tx: HeldTx, leg: Leg) -> set[str]:
    """Return who made the movements of a leg."""
    return {name for one in tx.movements if one.place in leg.places for name in one.payers}


def _counted(found: list[Crossing]) -> Iterator[Crossing]:
    """Yield the hits sorted, each with how many share its first payment or its last receipt."""
    begins = Counter((one.pattern, one.legs[0]) for one in found)
    ends = Counter((one.pattern, one.legs[-1]) for one in found)
    place = {name: number for number, name in enumerate(PATTERNS)}
    for one in sorted(found, key=lambda one: (place[one.pattern], [c.order for c in one.conversions])):
        candidates = max(way.candidates if not way.chosen_by else 1 for way in one.conversions)
        yield replace(
            one, k=max(begins[one.pattern, one.legs[0]], ends[one.pattern, one.legs[-1]], candidates)
        )
