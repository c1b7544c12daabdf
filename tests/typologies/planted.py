"""Random traffic on an account chain with patterns planted in it: the truth that detectors are tested on."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chainflow.ledger import Ledger
from chainflow.model import TransferRecord
from chainflow.typologies import Hit
from tests.clustering.account_made import ETHER, ledger, pay, txid, who

DAY = 7200
"""Blocks in a day of twelve-second blocks."""


@dataclass
class Town:
    """Payments in the making, and which parties each planted pattern has."""

    seed: int
    rows: list[TransferRecord] = field(default_factory=list)
    planted: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    people: int = 0
    roles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def name(self, role: str) -> str:
        """Return who plays a role: somebody new, or where there are `people`, one of them who plays no other."""
        if self.people and not role.startswith("person "):
            return self.roles.setdefault(role, f"person {len(self.roles) % self.people}")
        return role

    def pay(self, sender: str, recipient: str, value: int, height: int) -> None:
        number = txid(10**6 + len(self.rows))
        self.rows.append(pay(self.name(sender), self.name(recipient), value, height, txid=number))

    def live(self, people: int, payments: int, days: int) -> None:
        """Let people pay each other at random, none of them ever all that they have."""
        for _ in range(payments):
            one, other = self.draw.sample(range(people), 2)
            amount = self.draw.randrange(1, 10**6) * 10**13
            self.pay(f"person {one}", f"person {other}", amount, self.draw.randrange(days * DAY))

    def plant(self, kind: str, parties: Iterable[str]) -> None:
        self.planted.setdefault(kind, []).append(frozenset(who(self.name(name)) for name in parties))

    def fan_out(self, name: str, height: int, degree: int = 10) -> None:
        payees = [f"{name} payee {n}" for n in range(degree)]
        for place, payee in enumerate(payees):
            self.pay(name, payee, self.draw.randrange(1, 9) * ETHER + place, height + 10 * place)
        self.plant("fan-out", [name, *payees])

    def fan_in(self, name: str, height: int, degree: int = 10) -> None:
        payers = [f"{name} payer {n}" for n in range(degree)]
        for place, payer in enumerate(payers):
            self.pay(payer, name, self.draw.randrange(1, 9) * ETHER + place, height + 10 * place)
        self.plant("fan-in", [name, *payers])

    def scatter_gather(self, name: str, height: int, via: int = 4) -> None:
        between = [f"{name} between {n}" for n in range(via)]
        for place, one in enumerate(between):
            amount = ETHER * (3 + place)
            self.pay(name, one, amount, height + place)
            self.pay(one, f"{name} sink", amount - amount // 50, height + 100 + place)
        self.plant("scatter-gather", [name, f"{name} sink", *between])

    def gather_scatter(self, name: str, height: int, via: int = 4) -> None:
        for place in range(via):
            self.pay(f"{name} payer {place}", name, ETHER, height + place)
        for place in range(via):
            self.pay(name, f"{name} payee {place}", ETHER - ETHER // 50, height + 100 + place)
        ends = [f"{name} {side} {n}" for n in range(via) for side in ("payer", "payee")]
        self.plant("gather-scatter", [name, *ends])

    def cycle(self, name: str, height: int, length: int = 4) -> None:
        around = [f"{name} {n}" for n in range(length)]
        for place, one in enumerate(around):
            self.pay(one, around[(place + 1) % length], 5 * ETHER - place * ETHER // 50, height + 50 * place)
        self.plant("cycle", around)

    def stack(self, name: str, height: int, side: int = 3) -> None:
        layers = [[f"{name} {layer} {n}" for n in range(side)] for layer in range(3)]
        for step, (payers, payees) in enumerate(itertools.pairwise(layers)):
            for place, (one, other) in enumerate((a, b) for a in payers for b in payees):
                self.pay(one, other, ETHER // 7 + place, height + 500 * step + place)
            self.plant("bipartite", [*payers, *payees])
        self.plant("stack", [one for layer in layers for one in layer])

    def pass_through(self, name: str, height: int) -> None:
        for place in range(2):
            self.pay(f"{name} payer {place}", name, 2 * ETHER, height + place)
        self.pay(name, f"{name} payee", 4 * ETHER - ETHER // 100, height + 200)
        self.plant("pass-through", [name, f"{name} payee", *(f"{name} payer {n}" for n in range(2))])

    def structuring(self, name: str, height: int, threshold: int, times: int = 3) -> None:
        for place in range(times):
            self.pay(name, f"{name} payee", threshold - 1 - place * threshold // 100, height + 300 * place)
        self.plant("structuring", [name, f"{name} payee"])

    def dormant(self, name: str, height: int) -> None:
        self.pay(f"{name} payer", name, ETHER, height)
        self.pay(name, f"{name} payee", ETHER // 3, height + 400 * DAY)
        self.plant("dormant", [name])

    def ledger(self) -> Ledger:
        """Return all of it, whatever was planted first."""
        return ledger(sorted(self.rows, key=lambda row: (row.height, row.txid)))


KINDS = (
    *("fan_out", "fan_in", "scatter_gather", "gather_scatter"),
    *("cycle", "stack", "pass_through", "dormant"),
)


def town(seed: int, *, threshold: int = 50 * ETHER, is_mixed: bool = False) -> Town:
    """Return a month of random traffic with each pattern planted three times, among strangers or among its people."""
    people = 600 if is_mixed else 60
    made = Town(seed, people=people if is_mixed else 0)
    made.live(people=people, payments=400, days=30)
    for copy in range(3):
        for kind in KINDS:
            getattr(made, kind)(f"{kind} {copy}", made.draw.randrange(28 * DAY))
        made.structuring(f"structuring {copy}", made.draw.randrange(28 * DAY), threshold)
    return made


def score(hits: Sequence[Hit], planted: Sequence[frozenset[str]]) -> tuple[int, int]:
    """Return how many planted patterns some hit holds wholly, and how many hits hold none."""
    found = sum(any(one <= hit.addresses for hit in hits) for one in planted)
    return found, sum(not any(one <= hit.addresses for one in planted) for hit in hits)
