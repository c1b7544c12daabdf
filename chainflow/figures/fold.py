"""Small items merged into "N others", so that a picture stays readable and still adds up.

Merged are the smallest of a column, and first those that nothing tells apart: they pay, or are paid, in
the same transactions only. A merged item counts for what it holds and claims no path through itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable

from chainflow.errors import IncompleteData
from chainflow.figures.flow import KNOT, Appearance, Side

__all__ = ["Flows", "fold"]

Flows = dict[Side, dict[str, int]]


def fold(
    appearances: Collection[Appearance],
    flows: Flows,
    pinned: Collection[str],
    *,
    max_rows: int,
    max_items: int,
) -> tuple[list[Appearance], Flows]:
    """Return the appearances and flows with at most `max_rows` in a column and `max_items` in all.

    Parameters
    ----------
    pinned : collection of str
        Names (addresses, clusters) that stay themselves unless `max_items` cannot be met otherwise.

    Raises
    ------
    IncompleteData
        If there are too many columns for `max_items`.
    """
    columns: dict[int, list[Appearance]] = {}
    for appearance in appearances:
        columns.setdefault(appearance.column, []).append(appearance)
    often = {key for key, count in Counter(a.key for a in appearances).items() if count > 1}
    sides = _Sides(flows)
    for rows, fixed in [(rows, often | set(pinned)) for rows in range(max_rows, 0, -1)] + [(3, set())]:
        groups = [group for column in sorted(columns) for group in sides.groups(columns[column], fixed, rows)]
        if len(groups) <= max_items:
            return _merged(groups, flows)
    raise IncompleteData(
        f"{len(appearances):,} items in {len(columns):,} columns cannot be drawn as {max_items:,}",
        hint="draw a trace of the seeds that matter, give owners= to group addresses, or raise max_items",
    )


class _Sides:
    """In which transactions each appearance is paid and pays."""

    def __init__(self, flows: Flows) -> None:
        self.into: dict[Appearance, set[str]] = {}
        self.out: dict[Appearance, set[str]] = {}
        for (payer, payee), payments in flows.items():
            self.out.setdefault(payer, set()).update(payments)
            self.into.setdefault(payee, set()).update(payments)

    def same_payments(self, appearance: Appearance) -> Hashable:
        """Return what only those share that nothing tells apart."""
        return frozenset(self.into.get(appearance, ())), frozenset(self.out.get(appearance, ()))

    def same_side(self, appearance: Appearance) -> Hashable:
        """Return whether it is paid and whether it pays."""
        return appearance in self.into, appearance in self.out

    def groups(self, column: list[Appearance], fixed: set[str], rows: int) -> list[list[Appearance]]:
        """Return a column as groups to merge, at most `rows` of them where that is possible."""
        if len(column) <= rows:
            return [[appearance] for appearance in column]
        stay = [a for a in column if a.key in fixed or a.key.startswith(KNOT)]
        loose = sorted((a for a in column if a not in stay), key=_size)
        found = [[a] for a in column]
        for signature in (self.same_payments, self.same_side):
            for kept in range(max(0, rows - len(stay)), -1, -1):
                found = [[a] for a in (*stay, *loose[:kept])] + _grouped(loose[kept:], signature)
                if len(found) <= rows:
                    return found
        return found


def _grouped(
    appearances: Iterable[Appearance], signature: Callable[[Appearance], Hashable]
) -> list[list[Appearance]]:
    groups: dict[Hashable, list[Appearance]] = {}
    for appearance in appearances:
        groups.setdefault(signature(appearance), []).append(appearance)
    return list(groups.values())


def _size(appearance: Appearance) -> tuple[int, int]:
    return -max(appearance.received_sat, appearance.sent_sat, appearance.internal_sat), appearance.number


def _merged(groups: list[list[Appearance]], flows: Flows) -> tuple[list[Appearance], Flows]:
    """Return one appearance for each group, and the flows between them, each added up."""
    home: dict[Appearance, Appearance] = {}
    for group in groups:
        merged = group[0] if len(group) == 1 else _one(group)
        home.update(dict.fromkeys(group, merged))
    added: Flows = {}
    for (payer, payee), payments in flows.items():
        flow = added.setdefault((home[payer], home[payee]), {})
        for txid, value in payments.items():
            flow[txid] = flow.get(txid, 0) + value
    return sorted(dict.fromkeys(home.values()), key=lambda a: a.number), added


def _one(group: list[Appearance]) -> Appearance:
    first = min(group, key=lambda appearance: appearance.number)
    members = tuple(sorted(group, key=_size))
    return Appearance(
        first.number,
        f"others:{first.key}",
        first.column,
        addresses={address: None for member in members for address in member.addresses},
        others=members,
        has_paid=any(member.has_paid for member in members),
        is_unordered=any(member.is_unordered for member in members),
        received_sat=sum(member.received_sat for member in members),
        sent_sat=sum(member.sent_sat for member in members),
        internal_sat=sum(member.internal_sat for member in members),
        spent_sat=sum(member.spent_sat or 0 for member in members) or None,
        seed=max(member.seed for member in members),
        ends=[end for member in members for end in member.ends],
    )
