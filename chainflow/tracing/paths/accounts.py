"""The network of one asset on an account chain: a line of moments for each account, joined by transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainflow.ledger.balances import tokens_of
from chainflow.model import EndReason, TransferKind
from chainflow.networks import network_of
from chainflow.tracing.accounts.events import Event, Events, Holding
from chainflow.tracing.asset import Asset
from chainflow.tracing.paths.network import OUTSIDE, Arc, Found, Moment, Network, leaving_of
from chainflow.tracing.seeds import Claim
from chainflow.units import ticker

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["account_network"]


def account_network(ledger: Ledger, asset: Asset) -> Network:
    """Return the network of one asset; a transfer that failed or is in dispute carries nothing.

    Each account begins with the least balance that its payments demand. What an account holds when a
    disputed transaction of its own comes ends there: how much of it that moved is not known.
    """
    events = Events(ledger, asset.chain)
    lines = _Lines(events, asset)
    for number, event in enumerate(events):
        if event.asset == asset:
            lines.enter(number, event)
    lines.close()
    symbol, decimals = _words(ledger, asset)
    return Network(
        chain=asset.chain,
        asset=str(asset),
        arcs=lines.arcs,
        leaving=leaving_of(lines.arcs, len(lines.node_txs)),
        txs=lines.txs,
        node_txs=lines.node_txs,
        find=lines.find,
        is_known={holding.address: known == "complete" for holding, known in events.known.items()
                  if holding.asset == asset},
        contracts=events.contracts,
        decimals=decimals,
        symbol=symbol,
    )  # fmt: skip


def _words(ledger: Ledger, asset: Asset) -> tuple[str, int | None]:
    """Return what to print after an amount, and its decimals; of a token its contract, for symbols lie."""
    if asset.contract is None:
        own = network_of(asset.chain)
        return ticker(asset.chain), None if own is None else own.decimals
    _, decimals = tokens_of(ledger).get((asset.chain, asset.contract), ("", None))
    return asset.contract, None if asset.token_id is not None else decimals


class _Lines:
    """The moments of all accounts while events are entered: the last one of each, and what it holds."""

    def __init__(self, events: Events, asset: Asset) -> None:
        self._events, self._asset = events, asset
        self.arcs: list[Arc] = []
        self.txs: list[Moment] = []
        self.node_txs: list[int] = []
        self._tx_numbers: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._nodes: dict[str, list[int]] = {}
        self._of_event: dict[int, int] = {}
        self._openings: dict[str, int] = {}

    def enter(self, number: int, event: Event) -> None:
        """Enter one event: the payer's moment pays, the payee's next one is paid."""
        if event.is_disputed:
            if event.sender is not None:
                self._end(event.sender, EndReason.DISPUTED)
            return
        if not event.moves:
            return
        tx = self._tx(event)
        payer = OUTSIDE if event.sender is None else self._moment(event.sender, tx)
        self._of_event[number] = len(self.arcs)
        place = len(self.arcs)
        self.arcs.append(
            Arc(payer, OUTSIDE, event.value, tx, event.place, event.sender, event.recipient, _end_of(event))
        )
        if event.sender is not None:
            self._next(event.sender, tx, -event.value)
        if event.recipient is not None:
            self._moment(event.recipient, tx)
            node = self._next(event.recipient, tx, event.value)
            if self.arcs[place].end is None:
                self.arcs[place] = self.arcs[place]._replace(head=node)

    def close(self) -> None:
        """End what every account holds last: as of the block where its history is whole."""
        for address in sorted(self._last):
            known = self._events.known[Holding(self._asset, address)] == "complete"
            self._end(address, EndReason.UNSPENT if known else EndReason.UNKNOWN)

    def find(self, name: str) -> Found:
        """Return what an address, a transaction or `txid:place` received; of an address also its moments."""
        numbers, holdings = self._events.named(Claim(name), frozenset({self._asset.contract}))
        found = {self._of_event[number] for number in numbers if number in self._of_event}
        addresses = {holding.address for holding in holdings if holding.asset == self._asset}
        if all(self._events[number].txid.lower() != name.partition(":")[0].lower() for number in numbers):
            addresses |= {recipient for number in found if (recipient := self.arcs[number].payee)}
            found |= {self._openings[address] for address in addresses if address in self._openings}
        nodes = (node for address in addresses for node in self._nodes[address])
        return Found(frozenset(found), frozenset(nodes))

    def _tx(self, event: Event) -> int:
        if event.txid not in self._tx_numbers:
            self._tx_numbers[event.txid] = len(self.txs)
            self.txs.append(Moment(event.txid, event.height, event.time))
        return self._tx_numbers[event.txid]

    def _moment(self, address: str, tx: int) -> int:
        """Return the last moment of an account; its first one holds the opening balance."""
        if address not in self._last:
            opening = self._events.opening(Holding(self._asset, address))
            node = self._node(address, tx)
            self._held[address] = opening
            self._openings[address] = len(self.arcs)
            self.arcs.append(Arc(OUTSIDE, node, opening, OUTSIDE, "", None, address, None))
        return self._last[address]

    def _node(self, address: str, tx: int) -> int:
        node = self._last[address] = len(self.node_txs)
        self._nodes.setdefault(address, []).append(node)
        self.node_txs.append(tx)
        return node

    def _next(self, address: str, tx: int, change: int) -> int:
        """Add an account's next moment, to which it holds what is left of before, or all before a receipt."""
        before, held = self._last[address], self._held[address] + min(change, 0)
        self._held[address] += change
        node = self._node(address, tx)
        self.arcs.append(Arc(before, node, held, OUTSIDE, "", address, address, None))
        return node

    def _end(self, address: str, reason: EndReason) -> None:
        """End what an account holds; what comes after starts from clean coins."""
        if address in self._last:
            before, held = self._last[address], self._held[address]
            self.arcs.append(Arc(before, OUTSIDE, held, OUTSIDE, "", address, address, reason))
            self._node(address, self.node_txs[before])


def _end_of(event: Event) -> EndReason | None:
    """Return why a transfer leads nowhere; None where its recipient can pay it on."""
    if event.recipient is None:
        return EndReason.FEE if event.kind == TransferKind.FEE else EndReason.BURNT
    if event.ok is None:
        return EndReason.UNKNOWN
    return EndReason.UNCONFIRMED if event.height is None and event.time is None else None
