"""What every pattern is looked for in, and what goes on from a payment: the two things that searches share."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from chainflow.tracing.asset import Asset
from chainflow.typologies.hits import Amount, said_amount
from chainflow.typologies.parameters import Parameters
from chainflow.typologies.payments import NOBODY, Payment, Payments

__all__ = ["Search", "dense"]


@dataclass(frozen=True)  # no slots: `cached_property` keeps its value in the instance's dict
class Search:
    """The payments, the parameters, and what a bound cut short (why → how often)."""

    payments: Payments
    parameters: Parameters
    cut: Counter[str] = field(default_factory=Counter)

    def row(self, number: int) -> Payment:
        """Return a payment by its number."""
        return self.payments.rows[number]

    def asset(self, number: int) -> Asset:
        """Return an asset by its number."""
        return self.payments.assets[number]

    def sum_of(self, what: str, rows: Sequence[int]) -> Amount:
        """Return the sum of payments of one asset."""
        asset = self.asset(self.row(rows[0]).asset)
        return Amount(what, sum(self.row(row).amount for row in rows), str(asset))

    def said(self, rows: Sequence[int]) -> str:
        """Return the sum of payments of one asset, for people."""
        return said_amount(sum(self.row(row).amount for row in rows), self.asset(self.row(rows[0]).asset))

    def txs(self, rows: Sequence[int]) -> list[int]:
        """Return the transactions of payments."""
        return [self.row(row).tx for row in rows]

    def names(self, parties: Iterable[int]) -> tuple[str, ...]:
        """Return the names of parties in the order given, each once; nobody has none."""
        return tuple(self.payments.name(party) for party in dict.fromkeys(parties) if party != NOBODY)

    @cached_property
    def _by_amount(self) -> dict[tuple[int, int], tuple[list[int], list[int]]]:
        """(party, asset) → what it paid, by amount: the amounts, and the rows."""
        found = {}
        for key, rows in self.payments.by_payer.items():
            ordered = sorted(rows, key=lambda row: (self.row(row).amount, row))
            found[key] = [self.row(row).amount for row in ordered], ordered
        return found

    def onward(self, number: int, least: int, *, kind: str) -> Iterator[int]:
        """Yield the payments that go on from one: its payee pays, later, within W, and from `least` to its amount.

        The nearest amounts come first. Four times `most` are looked at, at the most; where there are more it
        is noted in `cut`.
        """
        row = self.row(number)
        amounts, rows = self._by_amount.get((row.payee, row.asset), ([], []))
        stop = bisect_left(amounts, row.amount + 1)
        start = bisect_left(amounts, least)
        bound = 4 * self.parameters.most
        if stop - start > bound:
            self.cut[f"{kind}: payments after which only the {bound} nearest amounts were followed"] += 1
        clock = self.payments.clock
        for later in reversed(rows[max(start, stop - bound) : stop]):
            if self.row(later).payee == NOBODY or clock(later) - clock(number) > self.parameters.seconds:
                continue
            if self.payments.is_before(row.tx, self.row(later).tx):
                yield later


def dense(clocks: Sequence[int], who: Sequence[int], *, least: int, seconds: int) -> Iterator[slice]:
    """Yield stretches of events: windows that hold `least` different `who`, those that overlap as one.

    Events are in order of time. Two pointers: each event enters and leaves once.

    Examples
    --------
    >>> list(dense([0, 1, 2, 90, 91], [1, 2, 3, 1, 1], least=3, seconds=10))
    [slice(0, 3, None)]
    """
    held: Counter[int] = Counter()
    first, begin, end = 0, -1, -1
    for last, clock in enumerate(clocks):
        held[who[last]] += 1
        while clocks[first] < clock - seconds:
            held[who[first]] -= 1
            if not held[who[first]]:
                del held[who[first]]
            first += 1
        if len(held) < least:
            continue
        if begin >= 0 and first > end:
            yield slice(begin, end + 1)
            begin = -1
        begin, end = (first if begin < 0 else begin), last
    if begin >= 0:
        yield slice(begin, end + 1)
