"""How far a fetch goes: what the caller may choose, with its checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from chainflow.errors import BadInput

__all__ = ["LimitOptions", "Limits"]

DIRECTIONS = ("forward", "backward", "both")
FOLLOWED = ("addresses", "coins")


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go.

    Attributes
    ----------
    hops : int
        1: the seeds' own histories; 2: also their counterparties'; …
    direction : {"forward", "backward", "both"}
        Follow payments made, payments received, or both, to the next address.
    follow : {"addresses", "coins"}
        `addresses`: read the whole history of every address that money reaches, which clustering needs.
        `coins`: read only the transactions that spend (or made) the very coins of the one before, which
        a trace needs: a few requests, however busy the addresses on the way are.
    max_txs : int
        Size guard: an address with more transactions is a service for this purpose and is not read (no
        further, where the source claims fewer than its pages give).
    budget : int or None
        The most requests that this call may send. The source's newest height is one of them, left out
        only where `budget` is 1; trying one request again after a failure does not count.
    spends : bool
        Ask for every output at the edge whether it is spent (costs a request per transaction, or one
        per fifty where the source takes batches).
    counts : bool
        Ask of every address how many transactions it has, not only of the seeds and where a list cannot
        be believed without: one more request for each, and a list that lacks some is seen.
    proofs : bool
        Ask for a merkle branch and the header of every confirmed transaction that was read, where the
        source has them: what is proved by work is at level 3.
    """

    hops: int = 1
    direction: str = "both"
    follow: str = "addresses"
    max_txs: int = 2_000
    budget: int | None = None
    spends: bool = False
    counts: bool = False
    proofs: bool = False

    def __post_init__(self) -> None:
        for value, known in ((self.direction, DIRECTIONS), (self.follow, FOLLOWED)):
            if value not in known:
                raise BadInput(f"no such way to go: {value!r}", hint=f"one of {', '.join(known)}")
        if self.hops < 1 or self.max_txs < 1 or (self.budget is not None and self.budget < 0):
            raise BadInput(
                "hops and max_txs are 1 or more, budget is 0 or more", hint="hops=1 reads only the seeds"
            )

    @property
    def is_forward(self) -> bool:
        """Whether payments made are followed."""
        return self.direction != "backward"

    @property
    def is_backward(self) -> bool:
        """Whether payments received are followed."""
        return self.direction != "forward"


class LimitOptions(TypedDict, total=False):
    """The keywords of `fetch` that say how far to go; meaning and defaults as in `Limits`."""

    hops: int
    direction: str
    follow: str
    max_txs: int
    budget: int | None
    spends: bool
    counts: bool
    proofs: bool
