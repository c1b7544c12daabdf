"""A value and the parts of it that are tainted: what every policy takes and answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import NamedTuple

from chainflow.errors import BadInput

__all__ = ["Coin", "Run", "Slice", "base_units", "claimed", "concatenate", "cut"]

Run = tuple[int, int | None]
"""So many base units in a row, and the label that claims them, `None` where they are clean."""


class Slice(NamedTuple):
    """A tainted stretch of a coin: base units `start` to `start + length − 1`, claimed under `label`."""

    start: int
    length: int
    label: int


class Coin(NamedTuple):
    """A value with the slices of it that are tainted: in order, disjoint, none empty or past its end.

    Rules that know no positions inside a coin (haircut, poison) lay their slices at its beginning.

    Examples
    --------
    >>> Coin(10, (Slice(0, 2, 0), Slice(7, 1, 1))).tainted_sat
    3
    """

    value_sat: int
    slices: tuple[Slice, ...] = ()

    @property
    def tainted_sat(self) -> int:
        """The sum of the slices."""
        return sum([piece.length for piece in self.slices])

    @property
    def by_label(self) -> dict[int, int]:
        """What each label claims, in the order of the slices."""
        claimed: dict[int, int] = {}
        for piece in self.slices:
            claimed[piece.label] = claimed.get(piece.label, 0) + piece.length
        return claimed

    @classmethod
    def of(cls, value_sat: int, claimed: Mapping[int, int]) -> Coin:
        """Return a coin with what each label claims laid side by side from its beginning."""
        slices, start = [], 0
        for label, length in claimed.items():
            if length:
                slices.append(Slice(start, length, label))
                start += length
        return cls(value_sat, tuple(slices))

    @classmethod
    def of_runs(cls, runs: Iterable[Run]) -> Coin:
        """Return a coin that is made of `runs`, one after the other."""
        slices, at = [], 0
        for length, label in runs:
            if label is not None and length:
                slices.append(Slice(at, length, label))
            at += length
        return cls(at, tuple(slices))

    def runs(self) -> Iterator[Run]:
        """Yield what the coin is made of from its beginning to its end, clean stretches included."""
        at = 0
        for start, length, label in self.slices:
            if start > at:
                yield start - at, None
            yield length, label
            at = start + length
        if self.value_sat > at:
            yield self.value_sat - at, None


def concatenate(inputs: Sequence[Coin]) -> list[Slice]:
    """Return the slices of coins laid end to end; neighbours with one label become one slice."""
    queue: list[Slice] = []
    offset = 0
    for coin in inputs:
        for start, length, label in coin.slices:
            start += offset
            if queue and queue[-1].label == label and queue[-1].start + queue[-1].length == start:
                start, length = queue[-1].start, queue.pop().length + length
            queue.append(Slice(start, length, label))
        offset += coin.value_sat
    return queue


def claimed(inputs: Sequence[Coin]) -> dict[int, int]:
    """Return what each label claims of all inputs together, labels in input order."""
    sums: dict[int, int] = {}
    for coin in inputs:
        for piece in coin.slices:
            sums[piece.label] = sums.get(piece.label, 0) + piece.length
    return sums


def cut(queue: Sequence[Slice], values: Sequence[int]) -> list[Coin]:
    """Return a line of base units, of which `queue` is tainted, cut into coins of `values`."""
    coins, begin, at = [], 0, 0
    for value in values:
        end = begin + value
        slices = []
        while at < len(queue) and queue[at].start < end:
            start, length, label = queue[at]
            first, last = max(start, begin), min(start + length, end)
            if last > first:
                slices.append(Slice(first - begin, last - first, label))
            if start + length > end:
                break
            at += 1
        coins.append(Coin(value, tuple(slices)))
        begin = end
    return coins


def base_units(amount: object, what: str) -> int:
    """Return an amount as a plain `int`, which no size overflows.

    Raises
    ------
    BadInput
        If it is negative or no whole number.
    """
    if isinstance(amount, bool) or not isinstance(amount, Integral) or amount < 0:
        raise BadInput(
            f"{what} of {amount!r} base units", hint="a whole number of the smallest unit, 0 or more"
        )
    return int(amount)
