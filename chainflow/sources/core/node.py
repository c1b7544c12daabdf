"""Where a node is found and how one logs in to it: what its two interfaces share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from chainflow.errors import BadInput
from chainflow.sources.adapter import HttpSource

if TYPE_CHECKING:
    from chainflow.sources.http import SessionOptions

__all__ = ["Node"]

_PORTS = {
    "btc": 8332,
    "btc-testnet": 18332,
    "btc-regtest": 18443,
    "ltc": 9332,
    "ltc-testnet": 19332,
    "ltc-regtest": 19443,
    "doge": 22555,
    "bch": 8332,
    "dash": 9998,
    "zec": 8232,
}
"""Chain → the port that its node answers at unless told otherwise."""

_LARGEST = 256 * 2**20
"""Bytes of the largest answer: a full block as JSON, with all that it spends, has some 30 MB."""

_PATIENCE = 300.0
"""Seconds that an answer may take: a scan for one address reads every unspent output there is."""


class Node(HttpSource):
    """A node of one's own over HTTP; without a URL, the one on this machine at its usual port."""

    states_prevouts = False

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        if url is not None and "://" not in url:
            url = f"http://{url}"  # a node speaks no TLS
        options.setdefault("max_bytes", _LARGEST)
        options.setdefault("timeout", _PATIENCE)
        options.setdefault("max_seconds", _PATIENCE)
        super().__init__(url, chain=chain, proxy=proxy, **options)

    @classmethod
    def default_url(cls, chain: str, *, host: str = "") -> str:
        """Return the URL of the node on this machine.

        Raises
        ------
        BadInput
            If the usual port of the chain's node is not known.
        """
        if chain not in _PORTS:
            raise BadInput(
                f"no port is known for a node of {chain!r}", hint="give its URL: http://127.0.0.1:PORT"
            )
        return f"http://{host or '127.0.0.1'}:{_PORTS[chain]}"
