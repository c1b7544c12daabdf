"""What was read of one address, or of some transactions, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chainflow.model import AddressClaim, Fact, Listing, TransferRecord, TxOutline, TxRecord

__all__ = ["History"]


@dataclass(slots=True)
class History:
    """What was read of one address, and why no more: "" where the source was read to its end.

    `is_held` says that something was told at all, if only that there is nothing. `is_cut` says that the source
    itself has no more to give of a list that it says is not whole; `refused` are the lists that it declined,
    and in which words.
    """

    txs: dict[str, TxRecord] = field(default_factory=dict)
    transfers: list[TransferRecord] = field(default_factory=list)
    listed: dict[str, None] = field(default_factory=dict)
    outlines: dict[str, TxOutline] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    left: str = ""
    is_held: bool = False
    is_service: bool = False
    is_cut: bool = False
    refused: dict[str, str] = field(default_factory=dict)

    def take(self, other: History) -> None:
        """Take in what was read apart."""
        self.txs |= other.txs
        self.transfers += other.transfers

    def add(self, facts: Iterable[Fact]) -> None:
        """Take in the facts of one reply."""
        self.is_held = True
        for fact in facts:
            match fact:
                case TxRecord():
                    self.txs[fact.txid] = fact
                case TxOutline():
                    self.outlines[fact.txid] = fact
                case TransferRecord():
                    self.transfers.append(fact)
                case Listing():
                    self.listed.update(dict.fromkeys(fact.txids))
                    self.is_cut |= not (fact.complete or fact.next)
                case AddressClaim():
                    self.claims[fact.which] = fact.tx_count + fact.unconfirmed
        for txid, outline in self.outlines.items():
            if txid in self.txs:
                self.txs[txid] = _completed(self.txs[txid], outline)

    @property
    def known(self) -> set[str]:
        """The txids of which more than the name is known."""
        return {*self.txs, *(transfer.txid for transfer in self.transfers)}

    @property
    def size(self) -> int:
        """The most transactions that anything shows."""
        return max(len(self.listed), *self.claims.values(), 0)


def _completed(tx: TxRecord, outline: TxOutline) -> TxRecord:
    """Return a transaction with the spent outputs and the block that an outline tells."""
    placed = tx
    if outline.is_placed:
        placed = replace(tx, height=outline.height, block_hash=outline.block_hash, is_placed=True)
    if outline.prevouts is None or len(outline.prevouts) != len(tx.inputs):
        return placed
    filled = zip(tx.inputs, outline.prevouts, strict=True)
    return replace(placed, inputs=tuple(replace(given, prevout=prevout) for given, prevout in filled))
