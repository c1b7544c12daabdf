"""Common-input clusters of a made-up chain, against six peers: `python -m benchmarks.clustering --scale 10M`.

Two jobs. *From Parquet*: the file of all inputs to one label per address. *In memory*: from the columns, or for
graph libraries from the pairs of neighbouring inputs, made beforehand. Each contender runs in a process of its
own, in turns, with two threads where it can use them, and every partition must be the same to the address
before a figure counts. Memory is the peak of the process above what it held after its imports and a small run.
Growth is measured at a tenth, three tenths and the whole of `--scale` (1M; also 3M, 10M, 50M): an exponent of
1 is linear.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.chain import SCALES, parse_scale, written
from benchmarks.measure import describe_machine, describe_versions, goal, print_result

REPETITIONS = 3
TRANSACTIONS = SCALES["1M"]
THREADS = 2
PEERS = ("graphsense", "scipy", "rustworkx", "igraph", "networkx", "splink")
LARGEST = {"splink": SCALES["1M"]} | dict.fromkeys(
    ("scipy", "rustworkx", "igraph", "networkx"), SCALES["10M"]
)
"""Where a peer needs more minutes or memory than a machine like this has, it sits out."""
ONCE = ("rustworkx", "igraph", "networkx", "splink")
"""Slow enough for one round."""
PACKAGES = ("numba", "graphsense-clustering", "scipy", "rustworkx", "igraph", "networkx", "splink", "pyarrow")

Ints = npt.NDArray[np.integer]


class Rows(NamedTuple):
    """Inputs in memory: the columns, the pairs of neighbours in one transaction, the number of addresses."""

    tx: Ints
    address: Ints
    one: Ints
    other: Ints
    addresses: int


def read_rows(folder: Path) -> Rows:
    """Return a written chain's inputs."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "inputs.parquet", columns=["tx", "address"])
    tx, address = (table[name].to_numpy() for name in table.column_names)
    is_pair = (tx[1:] == tx[:-1]) & (address[1:] != address[:-1])
    return Rows(tx, address, address[:-1][is_pair], address[1:][is_pair], _addresses(folder))


def _addresses(folder: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(folder / "addresses.parquet").num_rows)


# Each contender returns its own kind of answer and, untimed, how to make labels of it.


def chainflow_parquet(folder: Path) -> Any:
    from chainflow.clustering.whole_chain.chain import cluster_chain

    found = cluster_chain(folder / "inputs.parquet", addresses=_addresses(folder), threads=THREADS)
    return lambda: found.labels


def graphsense_parquet(folder: Path) -> Any:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "inputs.parquet", columns=["tx", "address"])
    return _graphsense(*(table[name].to_numpy() for name in table.column_names), _addresses(folder))


def chainflow_memory(rows: Rows) -> Any:
    from chainflow.clustering.whole_chain.chain import cluster_chain

    found = cluster_chain((rows.tx, rows.address), addresses=rows.addresses, threads=THREADS)
    return lambda: found.labels


def graphsense_memory(rows: Rows) -> Any:
    return _graphsense(rows.tx, rows.address, rows.addresses)


def _graphsense(tx: Ints, address: Ints, addresses: int) -> Any:
    import pyarrow as pa
    from gs_clustering import Clustering

    cuts = np.flatnonzero(tx[1:] != tx[:-1]) + 1
    offsets = pa.array(np.concatenate([[0], cuts, [len(tx)]]).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, pa.array(address.view(np.uint32)))
    clustering = Clustering(max_address_id=addresses - 1)
    for start in range(0, len(lists), 2_000_000):
        clustering.process_transactions_arrow(lists.slice(start, 2_000_000))
    kept = clustering.get_mapping_min(True)

    def labels() -> Ints:
        made = np.arange(addresses, dtype=np.int32)
        made[kept.column(0).to_numpy()] = kept.column(1).to_numpy()
        return made

    return labels


