"""The rules of accounts that know shares and no order: rolling haircut, poison, lowest intermediate balance.

One book holds one account and one asset, entries in the chain's order (height, position, log index).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from chainflow import units
from chainflow.tracing.policies.books import TaintBook
from chainflow.tracing.policies.coins import Coin

__all__ = ["AccountHaircut", "AccountPoison", "LowestBalance"]


class _RatioBook(TaintBook):
    def _take(self, value: int) -> Coin:
        tainted = self._tainted * value // self._balance if value else 0
        return Coin.of(value, _divided(tainted, self.claimed))


class _PoisonBook(TaintBook):
    """Here `_claimed` is what each label brought in: it stays as the weight by which all is divided."""

    @property
    def claimed(self) -> dict[int, int]:
        """Label → its part of all that the account holds, once anything tainted came in."""
        return self._part(self._balance)

    def _take(self, value: int) -> Coin:
        return Coin.of(value, self._part(value))

    def _leave(self, paid: Mapping[int, int]) -> None:
        """Keep the weights."""

    def _part(self, value: int) -> dict[int, int]:
        return _divided(value if self._claimed else 0, super().claimed)


class _LowestBook(TaintBook):
    def _take(self, value: int) -> Coin:
        excess = max(0, self._tainted - (self._balance - value))
        lost = _divided(excess, self.claimed) if excess else {}
        self._leave(lost)
        for label, amount in lost.items():
            self._lost[label] = self._lost.get(label, 0) + amount
        return Coin(value)


@dataclass(frozen=True, slots=True)
class AccountHaircut:
    """Pro rata: a payment carries the share of taint that the account holds at that moment.

    Rounded down to whole base units; what the roundings kept back leaves with the payment that empties the
    account. Each label bears its share. Taint reaches every later payee in ever smaller parts.

    References
    ----------
    Möser, Böhme and Breuker, "Towards Risk Scoring of Bitcoin Transactions", 2014, with a running ratio.

    Examples
    --------
    >>> book = AccountHaircut().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(8).tainted_sat, book.claimed
    (4, {0: 2})
    """

    name: ClassVar[str] = "haircut"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _RatioBook()


@dataclass(frozen=True, slots=True)
class AccountPoison:
    """All of it: once anything tainted came in, all that the account holds and pays is tainted.

    It answers what *could* descend from a seed, never how much: value is counted again at every payment,
    so sums mean nothing. Several labels divide it as they paid in.

    References
    ----------
    Möser, Böhme and Breuker, "Towards Risk Scoring of Bitcoin Transactions", 2014.

    Examples
    --------
    >>> book = AccountPoison().open()
    >>> for coin in (Coin(9), Coin.of(1, {0: 1})):
    ...     book.receive(coin)
    >>> book.pay(8).tainted_sat, book.claimed
    (8, {0: 2})
    """

    name: ClassVar[str] = "poison"
    conserves: ClassVar[bool] = False

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _PoisonBook()


@dataclass(frozen=True, slots=True)
class LowestBalance:
    """Lowest intermediate balance: a claim is never more than the least that the account held since.

    It says what a claimant can still find in the account and follows no payment: what a claim loses counts
    as lost, and later deposits of others do not bring it back. Several claims lose pro rata.

    References
    ----------
    James Roscoe (Bolton) Ltd v Winder [1915] 1 Ch 62; as a choice beside `DirtyFirst`:
    United States v. Banco Cafetero Panama, 797 F.2d 1154 (2d Cir. 1986).

    Examples
    --------
    >>> book = LowestBalance().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(8).tainted_sat
    0
    >>> book.receive(Coin(5))
    >>> book.balance, book.claimed, book.lost
    (7, {0: 2}, {0: 4})
    """

    name: ClassVar[str] = "libr"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _LowestBook()


def _divided(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Split an amount among labels by weight; labels that get nothing are left out."""
    parts = units.split(amount, list(weights.values()))
    return {label: part for label, part in zip(weights, parts, strict=True) if part}
