"""The Esplora family of explorers: blockstream.info, mempool.space, litecoinspace.org, or your own electrs.

Here is what is asked and where; what the answers state is `chainflow.sources.esplora_facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from chainflow.sources.adapter import HttpSource, Place, Places, check_batch
from chainflow.sources.esplora_facts import facts, subject_of
from chainflow.sources.utxo import checked_txid

__all__ = ["Esplora", "facts"]

_BATCH = 50


class Esplora(HttpSource):
    """One Esplora server as a source; see `HttpSource` for how one is named.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used, or belongs to another chain. Nothing is asked yet.

    Examples
    --------
    >>> source = Esplora("mempool.space")
    >>> source.name, source.chain
    ('esplora:https://mempool.space/api', 'btc')
    """

    family = "esplora"
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    places: ClassVar[Places] = {
        "blockstream.info": {"btc": "/api", "btc-testnet": "/testnet/api"},
        "mempool.space": {"btc": "/api", "btc-testnet": "/testnet/api"},
        "litecoinspace.org": {"ltc": "/api", "ltc-testnet": "/testnet/api"},
    }
    most_spends = _BATCH

    def tip_path(self) -> str:
        """Return the path that asks for the height of the newest block."""
        return "/blocks/tip/height"

    def address_path(self, address: str) -> str:
        """Return the path that asks how many transactions `address` has: the guard before its history."""
        return f"/address/{self.canonical(address)}"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of the newest page of a history, or of the one after the txid `after`."""
        del which
        page = f"/chain/{checked_txid(after)}" if after else ""
        return f"/address/{self.canonical(address)}/txs{page}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that ask for transactions, one for each."""
        return tuple(f"/tx/{checked_txid(txid)}" for txid in txids)

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path that asks what spent the outputs of one transaction, or of up to 50.

        Several at once is an extension of mempool.space's servers; others answer 404.
        """
        check_batch(txids, _BATCH)
        joined = ",".join(map(checked_txid, txids))
        return f"/tx/{joined}/outspends" if len(txids) == 1 else f"/txs/outspends?txids={joined}"

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths that ask for merkle branches, and for the header of each block named once."""
        branches = [f"/tx/{checked_txid(txid)}/merkle-proof" for txid, _, _ in places]
        blocks = dict.fromkeys(block_hash for _, _, block_hash in places if block_hash)
        return (*branches, *(f"/block/{checked_txid(block)}/header" for block in blocks))

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return the path that asks for a block's hash, or for the whole block as bytes."""
        return (
            (f"/block/{checked_txid(block_hash)}/raw?height={height}",)
            if block_hash
            else (f"/block-height/{height}",)
        )
