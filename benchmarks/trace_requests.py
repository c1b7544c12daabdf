"""How many requests does a trace send that starts from nothing, against the fewest possible, and a peer?

Every trace begins with an empty case, asks an explorer on this machine, and must equal the trace on the whole
ledger, or nothing is counted. The fewest are counted from the finished trace, for a client that knows beforehand
which questions matter:

    1 (the newest height) + bodies + questions for spenders

Bodies: one for each transaction that the trace starts in, goes through, or must know to end (a CoinJoin, a
coinbase). An address as a seed costs its pages and its count instead. Questions for spenders (forward): the
transactions with an output that is unspent, and of each other transaction on the way one that leads to it; where
one transaction spends several, one of them is enough, so of those only disjoint groups are counted. A transaction
j hops after the first can be named only after j questions: with n(j) of them there or later and b in one question
it is the largest j + n(j) ÷ b, rounded up. Whole blocks and histories, which tell the host less or more than a trace
needs to ask, are left out.

crypttrace runs as in `benchmarks.requests`: as a child process in an environment made for it, pointed at the same
explorer, two hops out from the address that our trace begins with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import requests
from benchmarks.measure import describe_machine, describe_versions, goal, print_result
from benchmarks.requests import BATCH, Asked, fewest_for_addresses, make_collector, run_peer
from chainflow import samples
from chainflow.addresses import is_address
from chainflow.case import Case
from chainflow.ledger import Ledger
from chainflow.model import EndReason
from chainflow.samples.make import Coin, Maker
from chainflow.serve import Explorer
from chainflow.tracing import Trace, trace

REPETITIONS = 1
TRANSACTIONS = 1_200
PEER = requests.PEER

_STOPPED = {reason.value for reason in (EndReason.SERVICE, EndReason.BURNT, EndReason.DUST)}
"""Ends at which nothing is asked any more."""


class Question(NamedTuple):
    """A trace, and the ledger that its explorer serves."""

    ledger: Ledger
    seed: str
    direction: str = "forward"
    batched: bool = True


def make_spread(transactions: int = TRANSACTIONS) -> tuple[Ledger, str]:
    """Return a chain in which one coin is split and merged at random, and the outpoint it begins with."""
    maker = Maker("spread", seed=13)
    start = maker.mine("thief")
    coins: list[Coin] = [start]
    for _ in range(transactions):
        taken = [coins.pop(maker.draw(len(coins))) for _ in range(1 + (len(coins) > 4 and not maker.draw(4)))]
        parts = 2 + maker.draw(2)
        each = sum(coin.value_sat for coin in taken) // (parts + maker.draw(3))
        paid = {maker.address("thief"): each for _ in range(parts - 1)}
        coins += maker.pay(taken, paid, change=maker.address("thief"), wait=1).values()
        coins = [coin for coin in coins if coin.value_sat > 1_000_000] or [
            max(coins, key=lambda one: one.value_sat)
        ]
    return maker.ledger(), str(start.outpoint)


def fewest(trail: Trace, ledger: Ledger, *, batch: int) -> int:
    """Return the fewest requests that bring what a finished trace rests on."""
    addresses = [seed for seed in trail.seeds if is_address(seed)]
    asked, read = fewest_for_addresses(ledger, addresses, 1)
    ended = {(end["txid"], end["vout"]): end["reason"] for end in trail.ends.to_dict("records")}
    rows = [
        row
        for row in trail.outputs.to_dict("records")
        if ended.get((row["txid"], row["vout"])) not in _STOPPED
    ]
    bodies = {seed.partition(":")[0] for seed in trail.seeds} - set(addresses)
    bodies |= {row["txid"] for row in rows}
    questions = 0
    if trail.direction == "forward":
        certain, named = _wanted([row for row in rows if row["address"] not in addresses], ledger)
        bodies |= set(named) & set(ledger.txs["txid"].to_pylist())
        questions = _questions(certain, named, batch)
    return asked + len(bodies - read) + questions


def _wanted(rows: list[dict[Any, Any]], ledger: Ledger) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return the transactions with an unspent output → hop, and spender → its makers → hop."""
    certain: dict[str, int] = {}
    named: dict[str, dict[str, int]] = {}
    spends = ledger.outputs.select(["txid", "vout", "spent_by"]).to_pylist()
    spenders = {(row["txid"], row["vout"]): row["spent_by"] for row in spends}
    for row in rows:
        spender = spenders[row["txid"], row["vout"]]
        makers = certain if spender is None else named.setdefault(spender, {})
        makers[row["txid"]] = min(row["hop"], makers.get(row["txid"], row["hop"]))
    return certain, named


