"""fetch(): from seeds and a source to a ledger, and what was asked, disclosed and left out on the way.

The walk is a function of the replies: the same seeds lead along the same pages, taken from the case where
they are there and from the source where they are not. So a broken fetch goes on where it stopped, a
repeated one asks nothing, and `dry_run` is the same walk that stops before the first question.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from typing import Literal, Unpack, overload

from chainflow import addresses, cards
from chainflow.crawl.asker import Asker
from chainflow.crawl.limits import LimitOptions, Limits
from chainflow.crawl.walk import Walk, is_transaction
from chainflow.errors import BadInput
from chainflow.evidence import Log
from chainflow.hosts import server_of
from chainflow.ledger import Ledger, build
from chainflow.model import Outpoint, Recipe
from chainflow.progress import Progress
from chainflow.sources import Source, SourceNames, names_of, open_sources
from chainflow.tags import Tags

__all__ = [
    "Fetched",
    "Plan",
    "Seeds",
    "chain_of",
    "fetch",
    "fetch_into",
    "ledger_of",
    "normal_seeds",
    "one_chain",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a fetch would ask next, of whom, and what that host would learn.

    The later pages and hops depend on the answers, so this is the least that would be asked.
    """

    host: str
    requests: tuple[tuple[str, str], ...]
    reused: int

    @property
    def discloses(self) -> tuple[str, ...]:
        """The addresses and txids that the host would learn, sorted."""
        return tuple(sorted({name for _, subject in self.requests for name in subject.split(",") if name}))

    def __str__(self) -> str:
        if not self.requests:
            return f"Nothing to ask: all {self.reused} answers are in the case. {self.host} learns nothing."
        learns = ", ".join(self.discloses) or "no address and no transaction"
        return (
            f"At least {len(self.requests)} request(s) to {self.host}, which learns that you look at: {learns}. "
            f"{self.reused} answer(s) are in the case already."
        )

    def _repr_html_(self) -> str:
        return cards.card(
            f"Would ask {self.host}", self.requests, header=("request", "the host learns"), note=str(self)
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did: the ledger as it is now, what was asked, and what was not followed and why.

    `failed` are the sources that stopped answering, and in which words: others were asked after them.
    """

    ledger: Ledger
    host: str
    asked: int
    reused: int
    not_followed: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Fetched {self.asked} request(s) to {self.host}, {self.reused} answer(s) from the case, "
            f"{len(self.not_followed)} address(es) not followed; {self.ledger!r}>"
            + (f" FAILED: {', '.join(name for name, _ in self.failed)}" if self.failed else "")
        )

    def _repr_html_(self) -> str:
        rows = [
            ("asked", f"{self.asked} request(s) to {self.host}"),
            ("from the case", f"{self.reused} answer(s)"),
        ]
        rows += [("stopped answering", f"{name}: {why}") for name, why in self.failed]
        left = cards.table(("not followed", "why"), self.not_followed) if self.not_followed else ""
        return cards.card("Fetched", rows) + left + self.ledger._repr_html_()


_BLOCKS = re.compile(r"block:([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)

Seeds = str | Outpoint | Collection[str | Outpoint]


@overload
def fetch(
    seeds: Seeds,
    source: SourceNames = ...,
    *,
    stop: Container[str] = ...,
    dry_run: Literal[False] = ...,
    chain: str | None = ...,
    proxy: str | None = ...,
    **limits: Unpack[LimitOptions],
) -> Ledger: ...
@overload
def fetch(
    seeds: Seeds,
    source: SourceNames = ...,
    *,
    stop: Container[str] = ...,
    dry_run: Literal[True],
    chain: str | None = ...,
    proxy: str | None = ...,
    **limits: Unpack[LimitOptions],
) -> Plan: ...
def fetch(
    seeds: Seeds,
    source: SourceNames = "esplora",
    *,
    stop: Container[str] = (),
    dry_run: bool = False,
    chain: str | None = None,
    proxy: str | None = None,
    **limits: Unpack[LimitOptions],
) -> Ledger | Plan:
    """Return the ledger of what a source says about the seeds; nothing is kept (a `Case` keeps it).

    Parameters
    ----------
    seeds : str, Outpoint or collection of them
        Addresses, txids, outpoints `txid:vout`, blocks `block:HEIGHT` or `block:FIRST-LAST`.
    source : str, Source or list of them
        `"esplora"`, `"esplora:http://127.0.0.1:8000"`, or an object. Of several the first is asked, and the
        next where it does not answer.
    stop : container of str
        Addresses that are not read (a `Tags`); seeds are.
    dry_run : bool
        Return a `Plan` of what would be asked and disclosed; nothing is sent.
    chain, proxy : str, optional
        Of a source given as text: `"btc"`, `"ltc"`, … (by default what the seeds' addresses say);
        `"socks5h://127.0.0.1:9050"`, `"http://…"`.
    **limits
        hops, direction, follow, max_txs, budget, spends, counts, proofs: see `Limits`.

    Raises
    ------
    AddressInvalid, BadInput
        If a seed is none of the three, or of another chain than the source.
    SourceError
        If the source does not answer, or answers with something that cannot be true.
    """
    with Log(":memory:") as log:
        opened = open_sources(source, chain=chain or chain_of(seeds), proxy=proxy)
        try:
            done = fetch_into(log, opened, seeds, limits=Limits(**limits), stop=stop, dry_run=dry_run)
        finally:
            for given, one in zip(names_of(source), opened, strict=True):
                if given is not one:
                    one.close()
    return done if isinstance(done, Plan) else done.ledger


def fetch_into(
    log: Log,
    source: Source | Sequence[Source],
    seeds: Seeds,
    *,
    limits: Limits,
    stop: Container[str] = (),
    offline: bool = False,
    refresh: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Fetched | Plan:
    """Walk from the seeds, writing every reply to `log`; see `fetch`.

    Parameters
    ----------
    source : Source or sequence of Source
        Of one chain. Of several the first is asked, and the next where it does not answer.
    offline : bool
        Ask nothing; what the case does not hold is not followed.
    refresh : bool
        Ask again for what may have changed since: counts, histories, spends, unconfirmed transactions.

    Raises
    ------
    OfflineMode
        If a seed's history is not in the case and `offline` is set.
    """
    sources = [source] if isinstance(source, Source) else list(source)
    chain = one_chain(sources)
    asker = Asker(log, sources, offline=offline, refresh=refresh, dry_run=dry_run, budget=limits.budget)
    walk = Walk(asker, limits, _stops(stop, chain), progress or (lambda done, left, what: None))
    walk.run(normal_seeds(seeds, chain))
    hosts = ", ".join(dict.fromkeys(server_of(one.host, one.name) for one in sources))
    if dry_run:
        requests = tuple((path, subject) for _, path, subject in asker.planned)
        return Plan(server_of(sources[0].host, sources[0].name), requests, asker.reused)
    left, failed = sorted(walk.not_followed.items()), tuple(asker.down.items())
    return Fetched(ledger_of(log), hosts, asker.asked, asker.reused, tuple(left), failed)


def one_chain(sources: Sequence[Source]) -> str:
    """Return the chain that all sources speak of.

    Raises
    ------
    BadInput
        If there are several, or no source.
    """
    chains = sorted({source.chain for source in sources})
    if len(chains) != 1:
        raise BadInput(
            f"sources of {len(chains)} chains: {', '.join(chains) or 'none'}",
            hint="ask about one chain at a time",
        )
    return chains[0]


def ledger_of(log: Log) -> Ledger:
    """Return the ledger of everything a log holds."""
    bodies = sorted({event.content["sha256"] for event in log.events("fetch")})
    return build(log.statements(), unread=log.unread(), recipe=Recipe("ledger", {}, inputs=bodies))


def chain_of(seeds: Seeds) -> str | None:
    """Return the chain that the addresses among the seeds say, `None` where they say none or several.

    A legacy address that is valid on several chains says nothing.
    """
    texts = [str(seed) for seed in _listed(seeds)]
    named = {addresses.decode(text).chains for text in texts if addresses.is_address(text)}
    clear = {chains[0] for chains in named if len(chains) == 1}
    return clear.pop() if len(clear) == 1 else None


def _listed(seeds: Seeds) -> Collection[str | Outpoint]:
    listed = [seeds] if isinstance(seeds, str | Outpoint) else seeds
    if not isinstance(listed, Collection) or not all(isinstance(seed, str | Outpoint) for seed in listed):
        raise BadInput(
            f"not a seed: {seeds!r}", hint="give an address, a txid, an outpoint txid:vout, or a list"
        )
    return listed


def normal_seeds(seeds: Seeds, chain: str) -> list[str]:
    """Return seeds as text, addresses in their normal form, each once.

    Raises
    ------
    AddressInvalid
        If one is no txid, no outpoint, no `block:HEIGHT` or `block:FIRST-LAST`, and no address of `chain`.
    """
    found: dict[str, None] = {}
    for seed in (str(given).strip() for given in _listed(seeds)):
        txid, colon, vout = seed.partition(":")
        if (blocks := _BLOCKS.fullmatch(seed)) is not None:
            if blocks[2] is not None and int(blocks[2]) < int(blocks[1]):
                raise BadInput(f"no blocks: {seed}", hint="write block:FIRST-LAST, the lower height first")
            found[seed] = None
        elif is_transaction(txid.lower()):
            found[str(Outpoint.parse(f"{txid.lower()}:{vout}")) if colon else txid.lower()] = None
        else:
            found[addresses.decode(seed, chain=chain).address] = None
    if not found:
        raise BadInput("no seeds", hint="give an address, a txid or an outpoint txid:vout")
    return list(found)


def _stops(stop: Container[str], chain: str) -> Container[str]:
    """Return listed addresses as the walk meets them: one written otherwise must not stop nothing."""
    if isinstance(stop, Tags) or not isinstance(stop, Collection):
        return stop  # it finds an address by itself
    return {addresses.label_on(text, chain) for text in ([stop] if isinstance(stop, str) else stop)}
