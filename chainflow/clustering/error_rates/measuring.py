"""Count how often each rule is wrong on the shipped truth: `python -m …clustering.error_rates.measuring [FILE]`.

Every rule of chainflow's own runs alone, with its default parameters and the vetoes of its kind, as `cluster` does it;
each link it makes between addresses whose owners are known is right or wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from chainflow import samples
from chainflow.clustering.engine.join import cluster
from chainflow.clustering.error_rates.figure import ErrorFigure
from chainflow.clustering.error_rates.measured import FILE, WITHOUT_VETO
from chainflow.clustering.heuristics import MultiInput
from chainflow.clustering.rules import Heuristic, Kind, about, installed
from chainflow.ledger import Ledger
from chainflow.model import digest_of
from chainflow.samples import Truth

__all__ = ["Population", "measure", "own_rules", "populations", "written"]

_COMMAND = "python -m chainflow.clustering.error_rates.measuring"
_NO_ACCOUNTS = "shipped truth, which has no account chain"
_NO_LINKS = "shipped truth, where it makes no link between two addresses"
_UNITS = {Kind.CHANGE: "outputs called change"}


@dataclass(frozen=True, slots=True)
class Population:
    """A ledger whose truth is known, and how to get it again."""

    ledger: Ledger
    truth: Truth
    reference: str


def populations() -> tuple[Population, ...]:
    """Return the truth that comes with chainflow: a regtest run, simulated wallets, the training case."""
    simulation = samples.simulated_wallets()
    again = f"{_COMMAND}, on"
    return (
        Population(samples.load("regtest"), samples.truth("regtest"), f'{again} samples.load("regtest")'),
        Population(simulation.ledger, simulation.truth, f"{again} samples.simulated_wallets()"),
        Population(samples.load("training"), samples.truth("training"), f'{again} samples.load("training")'),
    )


def measure(
    rule: Heuristic, population: Population, *, veto: Collection[str] | None = None, name: str = ""
) -> ErrorFigure:
    """Return how often the links that a rule makes join addresses of two owners.

    Parameters
    ----------
    veto : collection of str, optional
        As of `cluster`.
    name : str
        What the figure calls the rule, if not by its own name.
    """
    truth = population.truth
    links = cluster(population.ledger, [rule], veto=veto).links
    ends = zip(links["a"].to_pylist(), links["b"].to_pylist(), strict=True)
    owners = [(truth.owners.get(a), truth.owners.get(b)) for a, b in ends]
    judged = [(one, other) for one, other in owners if one is not None and other is not None]
    return ErrorFigure(
        rule=name or rule.name,
        version=rule.version,
        wrong=sum(one != other for one, other in judged),
        of=len(judged),
        unit=_UNITS.get(about(rule).kind, "links"),
        population=truth.population,
        date=truth.date,
        reference=population.reference,
        tier="shipped",
    )


def written(counted: Sequence[Population], rules: Sequence[Heuristic]) -> str:
    """Return the text of `measured.json` for these populations and rules: the same on every machine."""
    figures = [figure for rule in rules for figure in _of_rule(rule, counted)]
    places = [
        {
            "population": one.truth.population,
            "date": one.truth.date,
            "reference": one.reference,
            "ledger": one.ledger.digest,
            "truth": digest_of(dict(sorted(one.truth.owners.items()))),
        }
        for one in counted
    ]
    places += [{"population": why, "date": "", "reference": _COMMAND} for why in (_NO_ACCOUNTS, _NO_LINKS)]
    kept = ("rule", "version", "wrong", "of", "unit", "population")
    rows = [{name: getattr(figure, name) for name in kept} for figure in figures]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return (
        f'{{"populations": {json.dumps(places, ensure_ascii=False, indent=1)},\n"figures": [\n{lines}\n]}}\n'
    )


def _of_rule(rule: Heuristic, counted: Sequence[Population]) -> Iterator[ErrorFigure]:
    if about(rule).kind is Kind.ACCOUNT:
        yield _nothing(rule, _NO_ACCOUNTS)
        return
    found = [measure(rule, population) for population in counted]
    yield from found if any(figure.of for figure in found) else [_nothing(rule, _NO_LINKS)]
    if isinstance(rule, MultiInput):
        yield from (
            measure(rule, population, veto=(), name=WITHOUT_VETO.format(rule.name)) for population in counted
        )


def _nothing(rule: Heuristic, why: str) -> ErrorFigure:
    return ErrorFigure(rule.name, rule.version, 0, 0, "links", why, "", _COMMAND, "shipped")


def own_rules() -> tuple[Heuristic, ...]:
    """Return the installed rules that come with chainflow, by name; the class of one that needs parameters."""
    known = installed()
    found = {rule.name: rule for rule in (*known.rules, *cast("Iterable[Heuristic]", known.untold.values()))}
    return tuple(rule for _, rule in sorted(found.items()) if rule.__module__.startswith("chainflow."))


def main(path: Path) -> None:
    """Measure all installed rules and write the file."""
    path.write_text(written(populations(), own_rules()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
