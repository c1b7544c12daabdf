"""What a trace lacks, and what was asked to fill it: one question for each missing thing, the largest first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chainflow import cards

__all__ = ["Growth", "Missing", "OpenEnd"]

_SHOWN = 10


class Missing(StrEnum):
    """Which question brings what is missing."""

    SPENDERS = "what spent its outputs"
    TRANSACTION = "the transaction"
    HISTORY = "the history of the address"


class OpenEnd(NamedTuple):
    """One thing that is not in evidence, and how much of the traced value waits for it.

    Attributes
    ----------
    kind : Missing
    what : str
        The txid or the address to ask about.
    amount : int or None
        Base units that end here as unknown; with several ends the sum. `None` of a seed that was not read.
    addresses : tuple of str
        Of `SPENDERS` the addresses of the outputs in question, whose histories tell it, too.
    """

    kind: Missing
    what: str
    amount: int | None
    addresses: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: {self.kind.value}"


@dataclass(frozen=True, slots=True)
class Growth:
    """What a trace asked for while it grew, and what it would ask next.

    Parameters
    ----------
    host : str
        Who was asked, and learnt what was asked.
    asked, rounds : int
        Requests, and how often the trace was made.
    next : tuple of OpenEnd
        What was not asked for yet, the largest amount first: the budget was spent, or asking is switched
        off. The same trace made again goes on here.
    left : tuple of (what, why)
        What was asked for, or would have been, and is not in evidence all the same; or was read in another
        way than asked.
    """

    host: str
    asked: int
    rounds: int
    next: tuple[OpenEnd, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to ask for."""
        return not self.next

    def __repr__(self) -> str:
        return f"<Growth {self}>"

    def __str__(self) -> str:
        first = f", first {self.next[0]}" if self.next else ""
        return (
            f"{self.asked:,} request(s) to {self.host} in {self.rounds:,} round(s), "
            f"{len(self.next):,} question(s) not asked{first}, {len(self.left):,} without an answer"
        )

    def _repr_html_(self) -> str:
        rows = [
            (one.what, one.kind.value, "not known" if one.amount is None else f"{one.amount:,}")
            for one in self.next[:_SHOWN]
        ]
        header = ("would ask next", "for", "base units that wait for it")
        return cards.card("Asked for this trace", rows, header=header, note=str(self)) + (
            cards.table(("not in evidence", "why"), self.left) if self.left else ""
        )
