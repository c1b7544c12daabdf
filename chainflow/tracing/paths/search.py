"""The k best paths through a network, and all that is reached from its sources.

Dynamic programming in the order of the nodes, with the k best labels per node. That is exact: to go on
along the same arc never puts a worse label before a better one (a number of transactions grows by the same,
a beginning stays where it is). So for every path that begins with a label which was dropped, the k kept ones
give k others that are no worse. A bottleneck can make two amounts equal, and then the fewer transactions
count: of the largest, a label is dropped only where k others are no worse in both.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import NamedTuple

from chainflow.model import EndReason
from chainflow.tracing.paths.network import OUTSIDE
from chainflow.tracing.paths.question import Question

__all__ = ["MEASURES", "Label", "Reached", "best_paths", "reach"]

_ANY = 2**400
"""More than any account can hold: where a path may begin with any part of what is there."""


class Label(NamedTuple):
    """One way to a node: how many transactions, the least amount on it, when and in which one it began.

    `last` is the last transaction where more transfers of it may follow; `arc` the last arc, `OUTSIDE` at a
    start; `before` the way to that arc.
    """

    steps: int
    amount: int
    first: int
    last: int
    arc: int
    before: Label | None

    def arcs(self) -> list[int]:
        """Return the arcs of the way, in order."""
        found: list[int] = []
        at: Label | None = self
        while at is not None and at.arc != OUTSIDE:
            found.append(at.arc)
            at = at.before
        return found[::-1]


Key = tuple[int | bool, ...]
Measure = Callable[[Question, Label], Key]


def _time_of(question: Question, tx: int) -> int | None:
    return None if tx == OUTSIDE else question.network.txs[tx].time


def _fewest(_: Question, label: Label) -> Key:
    return label.steps, -label.amount


def _largest(_: Question, label: Label) -> Key:
    return -label.amount, label.steps


def _fastest(question: Question, label: Label) -> Key:
    """Of ways to one node that one is best which began last; of unknown beginning is worse than any."""
    time = _time_of(question, label.first)
    begins = label.first != OUTSIDE
    return begins, begins and time is None, 0 if time is None else -time, label.steps, -label.amount


MEASURES: dict[str, Measure] = {"fewest": _fewest, "fastest": _fastest, "largest": _largest}
"""Name → what is smallest for the best way."""


def duration(question: Question, label: Label) -> int | None:
    """Return the seconds from a path's first transaction to its last; `None` where a time is not known."""
    last = question.network.arcs[label.arc].tx
    first, end = _time_of(question, label.first), _time_of(question, last)
    return None if first is None or end is None else end - first


def best_paths(question: Question, by: str, k: int) -> list[Label]:
    """Return the k best distinct paths; of equals those that the ledger's order puts first."""
    ended = list[Label]()
    at: dict[int, list[Label]] = {}
    waiting: list[int] = []

    def arrive(node: int, label: Label) -> None:
        if node not in at:
            at[node] = []
            heapq.heappush(waiting, node)
        at[node].append(label)

    for node, beginning in _beginnings(question):
        arrive(node, beginning)
    while waiting:
        node = heapq.heappop(waiting)
        kept = _kept(question, at.pop(node), by, node, k)
        for number in question.network.leaving[node]:
            if number in question.sources:
                continue
            fate = question.fate(number)
            if isinstance(fate, EndReason) and fate is not EndReason.REACHED:
                continue
            grown = [_grown(question, label, number) for label in kept]
            if isinstance(fate, EndReason):
                ended += [label for label in grown if label is not None]
            else:
                for longer in grown:
                    if longer is not None:
                        arrive(fate, longer)
    return sorted(ended, key=lambda label: _final(question, label, by))[:k]


def _beginnings(question: Question) -> Iterator[tuple[int, Label]]:
    """Yield where paths begin: at each arc that is a source, or at each moment of an account that is one."""
    for node in sorted(question.starts):
        yield node, Label(0, _ANY, OUTSIDE, OUTSIDE, OUTSIDE, None)
    for number in sorted(question.sources):
        fate, amount = question.fate(number), question.network.arcs[number].amount
        if not isinstance(fate, EndReason) and fate not in question.starts and amount:
            # an output is spent by one transaction; an account may hold what it got and pay it on later
            first = question.network.node_txs[fate] if question.network.is_outputs else OUTSIDE
            yield fate, Label(0, amount, first, OUTSIDE, number, None)


def _grown(question: Question, label: Label, number: int) -> Label | None:
    """Return a way with one more arc; None where it would say the same as another one does."""
    arc, node = question.network.arcs[number], question.network.arcs[number].tail
    if arc.head in question.starts:  # back at a source, or held there: that path begins later
        return None
    amount = min(label.amount, arc.amount)
    before = None if label.arc == OUTSIDE else label
    if arc.tx == OUTSIDE:
        return Label(label.steps, amount, label.first, label.last, number, before)
    goes_on = label.last == arc.tx and question.network.node_txs[node] == arc.tx
    first = arc.tx if label.first == OUTSIDE else label.first
    return Label(label.steps + (not goes_on), amount, first, arc.tx, number, before)


def _kept(question: Question, labels: list[Label], by: str, node: int, k: int) -> list[Label]:
    """Return the k best labels; those that another transfer of the same transaction may extend by themselves."""
    groups: dict[int, list[Label]] = {}
    for label in labels:
        last = label.last if label.last == question.network.node_txs[node] else OUTSIDE
        groups.setdefault(last, []).append(label)
    kept: list[Label] = []
    for _, group in sorted(groups.items()):
        if by == "largest":
            kept += _front(group, k)
        else:
            kept += sorted(group, key=lambda label: MEASURES[by](question, label))[:k]
    return kept


def _front(labels: list[Label], k: int) -> list[Label]:
    """Return the labels that fewer than k others beat or equal in both amount and number of transactions."""
    kept, amounts = list[Label](), list[int]()
    for label in sorted(labels, key=lambda label: (label.steps, -label.amount)):
        if len(amounts) - bisect_left(amounts, label.amount) < k:
            kept.append(label)
            insort(amounts, label.amount)
    return kept


def _final(question: Question, label: Label, by: str) -> Key:
    if by != "fastest":
        return MEASURES[by](question, label)
    seconds = duration(question, label)
    return seconds is None, seconds or 0, label.steps, -label.amount


class Reached(NamedTuple):
    """An arc that value can reach from the sources, and how it ends there; `None`: it goes on."""

    arc: int
    end: EndReason | None


def reach(question: Question) -> list[Reached]:
    """Return every arc that value can reach from the sources, sources first, then in the order of the nodes."""
    found: list[Reached] = []
    waiting, seen = sorted(question.starts), set(question.starts)
    numbers = sorted(question.sources)
    while numbers or waiting:
        for number in numbers:
            fate = question.fate(number)
            if question.network.arcs[number].amount:
                found.append(Reached(number, fate if isinstance(fate, EndReason) else None))
            if not isinstance(fate, EndReason) and fate not in seen:
                seen.add(fate)
                heapq.heappush(waiting, fate)
        numbers = []
        if waiting:
            leaving = question.network.leaving[heapq.heappop(waiting)]
            numbers = [number for number in leaving if number not in question.sources]
    return found
