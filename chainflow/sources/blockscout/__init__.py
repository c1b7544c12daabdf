"""Blockscout's own API (REST v2): transactions, internal calls, tokens and withdrawals of an address.

Here is what is asked and where; what the answers state is `chainflow.sources.blockscout.facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Unpack

from chainflow.errors import BadInput
from chainflow.networks import EVM
from chainflow.sources.accounts import BLOCKSCOUTS, PAYS_WITHDRAWALS, account, checked_evm_hash, missing_lists
from chainflow.sources.adapter import HttpSource, Places
from chainflow.sources.blockscout.facts import LISTS, facts, is_cursor, subject_of

if TYPE_CHECKING:
    from chainflow.sources.http import SessionOptions

__all__ = ["Blockscout", "facts"]

_ROOT = "/api/v2"


class Blockscout(HttpSource):
    """One Blockscout as a source; see `HttpSource` for how one is named. `/api/v2` may be left out.

    Tokens that the server holds for scams are asked for too, and marked: what is hidden is no evidence.

    Raises
    ------
    BadInput
        Also if `chain` is no EVM chain.

    Examples
    --------
    >>> source = Blockscout("https://base.blockscout.com")
    >>> source.name, source.chain
    ('blockscout:https://base.blockscout.com/api/v2', 'base')
    """

    family = "blockscout"
    own_chain = "eth"
    canonical = staticmethod(account)
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    places: ClassVar[Places] = {
        host: {chain: start + _ROOT for chain, start in paths.items()} for host, paths in BLOCKSCOUTS.items()
    }

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        options["headers"] = {"show-scam-tokens": "true", **(options.get("headers") or {})}
        if url is not None and url not in self.places:
            where, mark, query = url.partition("?")
            where = where.rstrip("/").removesuffix(_ROOT).removesuffix("/api")
            url = f"{where}{_ROOT}{mark}{query}"
        super().__init__(url, chain=chain, proxy=proxy, **options)
        if self.chain not in EVM:
            raise BadInput(f"{self.chain} is no EVM chain", hint=f"one of: {', '.join(sorted(EVM))}")

    @property
    def lists(self) -> tuple[str, ...]:  # type: ignore[override]  # which there are depends on the chain
        """The lists that make up an address's history here: only those in which there can be anything."""
        return tuple(which for which in LISTS if which != "withdrawals" or self.chain in PAYS_WITHDRAWALS)

    @property
    def not_offered(self) -> tuple[str, ...]:
        """The lists in which there can be something on this chain, but which are not read here."""
        return missing_lists(self.chain, self.lists)

    def tip_path(self) -> str:
        """Return the path that asks for the newest blocks."""
        return "/main-page/blocks"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a page of a list ("" is `native`): its newest, or the one at the cursor `after`.

        Raises
        ------
        AddressInvalid
            If `address` is none.
        BadInput
            If there is no such list here, or `after` is no cursor of this family.
        """
        which = which or "native"
        if which not in self.lists:
            raise BadInput(f"no list called {which[:40]!r} here", hint=f"there are: {', '.join(self.lists)}")
        if not is_cursor(after):
            raise BadInput(f"not a cursor: {after[:40]!r}", hint="take it from the page before: Listing.next")
        return f"/addresses/{self.canonical(address)}/{LISTS[which]}{'?' if after else ''}{after}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that together ask for transactions; nothing for what a block itself pays.

        The answer to the first holds a few of the tokens that moved: the second asks for all.
        """
        asked = [checked_evm_hash(txid) for txid in txids if not txid.startswith("block:")]
        parts = ("", "/token-transfers", "/internal-transactions")
        return tuple(f"/transactions/{txid}{part}" for txid in asked for part in parts)
