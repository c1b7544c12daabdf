"""The tracing scenarios as data: read, expanded, asked of any tool and compared; the format is in README.md."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, Protocol

FOLDER = pathlib.Path(__file__).parent / "scenarios"
REASONS = [
    "reached",
    "unspent",
    "fee",
    "service",
    "cluster",
    "mixer",
    "coinjoin",
    "bridge",
    "contract",
    "converted",
    "coinbase",
    "burnt",
    "lost",
    "unknown",
    "disputed",
    "unconfirmed",
    "limit",
    "dust",
    "purity",
    "time",
    "poison",
]
"""Why a branch can end; `poison` is what was counted more than once and is negative."""

Json = dict[str, Any]
_COUNTER = re.compile(r"\{n(?:-(\d+))?\}")


class Refused(Exception):
    """The tool declines the question, in words of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says: base units by asset and reason, by place, by address where it ended, by label."""

    closing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reached: Mapping[str, int] = field(default_factory=dict)
    at: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    collisions: frozenset[tuple[str, str, int, str]] = frozenset()


class Tool(Protocol):
    """What an adapter gives: the answer to one question, or `Refused`."""

    def __call__(self, ledger: Json, ask: Json, policy: str) -> Answer: ...


class Case(NamedTuple):
    """One question under one policy; `permitted` are the results of which one must come."""

    scenario: str
    number: int
    ledger: Json
    ask: Json
    policy: str
    permitted: list[Json]

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"{self.scenario}-{self.number}-{self.policy}"


def scenarios() -> list[Json]:
    """Return every scenario as it stands in its file, by name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def cases(scenario: Json) -> Iterator[Case]:
    """Yield each question of a scenario under each policy, with its ledger expanded."""
    ledger = _whole(json.dumps(scenario["ledger"]))
    for number, question in enumerate(scenario["questions"]):
        for policies, expected in question["expect"].items():
            for policy in policies.split(" "):
                permitted = expected.get("any_of", [expected])
                yield Case(scenario["name"], number, ledger, question["ask"], policy, permitted)


@cache
def _whole(text: str) -> Json:
    ledger = json.loads(text)
    return ledger | {table: [*expanded(ledger.get(table, []))] for table in ("transactions", "transfers")}


def expanded(entries: list[Json]) -> Iterator[Json]:
    """Yield entries; `{"repeat": [first, last], "entry": …}` stands for so many, `{n}` and `{n-1}` are numbers."""
    for entry in entries:
        if "repeat" not in entry:
            yield entry
            continue
        first, last = entry["repeat"]
        text = json.dumps(entry["entry"])
        for number in range(first, last + 1):
            yield json.loads(_COUNTER.sub(lambda found, at=number: str(at - int(found[1] or 0)), text))


def faults(expected: Json, answer: Answer) -> list[str]:
    """Return what is wrong with an answer, in words; nothing where it is as expected."""
    within = Fraction(expected.get("rounding", "0"))
    found = []
    for asset, reasons in expected.get("closing", {}).items():
        found += _differences(f"closing {asset}", reasons, answer.closing.get(asset, {}), within, whole=True)
        total = sum(map(Fraction, reasons.values()))
        if sum(answer.closing.get(asset, {}).values()) != total:
            found.append(f"closing {asset} does not add up to {total}")
    found += [
        f"asset {asset} is not expected" for asset in answer.closing if asset not in expected["closing"]
    ]
    if "reached" in expected:
        found += _differences("reached", expected["reached"], answer.reached, within, whole=True)
    found += _differences("at", expected.get("at", {}), answer.at, within, whole=False)
    for label, reasons in expected.get("labels", {}).items():
        found += _differences(f"label {label}", reasons, answer.labels.get(label, {}), within, whole=True)
    if "collisions" in expected:
        wanted = {(place, label, int(amount), by) for place, label, amount, by in expected["collisions"]}
        if wanted != answer.collisions:
            found.append(f"collisions {sorted(answer.collisions)}, not {sorted(wanted)}")
    return found


def _differences(
    what: str, expected: Mapping[str, str], got: Mapping[str, int], within: Fraction, *, whole: bool
) -> list[str]:
    """Compare amounts; an absent one is 0. `whole`: nothing else may be there either."""
    names = {*expected, *got} if whole else {*expected}
    return [
        f"{what} {name}: {got.get(name, 0)}, not {expected.get(name, 0)}"
        for name in sorted(names)
        if not _is_near(got.get(name, 0), Fraction(expected.get(name, 0)), within)
    ]


def _is_near(got: int, exact: Fraction, within: Fraction) -> bool:
    """Return whether an amount is the exact one, or is less off than rounding may bring."""
    return got == exact or abs(got - exact) < within
