"""Plain networkx graphs of a ledger: views of what is looked at, never the engine.

A blockchain transaction has no edges from one input to one output. Where a graph needs them, an output's
value is shared among the paying addresses in proportion to what each put in, to the base unit, so that
the edges into an address add up to exactly what the transactions pay it. Which share is whose is arithmetic, not
evidence: use `trace` for a declared rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

import networkx as nx

from chainflow import units

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = [
    "COINBASE",
    "NOT_IN_EVIDENCE",
    "Transfer",
    "address_graph",
    "cluster_graph",
    "transaction_graph",
    "transfers",
]

COINBASE = "coinbase"
"""The node that newly made coins come from."""

NOT_IN_EVIDENCE = "payer not in evidence"
"""The node that pays where the value of an input is not known: then nobody's share is."""


class Owners(Protocol):
    """Anything that names the cluster of an address, such as a `Clustering`."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""


class Transfer(NamedTuple):
    """What one address paid another in one transaction, in base units."""

    payer: str
    payee: str
    value_sat: int
    txid: str


def transfers(ledger: Ledger, tx: int) -> Iterator[Transfer]:
    """Yield the transfers of transaction row `tx`, payers in input order, payees in output order."""
    index = ledger.index
    paid: dict[str, int] = {}
    for row in index.inputs_of(tx).tolist():
        label = index.label_of(row)
        paid[label] = paid.get(label, 0) + int(index.value[row])
    if index.is_coinbase[tx]:
        paid = {COINBASE: 1}
    elif len(index.inputs_of(tx)) < index.n_inputs[tx]:
        paid = {NOT_IN_EVIDENCE: 1}
    received: dict[str, int] = {}
    for row in index.outputs_of(tx).tolist():
        label = index.label_of(row)
        received[label] = received.get(label, 0) + int(index.value[row])
    for payee, value in received.items():
        for payer, share in zip(paid, units.split(value, list(paid.values())), strict=True):
            yield Transfer(payer, payee, share, index.txids[tx])


def transaction_graph(ledger: Ledger) -> nx.MultiDiGraph[str]:
    """Return transactions as nodes and spent outputs as edges from maker to spender.

    Node (txid): `chain`, `height`, `time` (aware UTC or None), `fee_sat`, `is_coinbase`, `level`.
    Edge (key = vout): `value_sat`, `address`, `vin`. An output that is unspent, or whose maker or
    spender is not in evidence, has no edge.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    columns = ["txid", "chain", "height", "time", "fee_sat", "is_coinbase", "level"]
    for row in ledger.txs.select(columns).to_pylist():
        graph.add_node(row.pop("txid"), **row)
    index = ledger.index
    vins = ledger.outputs["spent_vin"].to_pylist()
    for row in range(index.n_outputs):
        maker, spender = int(index.created_by[row]), int(index.spent_by[row])
        if maker >= 0 and spender >= 0:
            graph.add_edge(
                index.txids[maker],
                index.txids[spender],
                key=int(index.vout[row]),
                value_sat=int(index.value[row]),
                address=index.label_of(row),
                vin=vins[row],
            )
    return graph


