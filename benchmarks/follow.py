"""Following one output by haircut through a made-up chain, against the same rule on networkx.

`python -m benchmarks.follow`: networkx gets its graph for free (building it is not timed). It counts once in
exact fractions, and once in floats, as tools built on it do: floats are faster and lose conservation. All
must agree on every output, within a base unit per transaction passed, before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import networkx as nx

from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    ratios,
    time_in_turns,
)
from chainflow.ledger import Ledger, transaction_graph
from chainflow.samples.make import Maker
from chainflow.tracing import trace

TRANSACTIONS = 2_000
REPETITIONS = 5


def make_ledger() -> tuple[Ledger, str]:
    """Return a chain in which every payment spends two coins of others, and the first coin of it."""
    maker = Maker("benchmark", seed=7)
    coins = [maker.mine(f"miner {number}") for number in range(40)]
    seed = str(coins[0].outpoint)
    for number in range(TRANSACTIONS):
        first, second = coins.pop(maker.draw(len(coins))), coins.pop(maker.draw(len(coins)))
        payee, change = maker.address(f"payee {number}"), maker.address(f"change {number}")
        half = (first.value_sat + second.value_sat) // 2
        coins += maker.pay([first, second], {payee: half}, change=change, wait=0).values()
    return maker.ledger(), seed


Number = Callable[[int], float | Fraction]


def follow_with_networkx(
    graph: nx.MultiDiGraph[str], ledger: Ledger, seed: str, number: Number
) -> dict[str, float | Fraction]:
    """Return the haircut of every output, walking the transaction graph in topological order."""
    values: dict[str, list[tuple[str, int]]] = {}
    for row in ledger.outputs.select(["txid", "vout", "value_sat"]).to_pylist():
        values.setdefault(row["txid"], []).append((f"{row['txid']}:{row['vout']}", row["value_sat"]))
    taint = {seed: number(dict(values[seed.partition(":")[0]])[seed])}
    for txid in nx.topological_sort(graph):
        spent = [
            (f"{maker}:{vout}", value)
            for maker, _, vout, value in graph.in_edges(txid, "value_sat", keys=True)
        ]
        tainted = sum(taint[outpoint] for outpoint, _ in spent if outpoint in taint)
        if tainted:
            share = tainted / sum(value for _, value in spent)
            taint.update((outpoint, share * value) for outpoint, value in values[txid])
    return taint


def run() -> dict[str, object]:
    """Return the benchmark's result, after both agreed within a base unit per transaction passed."""
    ledger, seed = make_ledger()
    graph = transaction_graph(ledger)
    exact = follow_with_networkx(graph, ledger, seed, Fraction)
    floats = follow_with_networkx(graph, ledger, seed, float)
    ours = trace(ledger, seed, "haircut", coinjoins=()).outputs
    for row in ours.itertuples():
        outpoint = f"{row.txid}:{row.vout}"
        if (
            max(abs(exact[outpoint] - row.tainted_sat), abs(floats[outpoint] - row.tainted_sat))
            > TRANSACTIONS
        ):
            raise SystemExit(f"the contenders disagree on {outpoint}: nothing was timed")
    contenders: dict[str, Callable[[], object]] = {
        "chainflow": lambda: trace(ledger, seed, "haircut", coinjoins=()),
        "networkx, exact": lambda: follow_with_networkx(graph, ledger, seed, Fraction),
        "networkx, floats": lambda: follow_with_networkx(graph, ledger, seed, float),
    }
    seconds = time_in_turns(contenders, repetitions=REPETITIONS)
    slower = ratios(seconds)
    return {
        "benchmark": "follow",
        "workload": f"haircut from one output through {len(ledger):,} transactions, {len(ours):,} outputs reached",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "networkx"),
        "figures": {f"{name}, s": median for name, median in medians(seconds).items()},
        "ratios": slower,
        "goals": [goal("times faster than networkx, exact", slower["networkx, exact"], at_least=5.0)],
    }


if __name__ == "__main__":
    print_result(run())
