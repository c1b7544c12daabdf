"""Requests per answer, against the fewest that the protocol allows and against crypttrace.

`python -m benchmarks.requests`: cases are served by an explorer on this machine and worked through anew. An
oracle that knows the truth counts the fewest questions that give the same answer: the newest height once;
of an address the pages that hold its history, and the count where a list alone cannot be believed; of coins
one question for the spenders of a hop and one for each transaction that is read.

crypttrace runs as a child process in an environment that this benchmark makes for itself, pointed at the
same explorer. Where it cannot be installed its row says so, and its goal is not measured, never met.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

from benchmarks.measure import describe_machine, describe_versions, goal, print_result
from chainflow import samples
from chainflow.crawl import LimitOptions, fetch
from chainflow.ledger import Ledger
from chainflow.samples.make import Coin, Maker
from chainflow.serve import Explorer

REPETITIONS = 1
TRANSACTIONS = 1_200
HOPS = 6
PAGE = 25
BATCH = 50
SURELY_WHOLE = 3
"""A list this short did not end for want of room on any known server's page."""
PEER = "crypttrace==0.29.0"

_DRIVER = """
import json, sys
from crypttrace import prices
from crypttrace.fetchers import bitcoin, http
from crypttrace.labels import labels
bitcoin.BASE, http.DEFAULT_INTERVAL = sys.argv[1], 0
prices.native_price = lambda chain: None
labels.enrich = lambda addresses, chain: None
from crypttrace import trace
graph = trace.build_graph(sys.argv[2], "btc", 2, 3)
print(json.dumps([[edge["from"], edge["to"]] for edge in graph["edges"]]))
"""
"""Two hops out from an address with its own engine; prices and labels, which ask elsewhere, are left out."""


class Collector(NamedTuple):
    """A busy address between two payments of one coin."""

    ledger: Ledger
    seed: str
    paid: Coin
    address: str
    payee: str
    spender: str


def make_collector(newer: int = TRANSACTIONS) -> Collector:
    """Return a chain in which a coin goes from a seed into a collector, that very coin goes on at once, and
    then `newer` transactions of others touch the collector.
    """
    maker = Maker("collector", seed=11)
    collector, payee, seed = maker.address("collector"), maker.address("payee"), maker.address("victim")
    mined = maker.mine("miner")
    (stolen,) = (maker.pay([mined], {seed: 4_000_000_000}, change=maker.address("miner"))[seed],)
    paid = maker.pay([stolen], {collector: 3_999_990_000})[collector]
    onward = maker.pay([paid], {payee: 3_999_980_000})[payee]
    others = [maker.address(f"other {number}") for number in range(newer)]
    coins = maker.pay([maker.mine("crowd")], dict.fromkeys(others, 4_000_000)) if others else {}
    for other in others:
        maker.pay([coins[other]], {collector: 3_999_000}, wait=1)
    return Collector(maker.ledger(), seed, paid, collector, payee, onward.txid)


def make_relay(hops: int = HOPS) -> tuple[Ledger, str, list[str]]:
    """Return a chain in which a coin goes through fresh addresses, the first of them, and the others."""
    maker = Maker("relay", seed=12)
    addresses = [maker.address(f"hop {number}") for number in range(hops)]
    coin = maker.pay([maker.mine("miner")], {addresses[0]: 4_000_000_000}, change=maker.address("miner"))
    here = coin[addresses[0]]
    for following in addresses[1:]:
        here = maker.pay([here], {following: here.value_sat - 1_000})[following]
    return maker.ledger(), addresses[0], addresses[1:]


class Asked(NamedTuple):
    """How many requests an answer took, and the fewest it could."""

    ours: int
    fewest: int


