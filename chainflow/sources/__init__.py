"""Where facts come from: the shape of a source, and how a user's word becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from chainflow.errors import BadInput
from chainflow.model import Fact
from chainflow.networks import EVM
from chainflow.registry import load, plugins
from chainflow.sources.adapter import Place

if TYPE_CHECKING:
    from chainflow.sources.http import Reply
    from chainflow.sources.pace import Rate

__all__ = ["GROUP", "Source", "SourceNames", "default_source", "names_of", "open_source", "open_sources"]

GROUP = "chainflow.sources"
"""The entry-point group in which sources are found, ours like anyone's."""

_NICKNAMES = {
    "mempool": "esplora:mempool.space",
    "routescan": "etherscan:api.routescan.io",
}


@runtime_checkable
class Source(Protocol):
    """A place that can be asked about a chain; `crawl.fetch` decides what to ask.

    Making a path and reading a reply are pure: the same call gives the same result for ever, so that an
    archived reply can be read again without the source. Only `ask` touches the network. A path is the text
    of a question that begins with "/"; `None` (or no path) where this source has no such question.

    A reader returns what is stated or raises a `SourceError`: a reply that is wrong in one place is
    refused as a whole. Rows never come without saying whether there are more: `Listing.complete`.
    Every HTTP source here is made on `chainflow.sources.adapter.HttpSource`; `chainflow.testing` holds the
    tests that any source must pass.

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
    lists : tuple of str
        The lists that together make up the history of an address: `("",)` where there is one.
    most_txids, most_spends : int
        How many transactions one call of `tx_paths` and `outspends_path` may name.
    states_prevouts : bool
        Whether its transactions come with the outputs that they spend.
    """

    @property
    def family(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def chain(self) -> str: ...
    @property
    def lists(self) -> tuple[str, ...]: ...
    @property
    def most_txids(self) -> int: ...
    @property
    def most_spends(self) -> int: ...
    @property
    def states_prevouts(self) -> bool: ...

    def tip_path(self) -> str | None:
        """Return the path that asks for the newest block's height (`Tip`)."""

    def address_path(self, address: str) -> str | None:
        """Return the path that asks how many transactions an address has (`AddressClaim`)."""

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str | None:
        """Return the path of a page of a list: the first, or the one at a cursor (`Listing.next`)."""

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that together ask for these transactions (`TxRecord`, `TransferRecord`)."""

    def outspends_path(self, txids: Sequence[str]) -> str | None:
        """Return the path that asks what spent the outputs of these transactions (`SpendRecord`s)."""

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths that together ask for merkle branches and the headers they lead to."""

    def header_paths(self, first: int, last: int, first_hash: str = "") -> tuple[str, ...]:
        """Return the paths that ask for the headers from `first` to `last` (`HeaderRecord`s, lowest first).

        All of them, or as many as can be named yet: where headers are asked for by hash, the first page, from
        `first_hash`, the block at `first`. A page that is shorter than asked for must be refused by `read`
        (`BadResponse`): the chain may not be so long yet. None where a source gives only single headers.
        """

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return the paths that ask for a block, or for its hash first (`BlockHash`) where that is needed."""

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


def open_source(
    spec: str | Source,
    *,
    chain: str | None = None,
    proxy: str | None = None,
    rates: Mapping[str, Rate] | None = None,
) -> Source:
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
    rates : mapping, optional
        Host → how fast it may be asked, in place of what `chainflow.sources.pace` says.

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
    options: dict[str, Any] = {"chain": chain, "proxy": proxy} | ({"rates": rates} if rates else {})
    return make(place, **options) if place else make(**options)


SourceNames = str | Source | Sequence[str | Source]
"""What a user writes for where to ask: one word or object, or several."""


def default_source(chain: str | None, seeds: Iterable[object] = ()) -> str:
    """Return the family that is asked where nobody named one: a public explorer of the chain.

    Examples
    --------
    >>> default_source("tron"), default_source(None, ["0x" + "0" * 40]), default_source("doge")
    ('trongrid', 'blockscout', 'blockbook')
    """
    is_evm = chain is None and any(str(seed).lower().startswith("0x") for seed in seeds)
    if chain in EVM or is_evm:
        return "blockscout"
    return {"tron": "trongrid"}.get(chain or "", "blockbook" if chain in _BLOCKBOOKS else "esplora")


_BLOCKBOOKS = ("doge", "bch", "dash", "zec")
"""Chains of which no public Esplora is known."""


def names_of(specs: SourceNames) -> list[str | Source]:
    """Return what a user names, as a list."""
    return [specs] if isinstance(specs, str) or not isinstance(specs, Sequence) else list(specs)


def open_sources(
    specs: SourceNames,
    *,
    chain: str | None = None,
    proxy: str | None = None,
    rates: Mapping[str, Rate] | None = None,
) -> tuple[Source, ...]:
    """Return the sources that a user names, in the order given; `chain` fills in where a word tells none.

    Raises
    ------
    BadInput, HostNotAllowed
        As for `open_source`, and if none is named.
    """
    listed = names_of(specs)
    if not listed:
        raise BadInput("no source is named", hint="there are: " + ", ".join(sorted(plugins(GROUP))))
    return tuple(
        open_source(spec, chain=chain, proxy=proxy, rates=rates) if isinstance(spec, str) else _ready(spec)
        for spec in listed
    )


def _ready(source: Source, *, chain: str | None = None, proxy: str | None = None) -> Source:
    """Return a source that was made elsewhere, if it is one and nothing is asked of it afterwards."""
    if not isinstance(source, Source):
        raise BadInput(
            f"not a source: {type(source).__name__}", hint="pass a word such as 'esplora', or a Source"
        )
    if proxy is not None or chain not in (None, source.chain):
        raise BadInput("a ready source takes no chain= or proxy=", hint="give them where the source is made")
    return source