def address_graph(ledger: Ledger, owners: Owners | None = None) -> nx.MultiDiGraph[str]:
    """Return addresses as nodes and, per transaction, what one paid another as edges.

    Node (address, `script:<hex>` where a script has none, "coinbase" or "payer not in evidence"):
    `received_sat`, `spent_sat` (what is in evidence), `outputs`, and `cluster` when `owners` are given.
    Edge (key = txid): `value_sat` (the payer's share of what the payee received), `txid`, `height`,
    `time`. Edges into an address add up to what the transactions held here pay it; a payment to oneself
    is a loop.

    Of account chains, every transfer that moved something is an edge (key `txid:kind:place:number`):
    `value_raw` (exact integer), `chain`, `contract` (None: the chain's own coin), `token_id`, `kind`, `txid`,
    `height`, `time`, `marks`; their nodes have no sums, for they hold several assets. Fees have no payee and
    are no edges; "coinbase" pays what was made from nothing.

    Examples
    --------
    >>> from chainflow import samples
    >>> graph = address_graph(samples.peel_chain(length=2).ledger)
    >>> sum(value for *_, value in graph.edges(data="value_sat")) > 0
    True
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    index = ledger.index
    for label in index.labels:
        graph.add_node(label, received_sat=0, spent_sat=0, outputs=0)
    for row in range(index.n_outputs):
        node = graph.nodes[index.label_of(row)]
        node["received_sat"] += int(index.value[row])
        node["outputs"] += 1
        if index.states[row] == "spent":
            node["spent_sat"] += int(index.value[row])
    if owners is not None:
        for label in index.labels:
            graph.nodes[label]["cluster"] = owners.of(label)
    heights, times = ledger.txs["height"].to_pylist(), ledger.txs["time"].to_pylist()
    for tx in range(index.n_txs):
        for payer, payee, value, txid in transfers(ledger, tx):
            graph.add_edge(
                payer, payee, key=txid, value_sat=value, txid=txid, height=heights[tx], time=times[tx]
            )
    _add_account_transfers(graph, ledger)
    return graph


def _add_account_transfers(graph: nx.MultiDiGraph[str], ledger: Ledger) -> None:
    names = ("chain", "txid", "kind", "place", "number", "contract", "token_id", "sender", "recipient")
    for row in ledger.transfers.select([*names, "value_raw", "marks", "height", "time"]).to_pylist():
        value = int(row.pop("value_raw"))
        payer, payee = row.pop("sender") or COINBASE, row.pop("recipient")
        key = f"{row['txid']}:{row['kind']}:{row.pop('place')}:{row.pop('number')}"
        if payee is not None and value:
            graph.add_edge(payer, payee, key=key, value_raw=value, **row)


def cluster_graph(ledger: Ledger, owners: Owners) -> nx.DiGraph[str]:
    """Return clusters as nodes and all payments from one to another as one edge.

    Node (cluster name): `addresses` (sorted list), `received_sat`, `spent_sat`.
    Edge: `value_sat`, `txids` (in spending order), `first` and `last` (block time, None: unconfirmed).
    Payments inside a cluster are a loop. Transfers of account chains are left out: see `address_graph`.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    of_outputs = replace(ledger, transfers=ledger.transfers.slice(0, 0))  # no rule groups accounts
    for label, node in address_graph(of_outputs).nodes(data=True):
        name = label if label in (COINBASE, NOT_IN_EVIDENCE) else owners.of(label)
        if name not in graph:
            graph.add_node(name, addresses=[], received_sat=0, spent_sat=0)
        graph.nodes[name]["addresses"].append(label)
        graph.nodes[name]["received_sat"] += node.get("received_sat", 0)
        graph.nodes[name]["spent_sat"] += node.get("spent_sat", 0)
    for _, node in graph.nodes(data=True):
        node["addresses"].sort()
    times = ledger.txs["time"].to_pylist()
    for tx in range(ledger.index.n_txs):
        for transfer in transfers(ledger, tx):
            payer = transfer.payer
            payer = payer if payer in (COINBASE, NOT_IN_EVIDENCE) else owners.of(payer)
            _add_payment(graph, payer, owners.of(transfer.payee), transfer, times[tx])
    return graph


def _add_payment(
    graph: nx.DiGraph[str], payer: str, payee: str, transfer: Transfer, time: datetime | None
) -> None:
    if not graph.has_edge(payer, payee):
        graph.add_edge(payer, payee, value_sat=0, txids=[], first=time, last=time)
    edge = graph.edges[payer, payee]
    edge["value_sat"] += transfer.value_sat
    if transfer.txid not in edge["txids"][-1:]:
        edge["txids"].append(transfer.txid)
    times = [moment for moment in (edge["first"], edge["last"], time) if moment is not None]
    edge["first"], edge["last"] = min(times, default=None), max(times, default=None)
