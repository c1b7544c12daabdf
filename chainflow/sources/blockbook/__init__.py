"""The Blockbook family of explorers (Trezor's, or your own): BTC, LTC, DOGE, BCH, DASH and ZEC through API v2.

Here is what is asked and where; what the answers state is `chainflow.sources.blockbook.facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.sources.adapter import HttpSource, Places, check_batch
from chainflow.sources.blockbook.facts import PAGE, facts, subject_of
from chainflow.sources.utxo import checked_txid

__all__ = ["Blockbook", "facts"]

_BASE = "/api/v2"


class Blockbook(HttpSource):
    """One Blockbook server as a source; see `HttpSource` for how one is named.

    The URL of your own server ends in `/api/v2`. Blockbook's account chains (Ethereum, Tron) are refused.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used, or belongs to another chain. Nothing is asked yet.

    Examples
    --------
    >>> source = Blockbook(chain="doge")
    >>> source.name, source.chain
    ('blockbook:https://doge1.trezor.io/api/v2', 'doge')
    """

    family = "blockbook"
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    places: ClassVar[Places] = {
        **{f"btc{number}.trezor.io": {"btc": _BASE} for number in (1, 2, 3, 4, 5)},
        **{f"{chain}1.trezor.io": {chain: _BASE} for chain in ("ltc", "doge", "bch", "dash", "zec")},
    }

    def tip_path(self) -> str:
        """Return the path that asks for the server's state, with the height it has indexed."""
        return "/"

    def address_path(self, address: str) -> str:
        """Return the path that asks how many transactions `address` has: the guard before its history."""
        return f"/address/{self.canonical(address)}?details=basic"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of the newest page of a history, or of the page whose number is `after`.

        Pages are of the whole history: `to=` a height would keep them from shifting when a block comes, but
        leaves out unconfirmed transactions, so that the second page would not begin where the first ended.
        """
        del which
        if after and not (after.isascii() and after.isdigit() and 2 <= int(after) < 10**9):
            raise BadInput(
                f"not a page of Blockbook: {after[:80]!r}", hint="a cursor is a page number from 2"
            )
        return f"/address/{self.canonical(address)}?details=txs&page={after or 1}&pageSize={PAGE}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that ask for transactions, one for each."""
        return tuple(f"/tx/{checked_txid(txid)}" for txid in txids)

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path that asks what spent the outputs of one transaction."""
        check_batch(txids, 1)
        return f"/tx/{checked_txid(txids[0])}?spending=true"