def scipy_memory(rows: Rows) -> Any:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(rows.one), np.int8)
    graph = coo_matrix((ones, (rows.one, rows.other)), shape=(rows.addresses, rows.addresses)).tocsr()
    _, found = connected_components(graph, directed=False)
    return lambda: _smallest(found)


def rustworkx_memory(rows: Rows) -> Any:
    import rustworkx

    graph = rustworkx.PyGraph(multigraph=True)
    graph.add_nodes_from(range(rows.addresses))
    graph.extend_from_edge_list(list(zip(rows.one.tolist(), rows.other.tolist(), strict=True)))
    found = rustworkx.connected_components(graph)
    return lambda: _of_sets(found, rows.addresses)


def igraph_memory(rows: Rows) -> Any:
    import igraph

    graph = igraph.Graph(n=rows.addresses, edges=np.stack([rows.one, rows.other], axis=1))
    found = graph.connected_components()
    return lambda: _smallest(np.array(found.membership))


def networkx_memory(rows: Rows) -> Any:
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(zip(rows.one.tolist(), rows.other.tolist(), strict=True))
    found = list(nx.connected_components(graph))
    return lambda: _of_sets(found, rows.addresses)


def splink_memory(rows: Rows) -> Any:
    import duckdb
    import pandas as pd
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    nodes = pd.DataFrame({"unique_id": np.unique(np.concatenate([rows.one, rows.other]))})
    pairs = {"unique_id_l": rows.one, "unique_id_r": rows.other, "match_probability": 1.0}
    found = cluster_pairwise_predictions_at_threshold(
        nodes,
        pd.DataFrame(pairs),
        db_api=DuckDBAPI(duckdb.connect(config={"threads": THREADS})),
        node_id_column_name="unique_id",
        threshold_match_probability=0.5,
    ).as_pandas_dataframe()

    def labels() -> Ints:
        made = np.arange(rows.addresses)
        made[found["unique_id"]] = found["cluster_id"]
        return _smallest(made)

    return labels


def _smallest(component: Ints) -> Ints:
    """Return per address the smallest address with the same component number."""
    smallest = np.full(int(component.max()) + 1, len(component))
    np.minimum.at(smallest, component, np.arange(len(component)))
    return smallest[component]


def _of_sets(components: Any, addresses: int) -> Ints:
    made = np.arange(addresses)
    for component in components:
        made[list(component)] = min(component)
    return made


def measure_here(contender: str, job: str, folder: Path) -> dict[str, object]:
    """Run one contender once in this process, after a small run; return seconds, memory and a digest."""
    function: Callable[[Any], Any] = globals()[f"{contender}_{job}"]
    prepare: Callable[[Path], Any] = read_rows if job == "memory" else Path
    function(prepare(written(1_000)))()
    given = prepare(folder)
    before = _memory(reset=True)
    start, worked = time.perf_counter(), time.process_time()
    labels = function(given)
    wall, cpu = time.perf_counter() - start, time.process_time() - worked
    extra = _memory() - before
    digest = hashlib.sha256(np.ascontiguousarray(labels(), dtype="<i4").data).hexdigest()
    return {"wall": wall, "cpu": cpu, "extra": extra, "digest": digest}


def _memory(*, reset: bool = False) -> float:
    """Return the peak of this process's resident memory in bytes; with `reset` that of now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM"))


def _measure_apart(contender: str, job: str, folder: Path) -> dict[str, Any]:
    """Return what `measure_here` gives in a fresh process with so many threads."""
    variables = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT")
    threads = dict.fromkeys(variables, str(THREADS))
    command = [sys.executable, "-m", "benchmarks.clustering", "--contender", contender, job, str(folder)]
    done = subprocess.run(
        command, env=os.environ | threads, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1]
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


Runs = dict[tuple[str, str], list[dict[str, Any]]]


def _run_all(folder: Path, contenders: list[tuple[str, str]]) -> Runs:
    """Run all contenders in turns, the slow ones once, and see that they agree."""
    runs: Runs = {one: [] for one in contenders}
    for turn in range(REPETITIONS):
        for contender, job in contenders:
            if not turn or contender not in ONCE:
                runs[contender, job].append(_measure_apart(contender, job, folder))
    if len({run["digest"] for some in runs.values() for run in some}) != 1:
        raise SystemExit("the contenders give different partitions: nothing was timed")
    return runs


def _median(runs: list[dict[str, Any]], what: str) -> float:
    return statistics.median(run[what] for run in runs)


def _exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of a straight line through the logarithms."""
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 2)


