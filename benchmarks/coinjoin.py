"""All CoinJoin shapes of a whole block at once, against rules asked per transaction: `python -m benchmarks.coinjoin`.

The block is the last of a made-up chain, or with `--block FILE [UNDO]` a recorded one (raw bytes, and the undo
data without which the spent amounts are unknown). We sweep its columns and ask our readable rules about what is
left. The peer is graphsense-lib's six detectors, in an environment of its own, if there is one:

    python -m venv out/graphsense
    out/graphsense/bin/pip install graphsense-lib==2.18.1 sqlmodel greenlet

(300 MB, more than a test needs.) Without it only the six published rules as `patterns.PUBLISHED` writes them are
timed. The goal is against 17 µs per transaction and detector, a figure once measured for graphsense-lib; what
it takes here stands beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.chain import make_chain
from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    time_in_turns,
)
from chainflow.formats.blocks import block_facts
from chainflow.ledger import build
from chainflow.model import Evidence, OutputRecord
from chainflow.patterns import FAMILIES, PUBLISHED, Columns, Shape, classify, sweep
from chainflow.patterns.coinjoin import shapes_of

REPETITIONS = 7
TRANSACTIONS = 2_500
PEER = Path(__file__).resolve().parent.parent / "out" / "graphsense" / "bin" / "python"
QUOTED = 17e-6
"""Seconds per transaction and detector of graphsense-lib 2.18.1, timed in its own process on 2 cores."""
DETECTORS = {
    "graphsense-wasabi-1.0": "_wasabi_10_heuristic",
    "graphsense-wasabi-1.1": "_wasabi_11_heuristic",
    "graphsense-wabisabi": "_wasabi_20_heuristic",
    "graphsense-joinmarket": "_joinmarket_heuristic",
    "graphsense-whirlpool": "_whirlpool_coinjoin_heuristic",
    "graphsense-tx0": "_whirlpool_tx0_heuristic",
}
CHAIN = "btc-regtest"  # no activation heights

_DRIVER = """
import json, statistics, sys, time
from types import SimpleNamespace as S
from graphsenselib.db.asynchronous.services import heuristics_service as service
asked = json.load(sys.stdin)
side = lambda pairs: [S(address=[a] if a else [], value=v) for a, v in pairs]
txs = [{"coinbase": not i, "inputs": side(i), "outputs": side(o)} for i, o in asked["txs"]]
rules = [getattr(service, name) for name in asked["rules"]]
seconds = []
for _ in range(asked["repetitions"]):
    start = time.perf_counter()
    found = [[n for n, tx in enumerate(txs) if rule(tx) is not None] for rule in rules]
    seconds.append(time.perf_counter() - start)
