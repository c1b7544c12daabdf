"""Count how often patterns are found where nobody hides anything: `python -m chainflow.typologies.measuring [FILE]`.

The populations are simulated wallets, a regtest run and a day of CoinJoins: nobody launders there, so every
hit is ordinary traffic. Hits are counted per transaction looked at, indicators per address.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chainflow import samples
from chainflow.ledger import Ledger
from chainflow.typologies.findings import hits_in
from chainflow.typologies.flags import FLAGS
from chainflow.typologies.hits import BaseRate
from chainflow.typologies.indicator import State
from chainflow.typologies.kinds import PATTERNS
from chainflow.typologies.measured import FILE
from chainflow.typologies.parameters import Parameters
from chainflow.typologies.payments import Payments
from chainflow.typologies.red_flags import Board, row_of
from chainflow.typologies.search import Search

__all__ = ["Population", "measure", "populations", "written"]

_COMMAND = "python -m chainflow.typologies.measuring"
_NO_ACCOUNTS = "the shipped populations: they have no account chain"
_TOO_SHORT = "the shipped populations: they last less long than what is asked for"
_NEEDS = "the shipped populations: it needs a parameter or tags that have no default"
_NOT_COUNTED = {"address-poisoning": _NO_ACCOUNTS, "dormant": _TOO_SHORT, "indicator dormant": _TOO_SHORT}
"""What could not occur in these populations: to find none there says nothing."""


@dataclass(frozen=True, slots=True)
class Population:
    """A ledger in which nobody hides anything, what to call it, and how to get it again."""

    ledger: Ledger
    name: str
    date: str
    reference: str


def populations() -> tuple[Population, ...]:
    """Return what is counted on: simulated wallets, a regtest run, a day of CoinJoins."""
    simulation, day, regtest = samples.simulated_wallets(), samples.coinjoin_day(), samples.truth("regtest")
    places = (
        (simulation.ledger, simulation.truth, "samples.simulated_wallets()"),
        (samples.load("regtest"), regtest, 'samples.load("regtest")'),
        (day.ledger, day.truth, "samples.coinjoin_day()"),
    )
    return tuple(
        Population(ledger, truth.population, truth.date, f"{_COMMAND}, on {call}")
        for ledger, truth, call in places
    )


def measure(population: Population) -> list[BaseRate]:
    """Return how often each pattern and indicator is found in a population, with default parameters."""
    search = Search(Payments.of(population.ledger), Parameters())
    where = (population.name, population.date, population.reference)
    looked_at = len(search.payments.places)
    kinds = [kind for kind, pattern in PATTERNS.items() if not pattern.needs and kind not in _NOT_COUNTED]
    found = [BaseRate(kind, len(hits_in(search, kind)), looked_at, "transactions", *where) for kind in kinds]
    board = Board(search)
    names = sorted({name for _, name in search.payments.names})
    states = [row_of(board, "emptied-fast", name, (name,), is_default=False).state for name in names]
    count = sum(state is State.PRESENT for state in states)
    found.append(BaseRate("indicator emptied-fast", count, len(names), "addresses", *where))
    return found


def written(counted: Sequence[Population]) -> str:
    """Return the text of `measured.json` for these populations: the same on every machine."""
    figures = [rate for population in counted for rate in measure(population)]
    known = {rate.kind for rate in figures}
    for kind in (*PATTERNS, *(f"indicator {flag}" for flag in FLAGS)):
        if kind not in known:
            why = _NOT_COUNTED.get(kind, _NEEDS)
            unit = "addresses" if kind.startswith("indicator") else "transactions"
            figures.append(BaseRate(kind, 0, 0, unit, why, "", _COMMAND))
    places = [
        {
            "population": one.name,
            "date": one.date,
            "reference": one.reference,
            "ledger": one.ledger.digest,
        }
        for one in counted
    ]
    places += [
        {"population": why, "date": "", "reference": _COMMAND} for why in (_NO_ACCOUNTS, _TOO_SHORT, _NEEDS)
    ]
    kept = ("kind", "found", "of", "unit", "population")
    rows = [{name: getattr(rate, name) for name in kept} for rate in figures]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return (
        f'{{"populations": {json.dumps(places, ensure_ascii=False, indent=1)},\n"figures": [\n{lines}\n]}}\n'
    )


def main(path: Path) -> None:
    """Measure and write the file."""
    path.write_text(written(populations()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
