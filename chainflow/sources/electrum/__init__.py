"""Electrum servers: ElectrumX, Fulcrum and electrs, public ones or the one beside your own node.

Here is what is asked and where; what the answers state is `chainflow.sources.electrum.facts`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from chainflow.errors import BadInput
from chainflow.sources.adapter import HttpSource, Place
from chainflow.sources.electrum.facts import facts, question_of, subject_of
from chainflow.sources.electrum.place import ServerPlace, read_place
from chainflow.sources.headers import PLAIN_HEADERS
from chainflow.sources.utxo import checked_txid

if TYPE_CHECKING:
    from chainflow.sources.electrum.asking import LineOptions, LineSession
    from chainflow.sources.http import Reply

__all__ = ["Electrum", "facts"]

_BATCH = 100
"""Calls in a batch that servers take with their default settings (Fulcrum: 345 in all per address)."""

_HEADERS = 2_016
"""Headers that servers give at once."""

_PUBLIC: Mapping[str, str] = {
    "btc": "ssl://electrum.blockstream.info:50002",
    "btc-testnet": "ssl://electrum.blockstream.info:60002",
}


class Electrum(HttpSource):
    """One Electrum server as a source.

    Parameters
    ----------
    url : str, optional
        `ssl://host:50002`, with `?pin=…` (the certificate's SHA-256) where nobody vouches for it;
        `tcp://127.0.0.1:50001` for your own; a host alone is `ssl://`. Without it, the public default.
    chain : str, optional
        `btc` where it is not given: a server does not say of which chain it is, but is checked to be of
        this one before anything is asked.
    proxy : str, optional
        `socks5://` or `socks5h://`; Tor is `socks5h://127.0.0.1:9050`.
    **options
        As for `Session`, without `headers`.

    Raises
    ------
    BadInput, HostNotAllowed
        If the place cannot be used. Nothing is asked yet.

    Examples
    --------
    >>> Electrum("tcp://127.0.0.1:50001", chain="ltc").name
    'electrum:tcp://127.0.0.1:50001'
    """

    family = "electrum"
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    most_txids = _BATCH
    states_prevouts = False

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[LineOptions],
    ) -> None:
        where = url or self.default_url(chain or self.own_chain)
        self._place = read_place(where if "://" in where else f"ssl://{where}", proxy=proxy)
        self.chain = chain or _chain_of(self._place) or self.own_chain
        self.host = self._place.host
        self.name = f"{self.family}:{self._place.shown}"
        self._proxy, self._line_options = proxy, options
        self._line_session: LineSession | None = None

    @classmethod
    def default_url(cls, chain: str, *, host: str = "") -> str:
        """Return the place of the public server that is asked about `chain`.

        Raises
        ------
        BadInput
            If none is known for it.
        """
        del host
        if chain not in _PUBLIC:
            raise BadInput(
                f"no public Electrum server is known for {chain!r}",
                hint=f"name one, as ssl://host:50002, or one of: {', '.join(_PUBLIC)}",
            )
        return _PUBLIC[chain]

    def tip_path(self) -> str:
        """Return the path that asks for the newest block."""
        return "/tip"

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a history: all of it in one answer."""
        del which
        if after:
            raise BadInput("an Electrum server gives a history in one answer", hint="there is no next page")
        return f"/history/{self.canonical(address)}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that ask for the bytes of transactions, a hundred in each."""
        known = list(dict.fromkeys(map(checked_txid, txids)))
        return tuple(f"/tx/{','.join(part)}" for part in _parts(known))

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths that ask for merkle branches, each with the headers that they lead to."""
        known = list(dict.fromkeys(f"{height}:{checked_txid(txid)}" for txid, height, _ in places))
        return tuple(f"/proof/{','.join(part)}" for part in _parts(known))

    def header_paths(self, first: int, last: int, first_hash: str = "") -> tuple[str, ...]:
        """Return the paths that ask for headers, up to 2,016 in each.

        They begin at a multiple of 2,016, perhaps below `first`: ranges that overlap share their questions.
        """
        del first_hash
        if self.chain.partition("-")[0] not in PLAIN_HEADERS:
            return ()
        starts = range(first - first % _HEADERS, last + 1, _HEADERS)
        return tuple(f"/headers/{start}-{min(_HEADERS, last + 1 - start)}" for start in starts)

    def ask(self, path: str) -> Reply:
        """Return the server's final answer to `path`, over the network.

        Raises
        ------
        SourceError
            As for `LineSession.answer`.
        BadInput
            If the server is of another chain; nothing of `path` was sent then.
        """
        from chainflow.sources.http import Reply

        body = self._asking.answer(question_of(self.chain, path))
        return Reply(path, f"{self.name}{path}", 200, body, int(time.time()), "")

    @property
    def _asking(self) -> LineSession:
        """The session that asks this server, opened at the first question."""
        if self._line_session is None:
            # verifying a case reads facts by the thousand and must not even load the network
            from chainflow.sources.electrum.asking import LineSession

            self._line_session = LineSession(
                self._place, chain=self.chain, proxy=self._proxy, **self._line_options
            )
        return self._line_session

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._line_session is not None:
            self._line_session.close()
            self._line_session = None


def _chain_of(place: ServerPlace) -> str | None:
    """Return the chain of a server that is in `_PUBLIC`."""
    return next((chain for chain, public in _PUBLIC.items() if public == place.shown), None)


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
