"""What the report says of clusters: why, how sure, what was refused, and the error sheet of the rules used."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from chainflow.clustering import Clustering, Decision, Explanation, calibrate, rule_sheet
from chainflow.clustering.change import Change
from chainflow.units import counted

__all__ = ["cluster_rows", "decision_rows", "refused_rows", "sheet_rows", "size_lines"]


def cluster_rows(owners: Clustering, most: int) -> Iterator[tuple[str, int, int, Explanation]]:
    """Yield the largest clusters of two or more: name, size, largest part in the lower bound, why two of it.

    The two explained are the first members that one link joins to the rest.
    """
    sure = owners.lower_bound
    for name, size in itertools.islice(owners.sizes.items(), most):
        if size < 2:
            break
        members = owners.members(name)
        parts = Counter(sure.of(member) for member in members)
        yield name, size, max(parts.values()), owners.explain(members[0], members[1])


def size_lines(owners: Clustering) -> Iterator[str]:
    """Yield how the clustering and its lower bound differ, then the alarms, in sentences."""
    sure = owners.lower_bound
    together, at_least = (sum(size > 1 for size in made.sizes.values()) for made in (owners, sure))
    yield (
        f"Lower bound (exact links and common spending only, contestable ones left out): "
        f"{counted(at_least, 'cluster')} of two or more addresses, the largest of "
        f"{max(sure.sizes.values(), default=0):,}. With all rules: {counted(together, 'cluster')}, the largest of "
        f"{max(owners.sizes.values(), default=0):,}."
    )
    yield from (alarm.sentence for alarm in owners.alarms())


def refused_rows(owners: Clustering) -> list[dict[str, str]]:
    """Return each refused statement once: transaction, rule, what refused it, why."""
    rows = owners.refused.select(["txid", "rule", "by", "reason"]).to_pylist()
    return [dict(row) for row in dict.fromkeys(tuple(row.items()) for row in rows)]


def decision_rows(logged: Iterable[Decision], made: Iterable[Clustering]) -> list[dict[str, str]]:
    """Return every decision in the log, in its order, then those that only a clustering was given; each once."""
    found = dict.fromkeys([*logged, *(decision for owners in made for decision in owners.decisions)])
    return [decision.as_dict() for decision in found]


def sheet_rows(made: Sequence[Clustering]) -> list[dict[str, str]]:
    """Return the error sheet: one row for each rule as some clustering used it, by name.

    What change rules were wrong on in the case's own later-revealed change stands first.
    """
    change = {rule.name: rule for owners in made for rule in owners.rules if isinstance(rule, Change)}
    measured = calibrate(made[0].ledger, list(change.values())).figures if change else ()
    rows = [
        row
        for owners in made
        for row in rule_sheet(owners.rules, measured=measured, veto=owners.terms.veto_kind)
    ]
    once = {tuple(row.items()): row for row in rows}
    return sorted(once.values(), key=lambda row: (row["name"], row["veto"], row["parameters"]))
