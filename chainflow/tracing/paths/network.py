"""The network of a ledger in which value moves forward in time: one form for outputs and for accounts.

Nodes are numbered so that every arc leads from a lower number to a higher one: a network has no circles.
Of outputs a node is a transaction and an arc an output, from the transaction that made it to the one that
spends it. Of accounts a node is the moment of an account after one event of its own; an arc is a transfer,
or what is held from one moment to the next. Conversions between assets are no arcs: a network knows one
asset, and what joins two networks belongs above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainflow import units
from chainflow.model import EndReason

__all__ = ["OUTSIDE", "Arc", "Found", "Moment", "Network"]

OUTSIDE = -1
"""Stands where a node's number would: it was made outside the evidence, or ends. Also for no transaction."""


class Arc(NamedTuple):
    """Value that can move, or be held, from one node to another.

    Attributes
    ----------
    tail, head : int
        Nodes. `OUTSIDE` where nothing can be followed into it, or where it ends.
    amount : int
        The most that it carries, in base units.
    tx : int
        Which of `Network.txs` moves it; `OUTSIDE` for what is held, or was made outside the evidence.
    place : str
        `txid:vout`, or the transfer's place in its transaction (`log:12`); "" of fees and of what is held.
    payer, payee : str or None
        `None`: nobody, or (payer of an output) not one in particular.
    end : EndReason or None
        Why it ends; `None` where it has a head.
    """

    tail: int
    head: int
    amount: int
    tx: int
    place: str
    payer: str | None
    payee: str | None
    end: EndReason | None


class Moment(NamedTuple):
    """Where a transaction stands: `time` in Unix seconds; `None` is not known, or in no block yet."""

    txid: str
    height: int | None
    time: int | None


class Found(NamedTuple):
    """What a name stands for: arcs that bring value there, and nodes at which an account may pay."""

    arcs: frozenset[int]
    nodes: frozenset[int] = frozenset()


@dataclass(frozen=True, repr=False, eq=False)
class Network:
    """All arcs of one chain and asset; a read-only view of a ledger.

    Attributes
    ----------
    chain : str
    asset : str
        As `str(Asset)`.
    arcs : list of Arc
    leaving : list of list of int
        The arcs out of each node, in the ledger's order.
    txs : list of Moment
    node_txs : list of int
        The transaction of each node.
    find : callable
        Name (address, txid, `txid:vout`) → what it stands for.
    is_known : mapping of str to bool
        Address → whether everything that it received is in evidence; where it is missing, it is not.
    contracts : frozenset of str
        Accounts that the evidence shows to be contracts.
    decimals : int or None
    symbol : str
    """

    chain: str
    asset: str
    arcs: Sequence[Arc]
    leaving: Sequence[Sequence[int]]
    txs: Sequence[Moment]
    node_txs: Sequence[int]
    find: Callable[[str], Found]
    is_known: Mapping[str, bool]
    contracts: frozenset[str]
    decimals: int | None
    symbol: str

    @property
    def is_outputs(self) -> bool:
        """Whether it is one of outputs: then a node and its transaction are the same."""
        return isinstance(self.node_txs, range)

    def words(self, amount: int) -> str:
        """Return an amount for people."""
        return units.format_amount(amount, self.decimals, self.symbol)

    def moment(self, arc: Arc) -> Moment:
        """Return where the transaction stands that moves an arc's value."""
        return Moment("", None, None) if arc.tx == OUTSIDE else self.txs[arc.tx]


def leaving_of(arcs: Sequence[Arc], nodes: int) -> list[list[int]]:
    """Return the numbers of the arcs out of each node; what carries nothing is left out."""
    leaving: list[list[int]] = [[] for _ in range(nodes)]
    for number, arc in enumerate(arcs):
        if arc.tail != OUTSIDE and arc.amount > 0:
            leaving[arc.tail].append(number)
    return leaving
