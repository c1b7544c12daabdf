"""Four ways to trace wrongly that were met in use, each as short as it is wrong: the suite must catch all of them.

Each takes the facts and the question of a scenario on a chain of outputs and says how much came to which address.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.conformance.tracing.suite import Json


class Out(NamedTuple):
    """One output: its name, address and value."""

    name: str
    address: str
    value: int


class Facts:
    """The transactions of a scenario: who paid in each, what it made, and what spends an output."""

    def __init__(self, ledger: Json) -> None:
        self.made: dict[str, list[Out]] = {}
        self.spenders: dict[str, list[str]] = {}
        self.payers: dict[str, set[str]] = {}
        self.paid_by: dict[str, list[str]] = {}
        by_name: dict[str, Out] = {}
        for tx in ledger["transactions"]:
            outs = [
                Out(f"{tx['id']}:{vout}", one.get("address", ""), int(one["value"]))
                for vout, one in enumerate(tx["outputs"])
            ]
            self.made[tx["id"]] = outs
            by_name |= {one.name: one for one in outs}
        for tx in ledger["transactions"]:
            payers = self.payers.setdefault(tx["id"], set())
            for one in tx.get("inputs", []):
                if isinstance(one, str):
                    self.spenders.setdefault(one, []).append(tx["id"])
                payers.add(by_name[one].address if isinstance(one, str) else one.get("address", ""))
            for payer in payers:
                self.paid_by.setdefault(payer, []).append(tx["id"])
        self.outs = by_name

    def seeds(self, ask: Json) -> list[Out]:
        """Return the outputs that a question begins at."""
        names = [name.partition("=")[0] for some in ask["seeds"].values() for name in some]
        return [self.outs[name] for name in names if name in self.outs]

    def children(self, out: Out) -> Iterator[Out]:
        """Yield all outputs of whatever spends an output."""
        for tx in self.spenders.get(out.name, []):
            yield from self.made[tx]


Wrong = Callable[[Json, Json], Counter[str]]


def ignores_time(ledger: Json, ask: Json) -> Counter[str]:
    """Follow addresses: whatever an address ever paid was paid from the theft."""
    facts, at = Facts(ledger), Counter[str]()
    waiting = deque(out.address for out in facts.seeds(ask))
    met = set(waiting)
    while waiting:
        for tx in facts.paid_by.get(waiting.popleft(), []):
            for out in facts.made[tx]:
                at[out.address] += out.value
                if out.address not in met and out.address not in ask.get("stop", []):
                    met.add(out.address)
                    waiting.append(out.address)
    return at


def counts_paths(ledger: Json, ask: Json) -> Counter[str]:
    """Follow outputs and count what arrives once for every path that leads there."""
    return _followed(ledger, ask, once=False)


def makes_taint_from_nothing(ledger: Json, ask: Json) -> Counter[str]:
    """Call every output of a tainted transaction stolen, whole."""
    return _followed(ledger, ask, once=True)


def _followed(ledger: Json, ask: Json, *, once: bool) -> Counter[str]:
    facts, at, met = Facts(ledger), Counter[str](), set[str]()
    waiting = facts.seeds(ask)
    while waiting:
        out = waiting.pop()
        if out.name in met and once:
            continue
        met.add(out.name)
        at[out.address] += out.value
        if out.address not in ask.get("stop", []):
            waiting += facts.children(out)
    return at


def merges_co_spend(ledger: Json, ask: Json) -> Counter[str]:
    """Follow whole owners: all that addresses ever paid which were once spent together with a tainted one."""
    facts, at = Facts(ledger), Counter[str]()
    waiting = deque(out.address for out in facts.seeds(ask))
    met = set(waiting)
    while waiting:
        for tx in facts.paid_by.get(waiting.popleft(), []):
            for out in facts.made[tx]:
                at[out.address] += out.value
            new = facts.payers[tx] | {out.address for out in facts.made[tx]}
            for address in sorted(new - met - {*ask.get("stop", [])}):
                met.add(address)
                waiting.append(address)
    return at


WRONG: dict[str, Wrong] = {
    "ignores-time": ignores_time,
    "counts-paths": counts_paths,
    "taint-from-nothing": makes_taint_from_nothing,
    "merges-co-spend": merges_co_spend,
}
"""What a scenario names under `catches` → the tracer that must fail it."""
