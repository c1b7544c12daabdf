"""The rules of UTXO chains that the law and the literature began with: FIFO, haircut, poison.

A chain does not say it: a transaction only adds up. Each rule here is a convention, pure and in whole
base units, that a report declares before the run; `docs/policies` says where each fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from chainflow import units
from chainflow.tracing.policies.coins import Coin, claimed, concatenate, cut

__all__ = ["Fifo", "Haircut", "Poison"]


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
    >>> stolen = Coin.of(3, {0: 3})
    >>> [coin.tainted_sat for coin in Fifo().spend([Coin(2), stolen, Coin(3)], [3, 4, 1])]
    [1, 2, 0]
    """

    name: ClassVar[str] = "fifo"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Cut the concatenated inputs into `values`; see `Policy.spend`."""
        return cut(concatenate(inputs), values)


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
    >>> stolen = Coin.of(3, {0: 3})
    >>> [coin.tainted_sat for coin in Haircut().spend([stolen, Coin(2), Coin(3)], [3, 4, 1])]
    [1, 1, 1]
    """

    name: ClassVar[str] = "haircut"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Split the tainted sum over `values`, and each part over what is left of each label."""
        left = claimed(inputs)
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
    >>> [coin.tainted_sat for coin in Poison().spend([Coin.of(1, {0: 1}), Coin(9)], [8, 2])]
    [8, 2]
    """

    name: ClassVar[str] = "poison"
    conserves: ClassVar[bool] = False

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Taint all `values` whole, divided among the labels as the tainted inputs are."""
        by_label = claimed(inputs)
        weights = list(by_label.values())
        if not by_label:
            return [Coin(value) for value in values]
        return [
            Coin.of(value, dict(zip(by_label, units.split(value, weights), strict=True))) for value in values
        ]