print(json.dumps([statistics.median(seconds), found]))
"""

Pair = tuple[tuple[OutputRecord | None, ...], tuple[OutputRecord, ...]]


class Work(NamedTuple):
    """The transactions of a block, as columns and one by one."""

    name: str
    columns: Columns
    pairs: list[Pair]


def make_work(count: int) -> Work:
    """Return the last `count` transactions of a made-up chain that is five blocks longer; six of 2,500 are joint."""
    chain = make_chain(count + 12_500, seed=7)
    txs = slice(len(chain.fee) - count, len(chain.fee) + 1)
    in_ptr, out_ptr = chain.in_ptr[txs], chain.out_ptr[txs]
    spent = chain.source[in_ptr[0] : in_ptr[-1]]
    made = slice(out_ptr[0], out_ptr[-1])
    columns = Columns(
        in_ptr=in_ptr - in_ptr[0],
        in_value=chain.value[spent],
        in_script=chain.address[spent].astype(np.int64),
        in_type=chain.address[spent].astype(np.int64) % 3,
        out_ptr=out_ptr - out_ptr[0],
        out_value=chain.value[made],
        out_script=chain.address[made].astype(np.int64),
        is_op_return=np.zeros(int(out_ptr[-1] - out_ptr[0]), np.bool_),
        n_inputs=np.diff(in_ptr),
    )
    return Work(f"{count:,} made-up transactions", columns, list(_pairs(columns)))


def _pairs(columns: Columns) -> Any:
    """Yield inputs and outputs as the readable rules take them."""

    def records(values: Any, scripts: Any) -> tuple[OutputRecord, ...]:
        pairs = zip(values.tolist(), scripts.tolist(), strict=True)
        return tuple(OutputRecord(value, f"0014{script:040x}") for value, script in pairs)

    for tx in range(len(columns.n_inputs)):
        ins = slice(*columns.in_ptr[tx : tx + 2])
        outs = slice(*columns.out_ptr[tx : tx + 2])
        yield (
            records(columns.in_value[ins], columns.in_script[ins]),
            records(columns.out_value[outs], columns.out_script[outs]),
        )


def read_work(paths: Sequence[Path]) -> Work:
    """Return a recorded block, with its undo data where a second path is given."""
    undo = paths[1].read_bytes() if len(paths) > 1 else b""
    here = Evidence(1, "0" * 64, "file", paths[0].name, 0)
    ledger = build((fact, here) for fact in block_facts("btc", paths[0].read_bytes(), undo=undo))
    shapes = shapes_of(ledger, np.arange(len(ledger)))
    return Work(f"{paths[0].name}, {len(ledger):,} transactions", Columns.of(ledger), _as_pairs(shapes))


def _as_pairs(shapes: Any) -> list[Pair]:
    return [(shape.inputs, shape.outputs) for shape in shapes]


def classify_all(work: Work) -> list[tuple[int, str]]:
    """Sweep, then ask the rules about what is left: (transaction, family)."""
    found = sweep(work.columns)
    kept = np.flatnonzero(np.any([found[family] for family in FAMILIES], axis=0))
    return _classified(work, kept.tolist())


def _classified(work: Work, rows: Sequence[int]) -> list[tuple[int, str]]:
    # a new Shape each time: it keeps what it counted
    verdicts = ((row, classify(Shape(*work.pairs[row], chain=CHAIN))) for row in rows)
    return [(row, verdict.family) for row, verdict in verdicts if verdict is not None]


def ask_published(work: Work) -> list[list[int]]:
    """Ask each of the six published rules about each transaction; return whom each accepts."""
    shapes = [Shape(*pair, chain=CHAIN) for pair in work.pairs]
    rules = [PUBLISHED[name] for name in DETECTORS]
    return [[row for row, shape in enumerate(shapes) if shape.inputs and rule(shape)] for rule in rules]


def ask_graphsense(work: Work) -> tuple[float, list[list[int]]] | None:
    """Return seconds and whom each detector accepts; `None` where graphsense-lib is not there."""
    if not PEER or not Path(PEER).exists():
        return None

    def side(records: Any) -> list[tuple[str, int]]:
        return [
            ("" if r.script.startswith("6a") else r.script, r.value_sat) for r in records if r is not None
        ]

    txs = [(side(ins), side(outs)) for ins, outs in work.pairs]
    asked = {"txs": txs, "rules": list(DETECTORS.values()), "repetitions": REPETITIONS}
    command = [str(PEER), "-W", "ignore", "-c", _DRIVER]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    seconds, found = json.loads(done.stdout.splitlines()[-1])
    return float(seconds), found


def run(paths: Sequence[Path] = ()) -> dict[str, object]:
    """Return the benchmark's result, after the sweep lost nothing and both forms of the six rules agree."""
    work = read_work(paths) if paths else make_work(TRANSACTIONS)
    count = len(work.pairs)
    verdicts = classify_all(work)
    with_inputs = [row for row, (ins, _) in enumerate(work.pairs) if ins]
    if verdicts != _classified(work, with_inputs):
        raise SystemExit("the sweep lost a CoinJoin: nothing was timed")
    graphsense = ask_graphsense(work)
    if graphsense is not None and graphsense[1] != ask_published(work):
        raise SystemExit("graphsense-lib and the published rules disagree: nothing was timed")
    contenders: dict[str, Callable[[], object]] = {
        "sweep": lambda: sweep(work.columns),
        "sweep and rules": lambda: classify_all(work),
        "published rules": lambda: ask_published(work),
    }
    seconds = medians(time_in_turns(contenders, repetitions=REPETITIONS))
    shapes = len(sweep(work.columns))
    ours = {name: seconds[name] / count / shapes for name in ("sweep", "sweep and rules")}
    peers = {"published rules": seconds["published rules"] / count / len(DETECTORS)}
    if graphsense is not None:
        peers["graphsense-lib"] = graphsense[0] / count / len(DETECTORS)
    figures: dict[str, object] = {f"{name}, s": one for name, one in seconds.items()}
    figures |= {f"{name}, µs per transaction and shape": round(one * 1e6, 3) for name, one in ours.items()}
    figures |= {
        f"{name}, µs per transaction and detector": round(one * 1e6, 2) for name, one in peers.items()
    }
    slower = {
        f"{peer} ÷ {name}": round(theirs / one, 1)
        for peer, theirs in (peers | {"17 µs, quoted,": QUOTED}).items()
        for name, one in ours.items()
    }
    return {
        "benchmark": "coinjoin",
        "workload": f"{work.name}: which have one of {shapes} shapes",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "numpy"),
        "figures": figures | {"shapes": shapes, "CoinJoins": len(verdicts)},
        "ratios": slower,
        "goals": [goal(name, one, at_least=20) for name, one in slower.items() if not name.startswith("pub")],
    }


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--block") + 1 :] if "--block" in sys.argv else []
    print_result(run([Path(one) for one in given if not one.startswith("--")]))
