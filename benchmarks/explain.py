"""Why two addresses of a cluster of a million are one owner: `python -m benchmarks.explain`.

A made-up ledger whose transactions each spend four outputs: three of fresh addresses and one of an address seen
not long before, so that all addresses are one cluster and the first and the last are many steps apart. The first
`explain` also puts the links in order; later ones only search. networkx searches the same links in a ready-made
graph of addresses and transactions, from both ends at once, and says nothing but the path. All on one core: CPU time.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

import networkx as nx
import numpy as np
import pyarrow as pa

from benchmarks.chain import parse_scale
from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    ratios,
    time_in_turns,
)
from chainflow import schema
from chainflow.clustering import Clustering, cluster
from chainflow.ledger import Ledger
from chainflow.model import Recipe

REPETITIONS = 5
TRANSACTIONS = 333_333
FRESH = 3
WINDOW = 30_000
"""How many addresses back the fourth input's owner was seen last."""
CHAIN = "btc-regtest"


def make_inputs(transactions: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the addresses that each transaction spends from, shape (transactions, 4); address 0 is the oldest."""
    random = np.random.default_rng(9)
    fresh = np.arange(transactions * FRESH).reshape(transactions, FRESH) + 1
    newest = fresh[:, 0] - 1
    earlier = newest - (random.random(transactions) * np.minimum(newest + 1, WINDOW)).astype(np.int64)
    return np.column_stack([fresh, earlier])


def make_ledger(transactions: int) -> Ledger:
    """Return the ledger of these transactions: who paid the spent outputs is not in it."""
    inputs = make_inputs(transactions)
    txids = [f"{number:064x}" for number in range(transactions)]
    spent = inputs.size
    owner = np.concatenate([inputs.ravel(), inputs[:, 0]]).tolist()  # and each pays to its first input
    count, ones = len(owner), np.ones(transactions, np.int64)
    outputs = {
        "chain": [CHAIN] * count,
        "txid": [f"{transactions + number:064x}" for number in range(spent)] + txids,
        "vout": np.zeros(count, np.int64),
        "value_sat": np.full(count, 100_000),
        "value_proved": np.zeros(count, np.bool_),
        "script": [f"0014{number:040x}" for number in owner],
        "script_type": ["p2wpkh"] * count,
        "address": [name_of(number) for number in owner],
        "spend_state": ["spent"] * spent + ["unknown"] * transactions,
        "spent_by": [txid for txid in txids for _ in range(FRESH + 1)] + [None] * transactions,
        "spent_vin": [*np.tile(np.arange(FRESH + 1), transactions).tolist(), *[None] * transactions],
    }
    txs = {
        "chain": [CHAIN] * transactions,
        "txid": txids,
        "height": np.arange(transactions) // 2_000,
        "is_coinbase": np.zeros(transactions, np.bool_),
        "n_inputs": ones * (FRESH + 1),
        "n_outputs": ones,
        "output_sat": ones * 100_000,
        "level": ones * 0,
    }
    others = (schema.COVERAGE, schema.EVIDENCE, schema.DISPUTES)
    tables = (_table(txs, schema.TXS), _table(outputs, schema.OUTPUTS), *(s.empty_table() for s in others))
    return Ledger(*tables, Recipe("made-up", {"transactions": transactions}))


def _table(columns: dict[str, object], form: pa.Schema) -> pa.Table:
    count = len(columns["chain"])  # type: ignore[arg-type]
    made = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in form
    ]
    return pa.Table.from_arrays(made, schema=form)


def name_of(number: int) -> str:
    """Return an address that sorts as its number does."""
    return f"bcrt1q{number:038d}"


def make_graph(transactions: int) -> nx.Graph:
    """Return addresses (numbers) and transactions (negative numbers), an edge per input."""
    graph: nx.Graph = nx.Graph()
    graph.add_edges_from(
        (-1 - tx, one) for tx, row in enumerate(make_inputs(transactions).tolist()) for one in row
    )
    return graph


def run(addresses: int | None = None) -> dict[str, object]:
    """Return the benchmark's result, after both found equally short chains."""
    transactions = addresses // FRESH if addresses else TRANSACTIONS
    last = transactions * FRESH
    laps = [time.process_time()]
    ledger = make_ledger(transactions)
    laps.append(time.process_time())
    owners: Clustering = cluster(ledger, quarantine=None)  # in a tree each link alone holds much
    laps.append(time.process_time())
    found = owners.explain(name_of(0), name_of(last))
    laps.append(time.process_time())
    made, clustered, first = (round(end - start, 3) for start, end in pairwise(laps))
    graph = make_graph(transactions)
    path = nx.bidirectional_shortest_path(graph, 0, last)
    if len(owners.members(name_of(0))) != last + 1 or 2 * len(found.chain) != len(path) - 1:
        raise SystemExit("the chains differ in length: nothing was timed")
    contenders = {
        "chainflow": lambda: owners.explain(name_of(0), name_of(last)),
        "networkx, path only": lambda: nx.bidirectional_shortest_path(graph, 0, last),
    }
    seconds = time_in_turns(contenders, repetitions=REPETITIONS, clock=time.process_time)
    later = medians(seconds)
    return {
        "benchmark": "explain",
        "workload": f"a chain of {len(found.chain)} links in a cluster of {last + 1:,} addresses",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "networkx"),
        "figures": {
            "make the ledger, CPU s": made,
            "cluster, CPU s": clustered,
            "first explain, CPU s": first,
            **{f"{name}, later, CPU s": one for name, one in later.items()},
        },
        "ratios": ratios(seconds),
        "goals": [
            goal("first explain, CPU s", first, at_most=1.0),
            goal("later explain, CPU s", later["chainflow"], at_most=1.0),
        ],
    }


if __name__ == "__main__":
    print_result(run(parse_scale(sys.argv[1:], default=TRANSACTIONS * FRESH)))