def _questions(certain: Mapping[str, int], named: Mapping[str, Mapping[str, int]], batch: int) -> int:
    """Return the fewest questions for spenders: `certain` must be asked about, and one that names each other."""
    taken, hops = set(certain), list(certain.values())
    for _, makers in sorted(named.items(), key=lambda item: (len(item[1]), item[0])):
        if taken.isdisjoint(makers):
            taken |= set(makers)
            hops.append(min(makers.values()))
    first = min(hops, default=0)
    return max((j - first - (-sum(hop >= j for hop in hops) // batch) for j in set(hops)), default=0)


def measure(asked: Question, **options: Any) -> Asked:
    """Return the requests of a trace into an empty case, after comparing it with the one on the whole ledger."""
    ledger = asked.ledger
    with (
        tempfile.TemporaryDirectory() as folder,
        Explorer(ledger, closed_world=True, batched_outspends=asked.batched) as explorer,
        Case(Path(folder) / "a.chainflow", f"esplora:{explorer.url}", chain=ledger.chain) as case,
    ):
        grown = case.trace(asked.seed, direction=asked.direction, fetch=True, budget=None, **options)
        count = len(explorer.requests)
        if "unknown" in ledger.outputs["spend_state"].to_pylist():  # the explorer says unspent of these
            case.fetch(ledger.txs["txid"].to_pylist())
            ledger = case.ledger
    whole = trace(ledger, asked.seed, direction=asked.direction, **options)
    if grown.digest != whole.digest:
        raise SystemExit("the trace is not the one on the whole ledger: nothing was counted")
    return Asked(count, fewest(whole, ledger, batch=BATCH if asked.batched else 1))


def questions() -> dict[str, Question]:
    """Return what is asked, by name."""
    colonial, training = samples.load("colonial"), samples.training_case()
    ransom, seized = (str(samples.facts("colonial")[name]["outpoint"]) for name in ("ransom", "seizure"))
    spread, start = make_spread(TRANSACTIONS // 4)
    collectors = {newer: make_collector(newer) for newer in (TRANSACTIONS, 10)}
    return {
        "colonial, ransom forward": Question(colonial, ransom),
        "colonial, ransom backward": Question(colonial, ransom, "backward"),
        "colonial, seizure forward": Question(colonial, seized),
        "colonial, seizure backward": Question(colonial, seized, "backward"),
        "training forward": Question(training.ledger, training.seed),
        "training forward, no batches": Question(training.ledger, training.seed, batched=False),
        "training backward": Question(training.ledger, training.seed, "backward"),
        f"spread, {TRANSACTIONS // 4:,} transactions": Question(spread, start),
        f"spread, {TRANSACTIONS // 4:,} transactions, no batches": Question(spread, start, batched=False),
        **{
            f"collector, {newer:,} newer transactions": Question(one.ledger, one.seed)
            for newer, one in collectors.items()
        },
    }


def run() -> dict[str, object]:
    """Return the benchmark's result."""
    asked = {name: measure(question) for name, question in questions().items()}
    over = {f"{name}: ÷ the fewest": round(one.ours / one.fewest, 2) for name, one in asked.items()}
    worst = max(over.values())
    figures: dict[str, object] = {
        f"{name}: requests (fewest)": f"{one.ours} ({one.fewest})" for name, one in asked.items()
    }
    against: dict[str, object] = {"name": "times our requests, crypttrace", "value": None, "ok": False}
    for newer in (TRANSACTIONS, 10):
        peer = run_peer(make_collector(newer)) if PEER else "left out"
        label = f"crypttrace, collector, {newer:,} newer transactions: requests"
        if isinstance(peer, str):
            figures[label] = f"not measured: {peer}"
            against["goal"] = "≥ 1, not measured"
            continue
        figures[label] = f"{peer[0]} ({'right' if peer[1] else 'wrong'} answer)"
        times = peer[0] / asked[f"collector, {newer:,} newer transactions"].ours
        over[f"crypttrace, collector, {newer:,} newer: ÷ ours"] = round(times, 2)
        if newer == TRANSACTIONS:
            against = goal("times our requests, crypttrace, busy collector", times, at_least=1)
    return {
        "benchmark": "trace_requests",
        "workload": "requests of traces that fetch what they need from an explorer here, each from an empty case",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow") | {"crypttrace": PEER.partition("==")[2]},
        "figures": figures,
        "ratios": over,
        "goals": [goal("requests ÷ the fewest, worst case", worst, at_most=1.2), against],
    }


if __name__ == "__main__":
    print_result(run())