def run(transactions: int | None = None) -> dict[str, object]:
    """Return the benchmark's result at one scale, and growth up to it."""
    whole = transactions or TRANSACTIONS
    folder = written(whole)
    peers = [name for name in PEERS if whole <= LARGEST.get(name, whole)]
    asked = [("chainflow", "parquet"), ("graphsense", "parquet")]
    runs = _run_all(folder, [*asked, *((name, "memory") for name in ("chainflow", *peers))])
    sizes = [whole // 10, whole * 3 // 10]
    smaller = [_run_all(written(n), [("chainflow", "parquet"), ("chainflow", "memory")]) for n in sizes]
    growth = {
        job: _exponent([*sizes, whole], [_median(some["chainflow", job], "cpu") for some in (*smaller, runs)])
        for job in ("parquet", "memory")
    }
    addresses = _addresses(folder)
    figures: dict[str, object] = {"addresses": addresses}
    for (contender, job), some in runs.items():
        figures[f"{contender}, {job}: wall s"] = round(_median(some, "wall"), 4)
        figures[f"{contender}, {job}: CPU s"] = round(_median(some, "cpu"), 4)
        figures[f"{contender}, {job}: extra bytes per address"] = round(_median(some, "extra") / addresses, 1)
    ratios = _ratios(runs)
    return {
        "benchmark": "clustering",
        "workload": f"{whole:,} transactions, {addresses:,} addresses, {THREADS} threads",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", *PACKAGES),
        "figures": figures | {f"growth exponent, {job} (CPU)": one for job, one in growth.items()},
        "ratios": ratios,
        "goals": _goals(ratios, figures, growth, whole),
    }


def _ratios(runs: Runs) -> dict[str, float]:
    """Return how many times our wall time and our extra memory each peer took in the same job."""
    found = {}
    for what in ("wall", "extra"):
        for (contender, job), some in runs.items():
            ours = _median(runs["chainflow", job], what)
            if contender != "chainflow":
                found[f"{contender}, {job}: {what}"] = round(_median(some, what) / max(ours, 1e-9), 2)
    return found


def _goals(
    ratios: Mapping[str, float], figures: Mapping[str, Any], growth: Mapping[str, float], whole: int
) -> list[dict[str, object]]:
    wanted = {"scipy, memory: wall": 8.0, "splink, memory: wall": 100.0, "networkx, memory: wall": 200.0}
    goals = [goal(name, ratios[name], at_least=least) for name, least in wanted.items() if name in ratios]
    if whole < SCALES["10M"]:
        return goals  # below, what every process needs outweighs what an address needs
    faster = 2.0 if whole >= SCALES["50M"] else 1.6
    per_address = "chainflow, parquet: extra bytes per address"
    return [
        *goals,
        goal("graphsense, parquet: wall", ratios["graphsense, parquet: wall"], at_least=faster),
        goal("graphsense, parquet: extra", ratios["graphsense, parquet: extra"], at_least=5.0),
        goal(per_address, figures[per_address], at_most=6.0),
        *(goal(f"growth exponent, {job} (CPU)", one, at_most=1.1) for job, one in growth.items()),
    ]


if __name__ == "__main__":
    if "--contender" in sys.argv:
        contender, job, folder = sys.argv[sys.argv.index("--contender") + 1 :][:3]
        print(json.dumps(measure_here(contender, job, Path(folder))))
    else:
        print_result(run(parse_scale(sys.argv[1:], default=TRANSACTIONS)))
