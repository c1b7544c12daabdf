"""The published case, worked through from explorer replies to a report, and checked against known figures."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chainflow import samples, units
from chainflow.case import Case
from chainflow.errors import BadInput
from chainflow.serve import Explorer
from chainflow.tracing import Trace

__all__ = ["Result", "run"]

QUESTION = (
    "Where did the 75 BTC go that are said to be the ransom paid to DarkSide on 8 May 2021, "
    "and where did the coins come from that are said to have been seized by the FBI on 7 June 2021?"
)
TRANSACTIONS = 10
"""How many the recorded case holds."""

REPLAYED = (
    "The replies of 127.0.0.1 are a replay by chainflow, on this machine, of replies that blockstream.info gave "
    "when its newest block was 955,873; the transactions in them are the recorded bytes."
)
POLICIES = ("fifo", "haircut", "poison")
Say = Callable[[str, object], None]


@dataclass(slots=True)
class Result:
    """What the demo found and wrote."""

    case: pathlib.Path
    picture: pathlib.Path
    traced: pathlib.Path
    report: pathlib.Path
    checks: list[tuple[str, str, int, int, bool]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every figure is met."""
        return all(ok for *_, ok in self.checks)

    def check(self, what: str, found: int, expected: int, *, unit: str = "sat", tolerance: int = 0) -> None:
        """Compare one figure."""
        self.checks.append((what, unit, found, expected, abs(found - expected) <= tolerance))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        names = ("what", "unit", "found", "expected", "ok")
        return {
            "ok": self.ok,
            "case": str(self.case),
            "picture": str(self.picture),
            "traced": str(self.traced),
            "report": str(self.report),
            "checks": [dict(zip(names, check, strict=True)) for check in self.checks],
        }


def run(folder: pathlib.Path, say: Say) -> Result:
    """Work through the case in `folder`, telling each part to `say`; see `chainflow demo`."""
    folder.mkdir(parents=True, exist_ok=True)
    result = Result(
        case=folder / "colonial.chainflow",
        picture=folder / "colonial.html",
        traced=folder / "colonial-traced.html",
        report=folder / "colonial-report.html",
    )
    _clear(result.case)
    facts = samples.facts("colonial")
    with (
        Explorer(samples.load("colonial")) as explorer,
        Case(result.case, f"esplora:{explorer.url}", question=QUESTION) as case,
    ):
        case.tags += samples.tags("colonial")
        say("What will be asked", str(case.fetch(facts["addresses"], dry_run=True)))
        done = case.fetch(facts["addresses"])
        say("Fetched", f"{done.asked} requests over HTTP to the replay explorer {explorer.url}")
    with Case(result.case, offline=True) as case:
        _verify(case, result, say)
        _cluster(case, facts, say)
        _forward(case, facts, result, say)
        _backward(case, facts, say)
        _compare(case, facts, result, say)
        say("The gap in the evidence", facts["gap"]["statement"])
        case.note(facts["gap"]["statement"])
        case.note(REPLAYED)
        case.draw(title="Colonial Pipeline 2021: every payment in evidence").save(result.picture)
        share = case.trace(facts["share"]["seed"], "fifo")
        case.draw(share, title="The 63.70 BTC of 28 May 2021, forward (FIFO)").save(result.traced)
        sha256 = case.report(result.report, title="Colonial Pipeline 2021")
        _conclude(case, result, sha256, say)
    return result


def _clear(case: pathlib.Path) -> None:
    """Remove the case of an earlier demo, and nothing else.

    Raises
    ------
    BadInput
        If a file of that name is there which no demo wrote.
    """
    if not case.exists():
        return
    with Case(case, read_only=True) as earlier:
        if earlier.question != QUESTION:
            raise BadInput(f"{case} is not an earlier demo", hint="choose another folder with -o")
    for name in (case.name, f"{case.name}-wal", f"{case.name}-shm"):
        case.with_name(name).unlink(missing_ok=True)


def _verify(case: Case, result: Result, say: Say) -> None:
    found = case.verify()
    verified, _ = case.ledger.verified
    result.check("txids recomputed from their bytes", verified, TRANSACTIONS, unit="transactions")
    result.check("problems in the case file", len(found.problems), 0, unit="problems")
    say("Verified", (["checked", "found"], found.rows()))
    columns = ["address", "state", "received", "claimed", "as_of_height"]
    say("Coverage", (columns, case.ledger.coverage[columns].astype(object).values.tolist()))


def _cluster(case: Case, facts: dict[str, Any], say: Say) -> None:
    owners = case.cluster()
    say("Clusters", repr(owners))
    say("Why are two of them together?", case.explain(*facts["explain"], owners=owners).sentence)


def _forward(case: Case, facts: dict[str, Any], result: Result, say: Say) -> None:
    trail = case.trace(facts["ransom"]["outpoint"], "fifo")
    result.check("the output said to be the ransom", trail.seed_sat, facts["ransom"]["value_sat"])
    say("Forward from the ransom payment (FIFO)", _balance(trail))
    exposure = case.exposure(trail)
    rows = [(line.category, line.reason, line.amount) for line in exposure.lines(trail.asset)]
    say("Exposure of the ransom by tag category", (["category", "ended by", "value"], rows))


def _backward(case: Case, facts: dict[str, Any], say: Say) -> None:
    trail = case.trace(facts["seizure"]["outpoint"], "fifo", direction="backward")
    say("Backward from the seized coins (FIFO)", _balance(trail))


def _compare(case: Case, facts: dict[str, Any], result: Result, say: Say) -> None:
    """Set the three policies side by side at the seized output: an annex, never a mixture."""
    txid, vout = facts["seizure"]["outpoint"].split(":")
    rows = []
    for policy in POLICIES:
        trail = case.trace(facts["share"]["seed"], policy)
        outputs = trail.outputs
        here = outputs[(outputs["txid"] == txid) & (outputs["vout"] == int(vout))]
        share = int(here["tainted_sat"].sum())
        expected = facts["share"][policy]
        tolerance = 1 if policy == "haircut" else 0
        result.check(
            f"of the 63.70 BTC, at the seized output, by {policy}", share, expected, tolerance=tolerance
        )
        rows.append((policy, units.format_coins(share), units.format_coins(expected)))
    say(
        "Annex: the share of the 63.70 BTC input in the seized output",
        (["policy", "value", "value expected"], rows),
    )


def _balance(trail: Trace) -> tuple[list[str], list[tuple[str, str]]]:
    rows = [(reason, units.format_coins(value)) for reason, value in trail.balance.items()]
    return ["ended by", "value"], [*rows, ("= seed", units.format_coins(trail.seed_sat))]


def _conclude(case: Case, result: Result, sha256: str, say: Say) -> None:
    rows = [
        (what, unit, f"{found:,}", f"{expected:,}", "yes" if ok else "NO")
        for what, unit, found, expected, ok in result.checks
    ]
    say("Figures", (["figure", "unit", "value found", "value expected", "met"], rows))
    seq, head = case.log.head
    files = [
        ("case", result.case),
        ("picture", result.picture),
        ("picture of the trace", result.traced),
        ("report", f"{result.report}\nsha256 {sha256}"),
        ("log", f"{seq} entries, head {head}"),
    ]
    say("Written", (["what", "where"], files))
