"""Who claims what at which place of a trace, in order, and how much of it each one got.

The seeds come first, then what conversions brought; no base unit is claimed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chainflow import units
from chainflow.tracing.asset import Asset
from chainflow.tracing.policies import Coin, Slice

__all__ = ["Brought", "Refusal", "Register", "Some", "claim", "parted"]

Some = Sequence[tuple[int, int | None]]
"""(label, base units or `None` for all that is not claimed yet), in order."""


class Brought(NamedTuple):
    """What conversions bring to a place: after how many transactions, and (label, base units)."""

    hop: int
    shares: tuple[tuple[int, int], ...]


class Refusal(NamedTuple):
    """Base units of a place (an output row, an event) that a label could not claim, and whose they are."""

    place: int
    label: int
    amount: int
    holders: tuple[int, ...]


class Register:
    """The claims of one walk, by place (an output row, an event), and what became of them.

    Parameters
    ----------
    own : mapping of int to Some
        What the seeds claim. A trace is not stopped where it begins.
    brought : mapping of int to Brought
        What conversions bring. That it came by a conversion is no reason to pass a stop.

    Attributes
    ----------
    claimed : dict of (Asset, label) to int
        Base units that a label was the first to claim; `came` is the part that conversions brought.
    refused : list of Refusal
        What could not be claimed because it was claimed before.
    """

    def __init__(self, own: Mapping[int, Some], brought: Mapping[int, Brought] | None = None) -> None:
        self.own, self.brought = own, brought or {}
        self.places = frozenset({*own, *self.brought})
        self.clear()

    def clear(self) -> None:
        """Forget what became of the claims."""
        self.claimed: dict[tuple[Asset, int], int] = {}
        self.came: dict[tuple[Asset, int], int] = {}
        self.refused: list[Refusal] = []

    def filled(self, place: int, coin: Coin) -> Coin:
        """Return a coin with all claims at a place, and write nothing down."""
        for label, amount in (*self.own.get(place, ()), *self._brought(place)):
            coin, _ = filled(coin, label, amount)
        return coin

    def claim(self, place: int, coin: Coin, asset: Asset, hop: int) -> tuple[Coin, int]:
        """Fill a coin with all claims at a place; return it, and after how many transactions it is there."""
        coin = self.take(place, coin, asset, self.own.get(place, ()))
        for label, amount in self._brought(place):
            held = tuple(sorted(coin.by_label))
            coin, got = filled(coin, label, amount)
            for sums in (self.claimed, self.came):
                sums[asset, label] = sums.get((asset, label), 0) + got
            if got < amount:
                self.refused.append(Refusal(place, label, amount - got, held))
        return coin, 0 if place in self.own else self.brought[place].hop if place in self.brought else hop

    def take(self, place: int, coin: Coin, asset: Asset, some: Some) -> Coin:
        """Fill a coin with some claims of the seeds."""
        for label, amount in some:
            coin, got, refusal = claim(coin, label, amount)
            self.claimed[asset, label] = self.claimed.get((asset, label), 0) + got
            if refusal.amount:
                self.refused.append(refusal._replace(place=place))
        return coin

    def _brought(self, place: int) -> tuple[tuple[int, int], ...]:
        return self.brought[place].shares if place in self.brought else ()


def claim(coin: Coin, label: int, amount: int | None) -> tuple[Coin, int, Refusal]:
    """Give a label what it claims of a coin; return the coin, how much it got, and what others hold of the claim."""
    held = coin.by_label
    mine = held.pop(label, 0)
    coin, got = filled(coin, label, amount)
    wanted = coin.value_sat - mine if amount is None else amount
    return coin, got, Refusal(-1, label, min(sum(held.values()), wanted - got), tuple(sorted(held)))


def parted(coin: Coin, amount: int) -> tuple[Coin, Coin]:
    """Divide what is tainted of a coin pro rata: the part of it in `amount` of its base units, and the rest."""
    if amount <= 0 or not coin.slices:
        return Coin(coin.value_sat), coin
    by_label = coin.by_label
    total = coin.tainted_sat * min(amount, coin.value_sat) // coin.value_sat
    gone = dict(zip(by_label, units.split(total, [*by_label.values()]), strict=True))
    left, slices = dict(gone), list[Slice]()
    for start, length, label in coin.slices:
        cut = min(length, left[label])
        left[label] -= cut
        if length > cut:
            slices.append(Slice(start + cut, length - cut, label))
    return Coin.of(coin.value_sat, gone), Coin(coin.value_sat, tuple(slices))


def filled(coin: Coin, label: int, amount: int | None) -> tuple[Coin, int]:
    """Give a label the first units of a coin that nobody claims, at most `amount`; return how many it got."""
    at, got, slices = 0, 0, list[Slice]()
    left = coin.value_sat if amount is None else amount
    for piece in (*coin.slices, Slice(coin.value_sat, 0, label)):
        free = min(piece.start - at, left - got)
        if free > 0:
            slices.append(Slice(at, free, label))
            got += free
        if piece.length:
            slices.append(piece)
        at = piece.start + piece.length
    return Coin(coin.value_sat, tuple(slices)), got
