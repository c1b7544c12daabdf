"""Where facts come from: the shape of a source, and how a user's word becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from chainflow.errors import BadInput
from chainflow.model import Fact
from chainflow.registry import load, plugins

if TYPE_CHECKING:
    from chainflow.sources.http import Reply

__all__ = ["GROUP", "Source", "open_source"]

GROUP = "chainflow.sources"
"""The entry-point group in which sources are found, ours like anyone's."""

_NICKNAMES = {"mempool": "esplora:mempool.space"}


@runtime_checkable
class Source(Protocol):
    """A place that can be asked about a UTXO chain; `crawl.fetch` decides what to ask.

    Making a path and reading a reply are pure: the same call gives the same result for ever, so that an
    archived reply can be read again without the source. Only `ask` touches the network.

    A reader returns what is stated or raises a `SourceError`: a reply that is wrong in one place is
    refused as a whole. Rows never come without saying whether there are more: `Listing.complete`.

    Attributes
    ----------
    family : str
        The plug-in's name, by which the reader of an archived reply is found again.
    name : str
        Family and base URL without secrets: identifies this source in an archive.
    host : str
        Who learns what is asked.
    chain : str
        The chain it speaks of.
    """

    @property
    def family(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def chain(self) -> str: ...

    def tip_path(self) -> str:
        """Return the path that asks for the newest block's height (`Tip`)."""

    def address_path(self, address: str) -> str:
        """Return the path that asks how many transactions an address has (`AddressClaim`)."""

    def history_path(self, address: str, after: str = "") -> str:
        """Return the path of a history page: the newest, or the one after the txid (`Listing`)."""

    def tx_path(self, txid: str) -> str:
        """Return the path that asks for one transaction (`TxRecord`)."""

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path that asks what spent the outputs of these transactions (`SpendRecord`s)."""

    def subject_of(self, path: str) -> str:
        """Return the address or txids that the host learns from a path, "" for none."""

    def ask(self, path: str) -> Reply:
        """Return the final answer, over the network."""

    def facts(self, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return what an answer states: `read` for this source's chain."""

    @staticmethod
    def read(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return what an archived answer of this family states about `chain`; pure, and needs no source."""

    def close(self) -> None:
        """Let go of connections."""


def open_source(spec: str | Source, *, chain: str | None = None, proxy: str | None = None) -> Source:
    """Return the source that a user's word names; nothing is asked yet.

    Parameters
    ----------
    spec : str or Source
        A family (`esplora`: its public default for `chain`), a family and where
        (`esplora:https://mempool.space/api`, `esplora:http://127.0.0.1:3000`,
        `esplora:blockstream.info`), `mempool` for mempool.space, or a source, which is returned as it is.
    chain : str, optional
        Where the word does not tell, `btc`.
    proxy : str, optional
        Such as `socks5h://127.0.0.1:9050`.

    Raises
    ------
    BadInput
        If there is no such family; the hint lists those there are. Also if `chain` or `proxy` comes with
        a ready source.
    HostNotAllowed
        If the URL must not be asked.

    Examples
    --------
    >>> open_source("esplora", chain="ltc").name
    'esplora:https://litecoinspace.org/api'
    """
    if not isinstance(spec, str):
        return _ready(spec, chain=chain, proxy=proxy)
    family, colon, place = _NICKNAMES.get(spec, spec).partition(":")
    known = plugins(GROUP)
    if family not in known or (colon and not place):
        names = ", ".join(sorted({*known, *_NICKNAMES}))
        shown = family if family.isidentifier() else "that"
        raise BadInput(
            f"no source is called {shown!r}", hint=f"there are: {names}; with a URL, esplora:https://…"
        )
    make = cast("Callable[..., Source]", load(GROUP, family))
    return make(place, chain=chain, proxy=proxy) if place else make(chain=chain, proxy=proxy)


def _ready(source: Source, *, chain: str | None, proxy: str | None) -> Source:
    """Return a source that was made elsewhere, if it is one and nothing is asked of it afterwards."""
    if not isinstance(source, Source):
        raise BadInput(
            f"not a source: {type(source).__name__}", hint="pass a word such as 'esplora', or a Source"
        )
    if proxy is not None or chain not in (None, source.chain):
        raise BadInput("a ready source takes no chain= or proxy=", hint="give them where the source is made")
    return source