def fewest_for_addresses(ledger: Ledger, seeds: Sequence[str], hops: int) -> tuple[int, set[str]]:
    """Return the fewest requests that read, and can believe, all histories within `hops`; and their txids.

    The newest height; of each address its pages. A count besides them is needed of the seeds, which may be
    services, and where the last page is too long to be surely the last.
    """
    histories: dict[str, set[str]] = {}
    for row in ledger.outputs.select(["address", "txid", "spent_by"]).to_pylist():
        histories.setdefault(row["address"], set()).update({row["txid"], row["spent_by"]} - {None})
    read, frontier, requests = set[str](), set(seeds), 1
    for hop in range(hops):
        for count in (len(histories[address]) for address in frontier):
            requests += max(1, -(-count // PAGE)) + (hop == 0 or count > SURELY_WHOLE)
        read |= frontier
        frontier = {
            payee for one in frontier for txid in histories[one] for payee in _payees(ledger, txid, one)
        }
        frontier -= read
    held = set(ledger.txs["txid"].to_pylist())
    return requests, {txid for address in read for txid in histories[address]} & held


def _payees(ledger: Ledger, txid: str, payer: str) -> set[str]:
    """Return whom `payer` pays in a transaction: nobody, unless it spends a coin of its own there."""
    index = ledger.index
    rows = index.tx_rows(txid)
    if not rows or payer not in {index.label_of(spent) for spent in index.inputs_of(rows[0]).tolist()}:
        return set()
    return {index.label_of(made) for made in index.outputs_of(rows[0]).tolist()} - {payer}


def fewest_for_coins(ledger: Ledger, seed: str, hops: int) -> tuple[int, set[str]]:
    """Return the fewest requests that follow all coins of an outpoint for `hops`; and the txids read.

    The newest height, the seed's transaction; of each hop one question for up to 50 of the transactions
    whose spenders are wanted, and one for each spender.
    """
    index, txids = ledger.index, ledger.txs["txid"].to_pylist()
    outputs = index.resolve([seed])
    read, requests = {seed.partition(":")[0]}, 2
    for _ in range(hops):
        makers = {int(index.created_by[row]) for row in outputs}
        spenders = {int(index.spent_by[row]) for row in outputs} - {-1}
        requests += -(-len(makers) // BATCH) + len({txids[row] for row in spenders} - read)
        read |= {txids[row] for row in spenders}
        outputs = [row for tx in sorted(spenders) for row in index.outputs_of(tx).tolist()]
    return requests, read


def measure(
    ledger: Ledger, seeds: Sequence[str], fewest: tuple[int, set[str]], **limits: Unpack[LimitOptions]
) -> Asked:
    """Return the requests of a fetch into nothing, after comparing what it found with the truth."""
    with Explorer(ledger) as explorer:
        url = f"esplora:{explorer.url}"
        found = fetch(seeds, url, chain=ledger.chain, direction="forward", dry_run=False, **limits)
        count = len(explorer.requests)
    if set(found.txs["txid"].to_pylist()) != fewest[1] or found.verified[0] != len(found):
        raise SystemExit("the answer is wrong: nothing was counted")
    return Asked(count, fewest[0])


def run_peer(case: Collector) -> tuple[int, bool] | str:
    """Return crypttrace's requests for the same question and whether it is right, or why it did not run."""
    if not PEER:
        return "left out"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        venv.create(home / "venv", with_pip=True, symlinks=True)
        python = str(home / "venv" / "bin" / "python")
        made = subprocess.run(
            [python, "-m", "pip", "install", "-q", PEER], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return f"{PEER} could not be installed: {made.stderr.strip().splitlines()[-1][:200]}"
        with Explorer(case.ledger) as explorer:
            done = subprocess.run(
                [python, "-c", _DRIVER, explorer.url, case.seed],
                capture_output=True,
                text=True,
                check=False,
                env={"CRYPTTRACE_HOME": str(home / "crypttrace"), "PATH": "/usr/bin:/bin", "HOME": folder},
            )
            count = len(explorer.requests)
        if done.returncode:
            return f"{PEER} failed: {done.stderr.strip().splitlines()[-1][:200]}"
        edges = json.loads(done.stdout)
        return count, [case.address, case.payee] in edges


def run() -> dict[str, object]:
    """Return the benchmark's result."""
    colonial, training = samples.load("colonial"), samples.training_case()
    relay, first, _ = make_relay(HOPS)
    collector = make_collector(TRANSACTIONS)
    anchors = list(samples.facts("colonial")["addresses"])
    coin = str(collector.paid.outpoint)
    asked = {
        "colonial, three histories": measure(
            colonial, anchors, fewest_for_addresses(colonial, anchors, 1), hops=1
        ),
        f"training, coins of the seed for {HOPS} hops": measure(
            training.ledger,
            [training.seed],
            fewest_for_coins(training.ledger, training.seed, HOPS),
            hops=HOPS,
            follow="coins",
        ),
        f"relay, {HOPS} fresh addresses": measure(
            relay, [first], fewest_for_addresses(relay, [first], HOPS), hops=HOPS
        ),
        f"collector, {TRANSACTIONS:,} newer transactions": measure(
            collector.ledger, [coin], fewest_for_coins(collector.ledger, coin, 1), hops=1, follow="coins"
        ),
    }
    crossing = asked[f"collector, {TRANSACTIONS:,} newer transactions"].ours
    over = {f"{name}: ÷ the fewest": round(one.ours / one.fewest, 2) for name, one in asked.items()}
    worst = max(over.values())
    figures: dict[str, object] = {
        f"{name}: requests (fewest)": f"{one.ours} ({one.fewest})" for name, one in asked.items()
    }
    against: dict[str, object] = {"name": "times our requests, crypttrace", "value": None, "ok": False}
    for case, name in ((collector, f"{TRANSACTIONS:,} newer"), (make_collector(10), "10 newer")):
        peer = run_peer(case)
        label = f"crypttrace, collector, {name}: requests"
        if isinstance(peer, str):
            figures[label] = f"not measured: {peer}"
            against["goal"] = "≥ 5, not measured"
            continue
        figures[label] = f"{peer[0]} ({'right' if peer[1] else 'wrong'} answer)"
        if case is collector:
            over["crypttrace, collector: ÷ ours"] = round(peer[0] / crossing, 2)
            against = goal("times our requests, crypttrace", peer[0] / crossing, at_least=5)
    return {
        "benchmark": "requests",
        "workload": "requests to an explorer on this machine, each from an empty case",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow") | {"crypttrace": PEER.partition("==")[2]},
        "figures": figures,
        "ratios": over,
        "goals": [
            goal("requests ÷ the fewest, worst case", worst, at_most=1.2),
            goal("requests across the collector, right answer", crossing, at_most=4),
            against,
        ],
    }


if __name__ == "__main__":
    print_result(run())
