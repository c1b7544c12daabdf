"""The Esplora family of explorers: blockstream.info, mempool.space, litecoinspace.org, or your own electrs.

Here is what is asked and where; what the answers state is `chainflow.sources.esplora_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Unpack
from urllib.parse import urlsplit

from chainflow.addresses import decode
from chainflow.errors import BadInput
from chainflow.model import Fact, is_txid
from chainflow.sources.esplora_facts import facts, subject_of
from chainflow.sources.urls import read_endpoint

if TYPE_CHECKING:
    from chainflow.sources.http import Reply, Session, SessionOptions

__all__ = ["Esplora", "chain_of_url", "default_url", "facts"]

_BATCH = 50

_PLACES: Mapping[str, Mapping[str, str]] = {
    "blockstream.info": {"btc": "/api", "btc-testnet": "/testnet/api"},
    "mempool.space": {"btc": "/api", "btc-testnet": "/testnet/api"},
    "litecoinspace.org": {"ltc": "/api", "ltc-testnet": "/testnet/api"},
}
"""Public host → chain → base path; the first host that has a chain is its default."""


def default_url(chain: str, *, host: str = "") -> str:
    """Return the base URL of the public explorer that is asked about `chain`, of `host` if given.

    Raises
    ------
    BadInput
        If no host is known for it.

    Examples
    --------
    >>> default_url("ltc")
    'https://litecoinspace.org/api'
    """
    for name, paths in _PLACES.items():
        if chain in paths and host in ("", name):
            return f"https://{name}{paths[chain]}"
    known = ", ".join(dict.fromkeys(chain for paths in _PLACES.values() for chain in paths))
    where = f" at {host}" if host else ""
    raise BadInput(
        f"no public Esplora is known for {chain!r}{where}", hint=f"give its URL, or one of: {known}"
    )


def chain_of_url(url: str) -> str | None:
    """Return the chain that a public explorer's base URL speaks of, `None` where that is not known here.

    Examples
    --------
    >>> chain_of_url("https://blockstream.info/testnet/api")
    'btc-testnet'
    """
    parts = urlsplit(url)
    paths = _PLACES.get(parts.hostname or "", {})
    return next((chain for chain, path in paths.items() if parts.path.rstrip("/") == path), None)


class Esplora:
    """One Esplora server as a source: makes paths, asks them, and says what the answers state.

    Parameters
    ----------
    url : str, optional
        Base URL, such as `https://mempool.space/api` or `http://127.0.0.1:3000`; a public host's name
        alone will do. Without it, the default for `chain`.
    chain : str, optional
        `btc`, `ltc`, `btc-testnet`, …; needed only where the URL does not tell (own servers: `btc`).
    proxy : str, optional
        As for `Session`; Tor is `socks5h://127.0.0.1:9050`.
    **options
        Further keywords of `Session`.

    Attributes
    ----------
    name : str
        `esplora:` and the base URL without secrets: identifies the source in an archive.
    host, chain : str

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

    family: Final = "esplora"
    read = staticmethod(facts)

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        if url is None or url in _PLACES:
            url = default_url(chain or _first_chain(url), host=url or "")
        elif "://" not in url:
            url = f"https://{url}"
        endpoint = read_endpoint(url, proxy=proxy)
        known = chain_of_url(endpoint.base)
        if chain is not None and known not in (None, chain):
            raise BadInput(f"{endpoint.shown} speaks of {known}, not of {chain}", hint="leave out chain=")
        if chain is None and known is None and endpoint.host in _PLACES:
            # a guess would be wrong: signet, testnet4, or Liquid, whose hidden amounts nobody can follow
            paths = ", ".join(_PLACES[endpoint.host].values())
            raise BadInput(
                f"which chain is at {endpoint.shown}?", hint=f"pass chain=, or take one of {paths}"
            )
        self.chain = chain or known or "btc"
        self.host = endpoint.host
        self.name = f"{self.family}:{endpoint.shown}"
        self._url = url
        self._proxy, self._options = proxy, options
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"Esplora({self.name.removeprefix('esplora:')!r}, chain={self.chain!r})"

    def tip_path(self) -> str:
        """Return the path that asks for the height of the newest block."""
        return "/blocks/tip/height"

    def address_path(self, address: str) -> str:
        """Return the path that asks how many transactions `address` has: the guard before its history."""
        return f"/address/{self._canonical(address)}"

    def history_path(self, address: str, after: str = "") -> str:
        """Return the path of the newest page of a history, or of the one after the txid `after`."""
        page = f"/chain/{_checked(after)}" if after else ""
        return f"/address/{self._canonical(address)}/txs{page}"

    def tx_path(self, txid: str) -> str:
        """Return the path that asks for a transaction."""
        return f"/tx/{_checked(txid)}"

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path that asks what spent the outputs of one transaction, or of up to 50.

        Several at once is an extension of mempool.space's servers; others answer 404.
        """
        if not 1 <= len(txids) <= _BATCH:
            raise BadInput(f"{len(txids)} txids in one question", hint=f"ask for 1 to {_BATCH}")
        joined = ",".join(map(_checked, txids))
        return f"/tx/{joined}/outspends" if len(txids) == 1 else f"/txs/outspends?txids={joined}"

    def subject_of(self, path: str) -> str:
        """Return the address or txids that the host learns from `path`, "" for none."""
        return subject_of(path)

    def ask(self, path: str) -> Reply:
        """Return the server's final answer to `path`, over the network.

        Raises
        ------
        SourceError
            As for `Session.get`.
        """
        if self._session is None:
            # verifying a case reads facts by the thousand and must not even load the network
            from chainflow.sources.http import Session

            self._session = Session(self._url, proxy=self._proxy, **self._options)
        return self._session.get(path)

    def facts(self, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return what a reply states; see `chainflow.sources.esplora.facts`."""
        return self.read(self.chain, path, status, body)

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _canonical(self, address: str) -> str:
        return decode(address, chain=self.chain).address


def _first_chain(host: str | None) -> str:
    """Return the main chain of a public host."""
    return next(iter(_PLACES[host])) if host else "btc"


def _checked(txid: str) -> str:
    if not is_txid(txid):
        raise BadInput(f"not a txid: {txid[:80]!r}", hint="64 lower-case hex digits")
    return txid
