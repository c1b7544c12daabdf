"""The rules of accounts that say which receipt a payment takes: FIFO, LIFO, dirty first, clean first.

One book holds one account and one asset, entries in the chain's order (height, position, log index).
Every base unit keeps its label, so nothing is spread, rounded or claimed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainflow.tracing.policies.books import Lots, TaintBook
from chainflow.tracing.policies.coins import Coin

__all__ = ["AccountFifo", "AccountLifo", "CleanFirst", "DirtyFirst"]


class _LineBook(TaintBook):
    """Keeps all receipts in one line."""

    def __init__(self, *, newest: bool) -> None:
        super().__init__()
        self._lots, self._newest = Lots(), newest

    def _enter(self, coin: Coin) -> None:
        super()._enter(coin)
        for length, label in coin.runs():
            self._lots.add(length, label)

    def _take(self, value: int) -> Coin:
        return Coin.of_runs(self._lots.take(value, newest=self._newest))


class _SortedBook(TaintBook):
    """Keeps what is tainted in a line, and what is clean as a sum."""

    def __init__(self, *, is_clean_first: bool) -> None:
        super().__init__()
        self._lots, self._is_clean_first = Lots(), is_clean_first

    def _enter(self, coin: Coin) -> None:
        super()._enter(coin)
        for piece in coin.slices:
            self._lots.add(piece.length, piece.label)

    def _take(self, value: int) -> Coin:
        if self._is_clean_first:
            clean = min(value, self._balance - self._tainted)
            return Coin.of_runs([(clean, None), *self._lots.take(value - clean)])
        tainted = min(value, self._tainted)
        return Coin.of_runs([*self._lots.take(tainted), (value - tainted, None)])


@dataclass(frozen=True, slots=True)
class AccountFifo:
    """First in, first out: a payment takes what the account received first of what it still holds.

    Wrong as a statement of fact: an account keeps no order, its balance is one number.

    References
    ----------
    Clayton's case (Devaynes v Noble, 1816).

    Examples
    --------
    >>> book = AccountFifo().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(8).tainted_sat, book.claimed
    (4, {0: 2})
    """

    name: ClassVar[str] = "fifo"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _LineBook(newest=False)


@dataclass(frozen=True, slots=True)
class AccountLifo:
    """Last in, first out: a payment takes what the account received last, the last base unit first.

    Nearest to an account that only passes money on; wrong for one with savings of its own, as no account
    keeps an order.

    References
    ----------
    The mirror image of Clayton's case.

    Examples
    --------
    >>> book = AccountLifo().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(8).tainted_sat, book.claimed
    (6, {})
    """

    name: ClassVar[str] = "lifo"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _LineBook(newest=True)


@dataclass(frozen=True, slots=True)
class DirtyFirst:
    """Drugs in, first out: a payment takes what is tainted before anything clean.

    Of several labels the one that came first goes first. It follows the most that can have left.

    References
    ----------
    United States v. Banco Cafetero Panama, 797 F.2d 1154 (2d Cir. 1986).

    Examples
    --------
    >>> book = DirtyFirst().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(5).tainted_sat, book.claimed
    (5, {0: 1})
    """

    name: ClassVar[str] = "dirty-first"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _SortedBook(is_clean_first=False)


@dataclass(frozen=True, slots=True)
class CleanFirst:
    """The holder's own money first: a payment takes what is clean before anything tainted.

    It is the presumption that a holder acts honestly and spends what is his own. Of several labels the
    one that came first goes first.

    References
    ----------
    Re Hallett's Estate (1880) 13 Ch D 696.

    Examples
    --------
    >>> book = CleanFirst().open()
    >>> for coin in (Coin(4), Coin.of(6, {0: 6})):
    ...     book.receive(coin)
    >>> book.pay(5).tainted_sat, book.claimed
    (1, {0: 5})
    """

    name: ClassVar[str] = "clean-first"
    conserves: ClassVar[bool] = True

    def open(self) -> TaintBook:
        """Return an empty book."""
        return _SortedBook(is_clean_first=True)
