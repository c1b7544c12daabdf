"""When a policy was declared and when a trace ran, as the log shows it; and which traces may stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chainflow import units
from chainflow.evidence import Event, Log
from chainflow.model import digest_of

if TYPE_CHECKING:
    from chainflow.report.traces import Study

__all__ = ["Declared", "Grouped", "declared_of", "grouped", "question_of"]


@dataclass(frozen=True, slots=True)
class Declared:
    """What the log shows of one run: the entry that declared its policy, its own, and what came before both.

    Parameters
    ----------
    policy : str
    entry, at : int and datetime, or None
        The declaration; `None` where no entry before the run declares the policy.
    run, run_at : int, datetime
        The first run of this question under this policy.
    earlier : tuple of (int, str)
        Runs of the same question (the same seeds and direction) under other policies that the log holds
        before the declaration: entry, policy.
    """

    policy: str
    entry: int | None
    at: datetime | None
    run: int
    run_at: datetime
    earlier: tuple[tuple[int, str], ...] = ()

    @property
    def sentence(self) -> str:
        """Return what can be said of it, and no more."""
        run = f"the run is log entry {self.run} ({_time(self.run_at)})"
        if self.entry is None:
            return f"No entry of the log declares this policy before the run; {run}."
        said = f"Declared in log entry {self.entry} ({_time(self.at)}), before this run; {run}."
        if not self.earlier:
            return said
        runs = ", ".join(f"under {policy} (log entry {entry})" for entry, policy in self.earlier)
        return f"{said} Before that declaration the same question had been run {runs}: its result stood in the log."


def _time(time: datetime | None) -> str:
    return units.format_time(None if time is None else int(time.timestamp()))


def question_of(parameters: Mapping[str, Any]) -> str:
    """Return what tells two questions apart: their seeds and their direction, whatever the rule."""
    return digest_of([parameters.get("seeds"), parameters.get("direction")])


def declared_of(log: Log, run: Event) -> Declared:
    """Return what the log shows of the run of a trace."""
    chosen = run.content["recipe"]["parameters"]
    policy = str(chosen.get("policy"))
    events = (event for event in log.events("policy.declare") if event.seq < run.seq)
    first = next((event for event in events if event.content["policy"] == policy), None)
    earlier: dict[str, int] = {}
    for event in () if first is None else log.events("trace.run"):
        other = event.content["recipe"]["parameters"]
        is_before = first is not None and event.seq < first.seq
        if is_before and other.get("policy") != policy and question_of(other) == question_of(chosen):
            earlier.setdefault(str(other.get("policy")), event.seq)
    return Declared(
        policy,
        None if first is None else first.seq,
        None if first is None else units.to_utc(first.time // 1000),
        run.seq,
        units.to_utc(run.time // 1000),
        tuple((seq, name) for name, seq in earlier.items()),
    )


@dataclass(frozen=True, slots=True)
class Grouped:
    """The traces of a report: under the policy declared first, of other questions, and for comparison.

    Each question has its findings under one policy: the one declared first in the case where it was run under
    that one, else the one that it was run under first. All its other runs are comparisons.
    """

    findings: tuple[Study, ...]
    others: tuple[Study, ...]
    comparisons: tuple[Study, ...]

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that findings rest on, in the order of the log."""
        return tuple(dict.fromkeys(one.trace.policy for one in (*self.findings, *self.others)))


def grouped(studies: Sequence[Study]) -> Grouped:
    """Tell apart what may stand together: nothing is a comparison but the same question under another rule."""
    ordered = sorted(studies, key=lambda one: (one.declared, one.step))
    first = ordered[0].trace.policy if ordered else ""
    policy_of: dict[str, str] = {}
    for one in sorted(studies, key=lambda one: (one.trace.policy != first, one.step)):
        policy_of.setdefault(_question(one), one.trace.policy)
    main = [one for one in studies if policy_of[_question(one)] == one.trace.policy]
    return Grouped(
        tuple(one for one in main if one.trace.policy == first),
        tuple(one for one in main if one.trace.policy != first),
        tuple(one for one in studies if policy_of[_question(one)] != one.trace.policy),
    )


def _question(study: Study) -> str:
    return question_of(study.trace.recipe.parameters)
