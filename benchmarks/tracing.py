"""Taint through a made-up chain against plain Python and networkx: `python -m benchmarks.tracing --scale 10M`.

*Everything*: all that 10,000 seeds reach, in whole base units and with the arrays of the result; the peers do
the same rule, exact: plain Python with a dictionary, the usual way, and with lists alone and our own idea of
adding up what waits, the fastest we know. networkx (at 1M at most) gets its graph for free, all get what the
inputs of each transaction hold. *One seed*: up to 10,000 transactions above a floor of 1,000 base units, against
the same walk on the graph, in the chain's order and, up to 1,000, with the largest taint first. Before a figure
counts, every output must have the same amount. Printed too is how far one random seed reaches under three
policies. CPU seconds, as others use the machine.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.chain import SCALES, make_chain, parse_scale
from benchmarks.measure import describe_machine, describe_versions, goal, print_result
from benchmarks.tracing_peers import (
    FEWER,
    FLOOR,
    MOST,
    Lists,
    best_in_networkx,
    bounded_in_networkx,
    graph_of,
    haircut_in_lists,
    haircut_in_networkx,
    haircut_in_python,
    lists_of,
)
from chainflow.tracing.whole_chain.columns import Columns
from chainflow.tracing.whole_chain.taint import Tracer

TRANSACTIONS = SCALES["1M"]
SEEDS = 10_000
REPETITIONS = 5
SINGLE = 200
"""Single seeds: of each the reach under three policies; a first part of them is traced by networkx too."""
COMPARED = 60
LARGEST_GRAPH = SCALES["1M"]

FINEST = 1e-6
"""Seconds: a clock that tells less has told nothing, and nothing is divided by it."""

Ints = npt.NDArray[np.int64]


def columns_of(transactions: int) -> Columns:
    """Return a made-up chain's columns."""
    chain = make_chain(transactions)
    arrays = (chain.in_ptr, chain.source, chain.out_ptr, chain.value, chain.spent_by)
    return Columns(*(np.array(array) for array in arrays))


def seeds_of(columns: Columns, count: int, *, number: int) -> Ints:
    """Return random spent outputs of value from the first half of the chain."""
    half = len(columns.value) // 2
    good = np.flatnonzero((columns.spent_by[:half] >= 0) & (columns.value[:half] > 0))
    return np.sort(np.random.default_rng(number).choice(good, min(count, len(good)), replace=False))


class Timed(NamedTuple):
    """Seconds of work on one core, and what came of it."""

    seconds: float
    answer: Any


def timed(ask: Callable[[], Any], *, repetitions: int = 1) -> Timed:
    """Return the median of the CPU seconds of several calls."""
    seconds = []
    answer = None
    for _ in range(repetitions):
        answer = None  # else the memory of two answers is held
        start = time.process_time()
        answer = ask()
        seconds.append(time.process_time() - start)
    return Timed(max(statistics.median(seconds), FINEST), answer)


def _same(found: Any, told: dict[int, int], what: str) -> None:
    """Refuse figures of contenders that disagree."""
    rows = np.fromiter(told, np.int64, len(told))
    amounts = np.fromiter(told.values(), np.int64, len(told))
    order = np.argsort(rows)
    if not (np.array_equal(found.rows, rows[order]) and np.array_equal(found.amounts, amounts[order])):
        raise SystemExit(f"{what}: the contenders disagree, nothing was timed")


def everything(tracer: Tracer, seeds: Ints) -> dict[str, float]:
    """Return the seconds of each policy over all that the seeds reach, and what FIFO and haircut reach."""
    figures: dict[str, float] = {}
    for policy in ("haircut", "poison", "tiho", "tilo", "fifo", "lifo", "seniority"):
        tracer.taint(seeds[:1], policy=policy)  # compiles
        run = timed(lambda policy=policy: tracer.taint(seeds, policy=policy), repetitions=REPETITIONS)
        figures[f"{policy}, {SEEDS:,} seeds: s"] = round(run.seconds, 6)
        figures[f"{policy}, {SEEDS:,} seeds: transactions reached"] = run.answer.transactions
    figures["fifo, 1 seed: s"] = round(
        timed(lambda: tracer.taint(seeds[:1], policy="fifo"), repetitions=REPETITIONS).seconds, 6
    )
    return figures


