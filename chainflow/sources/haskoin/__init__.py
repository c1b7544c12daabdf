"""Haskoin Store, the explorer of api.haskoin.com (Bitcoin, Bitcoin Cash) or your own.

Here is what is asked and where; what the answers state is `chainflow.sources.haskoin.facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from chainflow.sources.adapter import HttpSource, Place, Places, check_batch
from chainflow.sources.haskoin.facts import PAGE, facts, subject_of
from chainflow.sources.utxo import checked_offset, checked_txid

__all__ = ["Haskoin", "facts"]

_BATCH = 50
_CASH = "bitcoincash:"


class Haskoin(HttpSource):
    """One Haskoin Store as a source; see `HttpSource` for how one is named.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used, or belongs to another chain. Nothing is asked yet.

    Examples
    --------
    >>> source = Haskoin(chain="bch")
    >>> source.name
    'haskoin:https://api.haskoin.com/bch'
    """

    family = "haskoin"
    read = staticmethod(facts)
    places: ClassVar[Places] = {
        "api.haskoin.com": {"btc": "/btc", "bch": "/bch", "btc-testnet": "/btctest"},
        "api.blockchain.info": {"btc": "/haskoin-store/btc", "bch": "/haskoin-store/bch"},
    }
    most_txids = _BATCH
    most_spends = _BATCH

    def tip_path(self) -> str:
        """Return the path that asks for the newest block."""
        return "/block/best?notx=true"

    def address_path(self, address: str) -> str:
        """Return the path that asks how many transactions `address` has: the guard before its history."""
        return f"/address/{self._named(address)}/balance"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of the newest page of a history, or of the one after the first `after` rows."""
        del which
        offset = checked_offset(after)
        return f"/address/{self._named(address)}/transactions/full?limit={PAGE}&offset={offset}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the path that asks for up to 50 transactions; those it does not know are left out."""
        check_batch(txids, _BATCH)
        if len(txids) == 1:
            return (f"/transaction/{checked_txid(txids[0])}",)
        return (f"/transactions?txids={','.join(map(checked_txid, txids))}",)

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path that asks for transactions: they come with the spenders of their outputs."""
        return self.tx_paths(txids)[0]

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths that ask for blocks with all their txids, from which the branches are made.

        The server leaves `txids=` unread: it says for the reader which branches are wanted.
        """
        wanted: dict[int, list[str]] = {}
        for txid, height, _ in places:
            wanted.setdefault(height, []).append(checked_txid(txid))
        return tuple(
            f"/block/height/{height}?txids={','.join(txids[start : start + _BATCH])}"
            for height, txids in wanted.items()
            for start in range(0, len(txids), _BATCH)
        )

    def subject_of(self, path: str) -> str:
        """Return the address or txids that the host learns from `path`, "" for none."""
        subject = subject_of(path)
        return self.canonical(subject) if path.startswith("/address/") else subject

    def _named(self, address: str) -> str:
        """Return an address as the API's documentation writes it: without `bitcoincash:`."""
        return self.canonical(address).removeprefix(_CASH)
