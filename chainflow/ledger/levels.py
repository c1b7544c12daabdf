"""How well each transaction is known: from one source's word (0) to one's own node (5).

0: one source said so. 1: two independent hosts state the same. 2: the txid was recomputed from the bytes.
3: a merkle branch leads to a header with proof of work. 4: that header is chained to a shipped checkpoint,
which also stands for work that cannot be checked here.
5: one's own node gave it.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chainflow.errors import BadBytes, ProofFailed
from chainflow.hosts import is_private
from chainflow.ledger.headers import Headers, has_work
from chainflow.ledger.order import TxKey
from chainflow.merkle import check_inclusion
from chainflow.model import HeaderRecord, InclusionRecord, TxRecord
from chainflow.transactions import Header
from chainflow.wire import parse_transaction

__all__ = [
    "AGREED",
    "HEARSAY",
    "INCLUDED",
    "OWN_NODE",
    "RECOMPUTED",
    "Proofs",
    "has_work",
    "host_of",
    "is_own_node",
    "level_of",
    "operator_of",
]

HEARSAY, AGREED, RECOMPUTED, INCLUDED, ANCHORED, OWN_NODE = range(6)

_NODES = ("core", "core-rest", "evm")


@functools.cache
def host_of(source: str) -> str:
    """Return the host of a source's name, "" for a file: which says nothing independent."""
    return urlsplit(source.partition(":")[2]).hostname or ""


@functools.cache
def operator_of(source: str) -> str:
    """Return who runs a source, as far as its name shows: two names under one domain are not independent.

    All private addresses are one operator, and a file is none: "" says nothing independent.

    Examples
    --------
    >>> operator_of("blockscout:https://eth.blockscout.com"), operator_of("esplora:http://127.0.0.1:8000")
    ('blockscout.com', 'private')
    """
    host = host_of(source)
    if not host or is_private(host):
        return "private" if host else ""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ".".join(host.split(".")[-2:])


@functools.cache
def is_own_node(source: str) -> bool:
    """Return whether a source is a node at a private address: one that checked everything itself."""
    return source.partition(":")[0] in _NODES and is_private(host_of(source) or "example.org")


def level_of(tx: TxRecord, *, hosts: int, block: str | None, anchored: Collection[str], is_own: bool) -> int:
    """Return how well a transaction is known.

    Parameters
    ----------
    hosts : int
        How many independent hosts state exactly the same of it.
    block : str or None
        The hash of the block that was shown to commit to it.
    anchored : collection of str
        The blocks that are chained to a checkpoint.
    is_own : bool
        Whether one's own node gave it.
    """
    if tx.raw is None:
        return AGREED if hosts > 1 else HEARSAY
    if is_own:
        return OWN_NODE
    if block is None:
        return RECOMPUTED
    return ANCHORED if block in anchored else INCLUDED


Current = Callable[[InclusionRecord, Header], bool]
"""Whether the source of a branch has not said since that the transaction is in another block."""


@dataclass(slots=True)
class Proofs:
    """The branches and headers that were learnt, and what they prove."""

    branches: dict[TxKey, dict[InclusionRecord, None]] = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)

    def add(self, fact: InclusionRecord | HeaderRecord) -> None:
        """Take in a branch or a header."""
        if isinstance(fact, HeaderRecord):
            self.headers.add(fact)
            return
        known_branches = self.branches.setdefault((fact.chain, fact.txid), {})
        known_branches.pop(fact, None)  # the newest stands last
        known_branches[fact] = None

    def included(
        self, tx: TxRecord, named: Collection[str], is_current: Current
    ) -> tuple[Header, InclusionRecord] | str | None:
        """Return the header that commits to a transaction and the branch; why none does; `None` if unasked.

        Parameters
        ----------
        named : collection of str
            The blocks that sources say it is in: a branch may lead to these, or to any of its height.
        """
        branches = self.branches.get((tx.chain, tx.txid))
        if not branches or tx.raw is None:
            return None
        parsed = parse_transaction(tx.raw)
        why: str | None = None
        for branch in reversed(branches):
            for header in self._candidates(branch, named):
                try:
                    check_inclusion(parsed, header, branch=branch.branch, position=branch.position)
                except (ProofFailed, BadBytes) as error:
                    why = error.message
                    continue
                if doubt := self.headers.doubt(tx.chain, header, branch.height):
                    why = doubt
                elif not is_current(branch, header):
                    why = f"its source has since said that it is not in block {header.hash}"
                else:
                    return header, branch
        return why

    def _candidates(self, branch: InclusionRecord, named: Collection[str]) -> list[Header]:
        blocks = set(self.headers.at_height.get((branch.chain, branch.height), ()))
        blocks |= {block for block in named if self.headers.stated.get((branch.chain, block)) is None}
        found = [self.headers.get(branch.chain, block) for block in sorted(blocks)]
        return [header for header in found if header is not None]

    def anchored(self, chain: str) -> frozenset[str]:
        """Return the hashes of held headers that are chained to a checkpoint of the chain: `Headers.heights`."""
        return frozenset(self.headers.heights(chain))

    @staticmethod
    def proof_rows(proving: Collection[InclusionRecord]) -> list[tuple[object, ...]]:
        """Return the branches that prove something as rows of the proofs table."""
        return sorted(
            (one.chain, one.txid, one.height, one.position, " ".join(one.branch)) for one in proving
        )
