"""The rules that say which part of an output comes from which input: FIFO, haircut, poison.

A chain does not say it: a transaction only adds up. Each rule here is a convention, pure and in whole
base units, that a report declares before the run; `docs/concepts/policies.md` says where each fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from chainflow import units

__all__ = ["Coin", "Fifo", "Haircut", "Poison", "Slice"]


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


@dataclass(frozen=True, slots=True)
class Fifo:
    """First in, first out: the inputs, laid end to end, fill the outputs in order; the fee comes last.

    Every base unit keeps its place and its label, so nothing is spread, rounded or claimed twice.
    Wrong as a statement of fact wherever a wallet orders its inputs or outputs by chance, as most do:
    the order decides the result and whoever builds the transaction chooses it.

    References
    ----------
    Clayton's case (Devaynes v Noble, 1816); Anderson, Shumailov and Ahmed, "Making Bitcoin Legal", 2018.

    Examples
    --------
    >>> stolen = Coin(3, (Slice(0, 3, 0),))
    >>> [coin.tainted_sat for coin in Fifo().spend([Coin(2), stolen, Coin(3)], [3, 4, 1])]
    [1, 2, 0]
    """

    name: ClassVar[str] = "fifo"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Cut the concatenated inputs into `values`; see `Policy.spend`."""
        queue = _concatenate(inputs)
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


@dataclass(frozen=True, slots=True)
class Haircut:
    """Pro rata: every output and the fee carry the share of taint that the inputs carry together.

    The amounts are whole: the running total is rounded down and each output gets the difference of two
    running totals, so an output is less than one base unit off its exact share and nothing is lost.
    Taint reaches everything downstream in ever smaller parts; set `dust_sat` to end those.

    References
    ----------
    Möser, Böhme and Breuker, "Towards Risk Scoring of Bitcoin Transactions", 2014.

    Examples
    --------
    >>> stolen = Coin(3, (Slice(0, 3, 0),))
    >>> [coin.tainted_sat for coin in Haircut().spend([stolen, Coin(2), Coin(3)], [3, 4, 1])]
    [1, 1, 1]
    """

    name: ClassVar[str] = "haircut"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Split the tainted sum over `values`, and each part over what is left of each label."""
        left = _claimed(inputs)
        coins = []
        for value, tainted in zip(values, units.split(sum(left.values()), values), strict=True):
            parts = units.split(tainted, list(left.values()))
            for label, part in zip(left, parts, strict=True):
                left[label] -= part
            coins.append(Coin.of(value, dict(zip(left, parts, strict=True))))
        return coins


@dataclass(frozen=True, slots=True)
class Poison:
    """All of it: one tainted base unit among the inputs taints every output and the fee whole.

    It answers what *could* descend from a seed, never how much: value is counted again at every
    transaction, so sums over its outputs mean nothing.

    References
    ----------
    Möser, Böhme and Breuker, "Towards Risk Scoring of Bitcoin Transactions", 2014.

    Examples
    --------
    >>> [coin.tainted_sat for coin in Poison().spend([Coin(1, (Slice(0, 1, 0),)), Coin(9)], [8, 2])]
    [8, 2]
    """

    name: ClassVar[str] = "poison"
    conserves: ClassVar[bool] = False

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Taint all `values` whole, divided among the labels as the tainted inputs are."""
        claimed = _claimed(inputs)
        weights = list(claimed.values())
        if not claimed:
            return [Coin(value) for value in values]
        return [
            Coin.of(value, dict(zip(claimed, units.split(value, weights), strict=True))) for value in values
        ]


def _concatenate(inputs: Sequence[Coin]) -> list[Slice]:
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


def _claimed(inputs: Sequence[Coin]) -> dict[int, int]:
    """Return what each label claims of all inputs together, labels in input order."""
    claimed: dict[int, int] = {}
    for coin in inputs:
        for piece in coin.slices:
            claimed[piece.label] = claimed.get(piece.label, 0) + piece.length
    return claimed
