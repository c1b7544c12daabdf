"""TronGrid (api.trongrid.io), and Tron full nodes' own HTTP API, as a source.

Here is what is asked and where; what the answers state is `chainflow.sources.trongrid.facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from chainflow.errors import BadInput
from chainflow.model import is_txid
from chainflow.sources.adapter import HttpSource, Places
from chainflow.sources.trongrid.facts import LISTS, check_limit, facts, subject_of
from chainflow.tron import address_bytes, address_text

if TYPE_CHECKING:
    from chainflow.sources.http import Reply

__all__ = ["TronGrid", "facts"]


class TronGrid(HttpSource):
    """TronGrid, or a full node of your own, as a source; see `HttpSource` for how one is named.

    A key goes in a header: `headers={"TRON-PRO-API-KEY": "…"}`. A full node answers for transactions and
    for the newest block; it keeps no histories of addresses.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used. Nothing is asked yet.

    Examples
    --------
    >>> source = TronGrid()
    >>> source.name, source.chain
    ('trongrid:https://api.trongrid.io', 'tron')
    >>> source.canonical("41a614f803b6fd780986a42c78ec9c7f77e6ded13c")
    'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'
    """

    family = "trongrid"
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    places: ClassVar[Places] = {"api.trongrid.io": {"tron": ""}}
    own_chain = "tron"
    lists = tuple(LISTS)

    def tip_path(self) -> str:
        """Return the path that asks for the newest block."""
        return "/wallet/getnowblock"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a page of one of the three lists of an address.

        Parameters
        ----------
        address : str
        after : str
            The fingerprint that the page before gave.
        which : {"native", "token", "internal"}
            "" is `native`.

        Raises
        ------
        BadInput
            If there is no such list.
        """
        if (which or "native") not in LISTS:
            raise BadInput(f"TronGrid has no list {which!r}", hint=f"there are: {', '.join(LISTS)}")
        cursor = f"&fingerprint={quote(after, safe='')}" if after else ""
        return f"/v1/accounts/{self.canonical(address)}/{LISTS[which or 'native']}{cursor}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return two paths for each transaction: for its signed bytes, and for what came of it."""
        for txid in txids:
            if not is_txid(txid):
                raise BadInput(f"not a txid: {txid[:80]!r}", hint="64 lower-case hex digits, without 0x")
        questions = ("gettransactionbyid", "gettransactioninfobyid")
        return tuple(f"/wallet/{question}?value={txid}" for txid in txids for question in questions)

    def ask(self, path: str) -> Reply:
        """Return the server's final answer to `path`, over the network.

        Raises
        ------
        RateLimited
            Also for the ways of saying so that look like an answer: status 403, and an error in a 200.
        SourceError
            As for `Session.get`.
        """
        reply = super().ask(path)
        check_limit(reply.status, reply.body, what=self.host)
        return reply

    def canonical(self, address: str) -> str:
        """Return an address as `T…`, also of one written in hex.

        Raises
        ------
        AddressInvalid
            If it is none of Tron.
        """
        return address_text(address_bytes(address))
