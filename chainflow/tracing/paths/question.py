"""One question to a network: from where, to where, and what value is not followed through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chainflow import patterns
from chainflow.addresses import label_on
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import EndReason, Outpoint, TransferKind
from chainflow.tags import Tags
from chainflow.tracing.accounts.events import Events
from chainflow.tracing.asset import Asset, cased
from chainflow.tracing.paths.accounts import account_network
from chainflow.tracing.paths.network import Found, Network
from chainflow.tracing.paths.outputs import output_network
from chainflow.tracing.stops import Stops, addresses_on, collection

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["LEAVES", "STOPS", "Question", "SomePlaces", "ask", "network_at", "stops_as_given", "texts"]

SomePlaces = str | Outpoint | Collection[str | Outpoint]
"""Addresses, txids or `txid:vout` (of accounts `txid:place`): one or several."""

LEAVES = (EndReason.UNKNOWN, EndReason.DISPUTED, EndReason.UNCONFIRMED)
"""How a branch leaves the evidence: behind such an end more evidence may show more."""

STOPS = (
    EndReason.SERVICE,
    EndReason.CLUSTER,
    EndReason.MIXER,
    EndReason.COINJOIN,
    EndReason.BRIDGE,
    EndReason.CONTRACT,
    EndReason.TIME,
)
"""How a branch ends at a declared stop: value may have gone on from there by ways that nothing here shows."""


@dataclass(frozen=True, slots=True)
class Question:
    """A network with the two sets that are asked about and the stops that were declared.

    Attributes
    ----------
    sources, targets : frozenset of int
        Arcs. Value begins on the first and is followed to the first of the second that it meets.
    starts : frozenset of int
        Nodes at which an account that is a source may pay.
    places : mapping of str to EndReason
        Address → why value may arrive there but not leave.
    coinjoins : frozenset of int
        Transactions that are not walked through.
    contracts : frozenset of str
        Accounts whose code decides what becomes of what they get.
    after : int or None
        Only what moves in this block or later counts.
    asked : mapping of str to object
        All of it as it was put, for a recipe.
    parts : mapping of int to int
        Source → the base units of it that are claimed, where that is not all.
    """

    network: Network
    sources: frozenset[int]
    targets: frozenset[int]
    starts: frozenset[int]
    stops: Stops
    coinjoins: frozenset[int]
    contracts: frozenset[str]
    after: int | None
    asked: Mapping[str, object]
    parts: Mapping[int, int] = field(default_factory=dict)

    def claimed(self, number: int) -> int:
        """Return how many base units of an arc begin on it: none where it is no source."""
        amount = self.network.arcs[number].amount
        return self.parts.get(number, amount) if number in self.sources else 0

    def fate(self, number: int) -> int | EndReason:
        """Return the node that an arc leads to, or why its value goes no further; the first reason that holds."""
        arc = self.network.arcs[number]
        if number in self.sources and number in self.targets:
            return EndReason.REACHED
        if number not in self.sources:
            height = self.network.moment(arc).height
            if self.after is not None and height is not None and height < self.after:
                return EndReason.TIME
            if number in self.targets:
                return EndReason.REACHED
            if arc.payee is not None and arc.payer != arc.payee:
                stopped = self.stops.at(arc.payee)
                if stopped is None and arc.payee in self.contracts:
                    stopped = EndReason.CONTRACT
                if stopped is not None:
                    return stopped
        if arc.end is not None:
            return arc.end
        return EndReason.COINJOIN if self.network.node_txs[arc.head] in self.coinjoins else arc.head

    def between(self, sources: frozenset[int], targets: frozenset[int]) -> Question:
        """Return the same question about other sets."""
        return replace(self, sources=sources, targets=targets)


def ask(
    ledger: Ledger,
    sources: SomePlaces,
    targets: SomePlaces | None,
    *,
    stop: Tags | Collection[str] | None,
    coinjoins: Collection[str] | None,
    contracts: Collection[str] | None = None,
    after: int | None = None,
    asset: Asset | str | None = None,
) -> Question:
    """Return the question; what is a source is no target of it. `targets` is `None` where there is none.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If a name is not in this ledger, or is none.
    BadInput
        If a set is empty, every target is a source, or they are on several chains or in several assets.
    """
    network = network_at(ledger, sources, asset)
    begin = _found(network, sources, "source")
    reachable = frozenset[int]() if targets is None else _found(network, targets, "target").arcs - begin.arcs
    if targets is not None and not reachable:
        raise BadInput(
            "every target is a source, too", hint="name outpoints or transactions to ask for a way back"
        )
    asked = {
        "sources": list(texts(sources)),
        **({} if targets is None else {"targets": list(texts(targets))}),
        **stops_as_given(stop, coinjoins, contracts),
        "after": after,
        "asset": network.asset,
    }
    mixed = patterns.coinjoins(ledger) if coinjoins is None else {str(one) for one in collection(coinjoins)}
    return Question(
        network,
        begin.arcs,
        reachable,
        begin.nodes,
        Stops.of(network.chain, stop, {}),
        frozenset(number for number, tx in enumerate(network.txs) if tx.txid in mixed),
        network.contracts if contracts is None else addresses_on(network.chain, contracts),
        after,
        asked,
    )


def stops_as_given(
    stop: Tags | Collection[str] | None,
    coinjoins: Collection[str] | None,
    contracts: Collection[str] | None,
) -> dict[str, object]:
    """Return the declared stops as a recipe states them."""
    return {
        "stop": stop.digest if isinstance(stop, Tags) else _listed(stop or ()),
        "coinjoins": None if coinjoins is None else _listed(coinjoins),
        "contracts": None if contracts is None else _listed(contracts),
    }


def _listed(some: Collection[str]) -> list[str]:
    return sorted(map(str, collection(some)))


def network_at(ledger: Ledger, sources: SomePlaces, asset: Asset | str | None) -> Network:
    """Return the network that holds the sources: of their chain, and on an account chain of one asset."""
    names = texts(sources)
    if not names:
        raise BadInput("there is no source", hint="an address, a txid or txid:vout")
    if not ledger.transfers.num_rows or _are_outputs(ledger, names):
        rows = ledger.index.resolve(names)
        chains = sorted({ledger.index.output_chains[row] for row in rows})
        if len(chains) > 1:
            raise BadInput(f"the sources are on {' and '.join(chains)}", hint="ask for one chain at a time")
        return output_network(ledger, chains[0])
    return account_network(ledger, _asset(ledger, names, asset))


def texts(some: SomePlaces) -> tuple[str, ...]:
    """Return names as text, sorted, each once."""
    listed: Iterable[Any] = (some,) if isinstance(some, str | Outpoint) else some
    return tuple(sorted({str(one) for one in listed}))


def _are_outputs(ledger: Ledger, names: Collection[str]) -> bool:
    accounts = ledger.accounts | set(ledger.transfers["txid"].to_pylist())
    heads = {part for name in names for part in (name.partition(":")[0], name.partition(":")[0].lower())}
    return bool(ledger.outputs.num_rows) and not heads & accounts


def _asset(ledger: Ledger, names: Collection[str], asset: Asset | str | None) -> Asset:
    """Return the asset to follow: the one given, or the only one that the sources moved."""
    if isinstance(asset, Asset):
        return asset
    found = _moved(ledger, names)
    if asset is not None:
        wanted = None if asset == "native" else cased(asset)
        found = {one for one in found if one.contract == wanted or str(one) == asset}
    if not found:
        raise SeedUnknown(
            f"{', '.join(names)} moved nothing in this ledger ({ledger.transfers.num_rows:,} transfers)",
            hint="fetch it first; this says nothing about whether it exists on the chain",
        )
    if len(found) > 1:
        listed = ", ".join(sorted(map(str, found))[:6])
        raise BadInput(f"the sources moved {len(found):,} assets", hint=f"name one with asset=: {listed}")
    return found.pop()


def _moved(ledger: Ledger, names: Collection[str]) -> set[Asset]:
    """Return the assets that the sources moved, fees left out."""
    found = set[Asset]()
    for chain in sorted(set(ledger.transfers["chain"].to_pylist())):
        events = Events(ledger, chain)
        for name in names:
            head, _, place = name.partition(":")
            try:
                address = label_on(head, chain)
            except AddressInvalid:
                address = ""
            for event in events:
                is_there = event.txid == head.lower() and place in ("", event.place)
                is_party = bool(address) and address in (event.sender, event.recipient)
                if event.moves and event.kind != TransferKind.FEE and (is_there or is_party):
                    found.add(event.asset)
    return found


def _found(network: Network, some: SomePlaces, role: str) -> Found:
    found = [network.find(name) for name in texts(some)]
    if not found:
        raise BadInput(f"there is no {role}", hint="an address, a txid or txid:vout")
    return Found(
        frozenset[int]().union(*(one.arcs for one in found)),
        frozenset[int]().union(*(one.nodes for one in found)),
    )
