"""The network of a chain of outputs: transactions in spending order, joined by what one makes and another spends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from chainflow.model import EndReason
from chainflow.tracing.paths.network import OUTSIDE, Arc, Found, Moment, Network, leaving_of
from chainflow.tracing.route import FEE, Route
from chainflow.units import ticker

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["output_network"]


def output_network(ledger: Ledger, chain: str) -> Network:
    """Return the network of one chain; the number of an output's arc is its row in the ledger.

    A transaction with an input that is not in evidence, in dispute or in no block yet is not walked
    through: what it spends ends there and what it makes comes from outside.
    """
    route = Route(ledger, forward=True)
    arcs = [_arc(route, row) for row in range(route.index.n_outputs)]
    blind = _blind(ledger, route)
    arcs = [arc._replace(tail=OUTSIDE) if arc.tail in blind else arc for arc in arcs]
    for tx in range(route.index.n_txs):
        fee = route.sides(tx)[1][-1][1]
        if fee > 0:
            arcs.append(Arc(tx, OUTSIDE, fee, tx, "", None, None, EndReason.FEE))
    columns = (ledger.txs["txid"], ledger.txs["height"], ledger.txs["time"].cast(pa.int64()))
    return Network(
        chain=chain,
        asset=chain,
        arcs=arcs,
        leaving=leaving_of(arcs, route.index.n_txs),
        txs=[Moment(*row) for row in zip(*(column.to_pylist() for column in columns), strict=True)],
        node_txs=range(route.index.n_txs),
        find=lambda name: Found(frozenset(route.index.resolve([name]))),
        is_known=_known(ledger, chain),
        contracts=frozenset(),
        decimals=8,
        symbol=ticker(chain),
    )


def _arc(route: Route, row: int) -> Arc:
    index, maker, end = route.index, route.makers[row], route.final(row)
    head = route.after[row] if end is None else OUTSIDE
    place = f"{index.outpoint_txids[row]}:{index.vout[row]}"
    return Arc(maker, head, route.values[row], maker, place, None, index.label_of(row), end)


def _blind(ledger: Ledger, route: Route) -> set[int]:
    """Return the transactions that no value can be followed through, coinbases left out."""
    index, confirmed = route.index, ledger.txs["is_confirmed"].to_pylist()
    return {
        tx
        for tx in range(index.n_txs)
        if not index.is_coinbase[tx]
        and (
            route.sides(tx)[1][-1] < (FEE, 0)
            or confirmed[tx] is False
            or (index.chains[tx], index.txids[tx]) in ledger.disputed
        )
    }


def _known(ledger: Ledger, chain: str) -> dict[str, bool]:
    columns = (ledger.coverage_table[name].to_pylist() for name in ("chain", "address", "state"))
    rows = zip(*columns, strict=True)
    return {address: True for on, address, state in rows if on == chain and state == "complete"}
