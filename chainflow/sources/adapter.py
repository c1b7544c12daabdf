"""What the adapters of all HTTP explorers share: where they are, and how they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Unpack
from urllib.parse import urlsplit

from chainflow.addresses import decode
from chainflow.errors import BadInput
from chainflow.model import Fact
from chainflow.sources.urls import read_endpoint

if TYPE_CHECKING:
    from chainflow.sources.http import Reply, Session, SessionOptions

__all__ = ["HttpSource", "Place", "Places", "check_batch"]

Places = Mapping[str, Mapping[str, str]]
"""Public host → chain → base path; the first host that has a chain is its default."""

Place = tuple[str, int, str]
"""Where a transaction is: (txid, height, block hash or "" where no source told it)."""


class HttpSource:
    """One explorer over HTTP: a family says where it is found, makes paths, and reads the answers.

    Parameters
    ----------
    url : str, optional
        Base URL, such as `https://mempool.space/api` or `http://127.0.0.1:3000`; a public host's name
        alone will do. Without it, the default for `chain`.
    chain : str, optional
        `btc`, `ltc`, `eth`, …; needed only where the URL does not tell (own servers: the family's first).
    proxy : str, optional
        As for `Session`; Tor is `socks5h://127.0.0.1:9050`.
    **options
        Further keywords of `Session`.

    Attributes
    ----------
    name : str
        The family and the base URL without secrets: identifies the source in an archive.
    host, chain : str

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used, or belongs to another chain. Nothing is asked yet.
    """

    family: ClassVar[str]
    places: ClassVar[Places] = {}
    own_chain: ClassVar[str] = "btc"
    """The chain of a server that is not in `places` and of which nobody said."""

    lists: tuple[str, ...] = ("",)
    most_txids: int = 1
    most_spends: int = 1
    states_prevouts: bool = True

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        if url is None or url in self.places:
            url = self.default_url(chain or self._first_chain(url), host=url or "")
        elif "://" not in url:
            url = f"https://{url}"
        endpoint = read_endpoint(url, proxy=proxy)
        known = self.chain_of_url(endpoint.base)
        if chain is not None and known not in (None, chain):
            raise BadInput(f"{endpoint.shown} speaks of {known}, not of {chain}", hint="leave out chain=")
        if chain is None and known is None and endpoint.host in self.places:
            # a guess would be wrong: signet, testnet4, or Liquid, whose hidden amounts nobody can follow
            paths = ", ".join(self.places[endpoint.host].values())
            raise BadInput(
                f"which chain is at {endpoint.shown}?", hint=f"pass chain=, or take one of {paths}"
            )
        self.chain = chain or known or self.own_chain
        self.host = endpoint.host
        self.name = f"{self.family}:{endpoint.shown}"
        self._url = url
        self._proxy, self._options = proxy, options
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name.partition(':')[2]!r}, chain={self.chain!r})"

    @classmethod
    def default_url(cls, chain: str, *, host: str = "") -> str:
        """Return the base URL of the public explorer that is asked about `chain`, of `host` if given.

        Raises
        ------
        BadInput
            If no host is known for it.
        """
        for name, paths in cls.places.items():
            if chain in paths and host in ("", name):
                return f"https://{name}{paths[chain]}"
        known = ", ".join(dict.fromkeys(chain for paths in cls.places.values() for chain in paths))
        where = f" at {host}" if host else ""
        one_of = f", or one of: {known}" if known else ""
        raise BadInput(
            f"no public {cls.__name__} is known for {chain!r}{where}", hint=f"give its URL{one_of}"
        )

    @classmethod
    def chain_of_url(cls, url: str) -> str | None:
        """Return the chain that a public explorer's base URL speaks of, `None` where that is not known."""
        parts = urlsplit(url)
        paths = cls.places.get(parts.hostname or "", {})
        return next((chain for chain, path in paths.items() if parts.path.rstrip("/") == path), None)

    @classmethod
    def _first_chain(cls, host: str | None) -> str:
        """Return the main chain of a public host."""
        return next(iter(cls.places[host])) if host else cls.own_chain

    def tip_path(self) -> str | None:
        """Return the path that asks for the newest block's height (`Tip`); `None` if there is none."""
        return None

    def address_path(self, address: str) -> str | None:
        """Return the path that asks how many transactions an address has; `None` if there is none."""
        del address
        return None

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str | None:
        """Return the path of a page of a history; `None` if this source keeps none."""
        del address, after, which
        return None

    def outspends_path(self, txids: Sequence[str]) -> str | None:
        """Return the path that asks what spent the outputs of these; `None` if there is none."""
        del txids
        return None

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths that together ask for the merkle branches and headers of these transactions."""
        del places
        return ()

    def header_paths(self, first: int, last: int, first_hash: str = "") -> tuple[str, ...]:
        """Return the paths that ask for the headers of many blocks; none if this source gives only single ones."""
        del first, last, first_hash
        return ()

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return the paths that ask for a whole block; for its hash first, where that is needed for it."""
        del height, block_hash
        return ()

    def ask(self, path: str) -> Reply:
        """Return the server's final answer to `path`, over the network.

        Raises
        ------
        SourceError
            As for `Session.get`.
        """
        return self.session.get(path)

    @property
    def session(self) -> Session:
        """The session that asks this host, opened at the first question."""
        if self._session is None:
            # verifying a case reads facts by the thousand and must not even load the network
            from chainflow.sources.http import Session

            self._session = Session(self._url, proxy=self._proxy, **self._options)
        return self._session

    @staticmethod
    def read(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return what an archived answer states; every family has its own."""
        raise NotImplementedError

    def facts(self, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return what a reply states: `read` for this source's chain."""
        return self.read(self.chain, path, status, body)

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def canonical(self, address: str) -> str:
        """Return an address as this chain writes it.

        Raises
        ------
        AddressInvalid
            If it is none of this chain.
        """
        return decode(address, chain=self.chain).address


def check_batch(txids: Sequence[str], most: int) -> None:
    """Check that a question names at least one transaction, and no more than the source takes at once.

    Raises
    ------
    BadInput
    """
    if not 1 <= len(txids) <= most:
        hint = "ask for 1" if most == 1 else f"ask for 1 to {most}"
        raise BadInput(f"{len(txids)} txids in one question", hint=hint)