def against_peers(
    tracer: Tracer, lists: Lists, seeds: Ints, *, ours: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the peers' seconds for the haircut of everything, and how many times ours they are.

    Ours are given: they are taken before the gigabytes of the peers' lists are in the process.
    """
    answer = tracer.taint(seeds)
    seconds: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for name, walk in (("plain Python", haircut_in_python), ("plain Python, lists", haircut_in_lists)):
        run = timed(lambda walk=walk: walk(lists, seeds.tolist()))
        _same(answer, run.answer, name)
        seconds[name] = run.seconds
        del run
    if len(lists.whole) <= LARGEST_GRAPH:
        graph = graph_of(lists)
        walked = timed(lambda: haircut_in_networkx(graph, lists, seeds.tolist()))
        _same(answer, walked.answer, "networkx")
        seconds["networkx"] = walked.seconds
        peers = {
            "one seed bounded": ("chain", bounded_in_networkx),
            "largest first": ("largest", best_in_networkx),
        }
        for name, (order, peer) in peers.items():
            ratios[f"networkx, {name}"] = round(
                _bounded(tracer, order, lambda seed, p=peer: p(graph, lists, seed)), 1
            )
    ratios |= {f"{peer}, haircut of everything": round(one / ours, 1) for peer, one in seconds.items()}
    return {f"{peer}, haircut: s": round(one, 2) for peer, one in seconds.items()}, ratios


def _bounded(tracer: Tracer, order: str, peer: Callable[[int], tuple[dict[int, int], int]]) -> float:
    """Return how many times our seconds a peer needs for the same bounded traces, all together."""
    seconds = [0.0, 0.0]
    options = {"floor": FLOOR, "max_txs": MOST if order == "chain" else FEWER, "order": order}
    for seed in seeds_of(tracer.columns, COMPARED, number=5).tolist():
        ours = _wall(lambda seed=seed: tracer.taint(seed, **options))
        theirs = _wall(lambda seed=seed: peer(seed))
        told, visited = theirs.answer
        _same(ours.answer, told, f"bounded trace of {seed}, {order}")
        if visited != ours.answer.transactions:
            raise SystemExit(f"bounded trace of {seed}: other visits, nothing was timed")
        seconds = [seconds[0] + ours.seconds, seconds[1] + theirs.seconds]
    return seconds[1] / seconds[0]


def _wall(ask: Callable[[], Any]) -> Timed:
    """Return the least of three: what a trace costs when nothing comes between."""
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        answer = ask()
        runs.append(time.perf_counter() - start)
    return Timed(min(runs), answer)


def single(tracer: Tracer) -> dict[str, float]:
    """Return reach and milliseconds of traces of one random seed."""
    seeds = seeds_of(tracer.columns, SINGLE, number=6).tolist()
    figures: dict[str, float] = {}
    asked = {
        "poison": {"policy": "poison"},
        "haircut above 1,000": {"policy": "haircut", "floor": FLOOR},
        "fifo": {"policy": "fifo"},
    }
    for name, options in asked.items():
        some = seeds[:20] if name == "poison" else seeds
        reach = [tracer.taint(seed, **options).transactions for seed in some]  # type: ignore[arg-type]
        for share in (10, 50, 90):
            figures[f"{name}, one seed: transactions reached, p{share}"] = int(np.percentile(reach, share))
    for policy, most in (("haircut", MOST), ("fifo", MOST), ("haircut", FEWER), ("fifo", FEWER)):
        name = f"{policy}, one seed {'bounded' if most == MOST else 'largest first'}"
        tracer.taint(seeds[:100], policy=policy, floor=FLOOR, max_txs=1)  # compiles
        ms = []
        for seed in seeds:
            start = time.perf_counter()
            tracer.taint(seed, policy=policy, floor=FLOOR, max_txs=most)
            ms.append(1000 * (time.perf_counter() - start))
        for share in (50, 90, 99):
            figures[f"{name}: ms, p{share}"] = round(float(np.percentile(ms, share)), 4)
    return figures


def _memory(*, reset: bool = False) -> float:
    """Return the peak of this process's resident memory in bytes; with `reset` that of now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM"))


def _extra(columns: Columns, seeds: Ints, policy: str) -> float:
    """Return the most memory that a trace needs beside the columns, as a part of theirs."""
    before = _memory(reset=True)
    Tracer(columns).taint(seeds, policy=policy)
    return round((_memory() - before) / sum(column.nbytes for column in columns), 2)


def run(transactions: int | None = None) -> dict[str, object]:
    """Return the benchmark's result at one scale."""
    whole = transactions or TRANSACTIONS
    columns = columns_of(whole)
    seeds = seeds_of(columns, SEEDS, number=4)
    start = time.process_time()
    tracer = Tracer(columns)
    figures: dict[str, float] = {"reading the columns once: s": round(time.process_time() - start, 3)}
    figures |= everything(tracer, seeds)
    figures |= single(tracer)
    figures |= {
        f"{one}: memory beside the columns, × theirs": _extra(columns, seeds, one)
        for one in ("haircut", "fifo")
    }
    smaller = columns_of(whole // 10)
    less = everything(Tracer(smaller), seeds_of(smaller, SEEDS // 10, number=4))
    for policy in ("haircut", "fifo"):
        name = f"{policy}, {SEEDS:,} seeds: s"
        figures[f"{policy}: growth exponent from a tenth"] = round(math.log10(figures[name] / less[name]), 2)
    haircut, fifo = (figures[f"{policy}, {SEEDS:,} seeds: s"] for policy in ("haircut", "fifo"))
    theirs, ratios = against_peers(tracer, lists_of(columns), seeds, ours=haircut)
    figures |= theirs
    ratios["fifo with labels : haircut"] = round(fifo / haircut, 2)
    return {
        "benchmark": "tracing",
        "workload": f"{whole:,} transactions, {len(columns.value):,} outputs, {SEEDS:,} seeds",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "numba", "numpy", "networkx"),
        "figures": figures,
        "ratios": ratios,
        "goals": _goals(figures, ratios, whole),
    }


def _goals(figures: dict[str, float], ratios: dict[str, float], whole: int) -> list[dict[str, object]]:
    p50 = "haircut, one seed bounded: ms, p50"
    goals = [goal(p50, figures[p50], at_most=1.0)]
    if "networkx, haircut of everything" in ratios:
        goals.append(goal("networkx, haircut", ratios["networkx, haircut of everything"], at_least=500.0))
        goals.append(goal("networkx, one seed", ratios["networkx, one seed bounded"], at_least=100.0))
    if whole < SCALES["10M"]:
        return goals
    return [
        *goals,
        goal("plain Python, haircut", ratios["plain Python, haircut of everything"], at_least=100.0),
        goal("fifo with labels : haircut", ratios["fifo with labels : haircut"], at_most=2.5),
        *(
            goal(f"{policy}: memory", figures[f"{policy}: memory beside the columns, × theirs"], at_most=1.5)
            for policy in ("haircut", "fifo")
        ),
        *(
            goal(f"{policy}: growth", figures[f"{policy}: growth exponent from a tenth"], at_most=1.2)
            for policy in ("haircut", "fifo")
        ),
    ]


if __name__ == "__main__":
    print_result(run(parse_scale(sys.argv[1:], default=TRANSACTIONS)))
