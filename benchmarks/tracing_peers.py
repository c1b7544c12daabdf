"""The peers of the tracing benchmark: the same rules in plain Python and on networkx, as they are usually written."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from chainflow.tracing.whole_chain.columns import Columns

__all__ = [
    "FEWER",
    "FLOOR",
    "MOST",
    "Lists",
    "best_in_networkx",
    "bounded_in_networkx",
    "graph_of",
    "haircut_in_lists",
    "haircut_in_networkx",
    "haircut_in_python",
    "lists_of",
]

FLOOR = 1_000
MOST = 10_000
FEWER = 1_000
"""For the largest taint first: so many that a limit is met."""


class Lists(NamedTuple):
    """The columns as Python lists, and what the inputs of each transaction hold."""

    in_ptr: list[int]
    source: list[int]
    out_ptr: list[int]
    value: list[int]
    spent_by: list[int]
    whole: list[int]


def lists_of(columns: Columns) -> Lists:
    """Return the columns as lists."""
    before = np.concatenate([[0], np.cumsum(columns.value[columns.source])])
    whole = before[columns.in_ptr[1:]] - before[columns.in_ptr[:-1]]
    return Lists(*(column.tolist() for column in columns), whole.tolist())


def haircut_in_python(lists: Lists, seeds: list[int]) -> dict[int, int]:
    """Return the tainted base units of every output reached, transaction by transaction."""
    in_ptr, source, out_ptr, value, _, whole = lists
    claimed = set(seeds)
    tainted: dict[int, int] = {}
    for tx in range(len(whole)):
        carried = 0
        for at in range(in_ptr[tx], in_ptr[tx + 1]):
            carried += tainted.get(source[at], 0)
        seen = before = 0
        for row in range(out_ptr[tx], out_ptr[tx + 1]):
            if carried:
                seen += value[row]
                upto = carried * seen // whole[tx]
                if upto > before:
                    tainted[row] = upto - before
                before = upto
            if row in claimed:
                tainted[row] = value[row]
    return tainted


def haircut_in_lists(lists: Lists, seeds: list[int]) -> dict[int, int]:
    """Return the same with lists alone: what a transaction carries has been added up before it is met."""
    _, _, out_ptr, value, spent_by, whole = lists
    claimed = set(seeds)
    waiting = [0] * (len(whole) + 1)  # the last place, −1, for what is unspent
    rows: list[int] = []
    amounts: list[int] = []
    start = 0
    for tx, stop in enumerate(out_ptr[1:]):
        carried = waiting[tx]
        seen = before = 0
        for row in range(start, stop):
            part = 0
            if carried:
                seen += value[row]
                upto = carried * seen // whole[tx]
                part = upto - before
                before = upto
            if row in claimed:
                part = value[row]
            if part:
                rows.append(row)
                amounts.append(part)
                waiting[spent_by[row]] += part
        start = stop
    return dict(zip(rows, amounts, strict=True))


def graph_of(lists: Lists) -> Any:
    """Return the transaction graph: an edge for each spent output, with its value."""
    import networkx as nx

    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(len(lists.whole)))
    for tx in range(len(lists.whole)):
        rows = range(lists.out_ptr[tx], lists.out_ptr[tx + 1])
        graph.add_edges_from(
            (tx, lists.spent_by[row], row, {"value": lists.value[row]})
            for row in rows
            if lists.spent_by[row] >= 0
        )
    return graph


def haircut_in_networkx(graph: Any, lists: Lists, seeds: list[int]) -> dict[int, int]:
    """Return the same, walking the transaction graph in topological order."""
    import networkx as nx

    claimed = set(seeds)
    tainted: dict[int, int] = {}
    for tx in nx.topological_sort(graph):
        carried = whole = 0
        for _, _, row, value in graph.in_edges(tx, keys=True, data="value"):
            carried += tainted.get(row, 0)
            whole += value
        seen = before = 0
        for row in range(lists.out_ptr[tx], lists.out_ptr[tx + 1]):
            if carried:
                seen += lists.value[row]
                upto = carried * seen // whole
                if upto > before:
                    tainted[row] = upto - before
                before = upto
            if row in claimed:
                tainted[row] = lists.value[row]
    return tainted


def bounded_in_networkx(
    graph: Any, lists: Lists, seed: int, *, most: int = MOST, chosen: set[int] | None = None
) -> tuple[dict[int, int], int]:
    """Return what one seed taints through transactions in order, and through how many.

    They are the first `most`, or the chosen ones.
    """
    tainted = {seed: lists.value[seed]}
    waiting, queued, visited = [lists.spent_by[seed]], {lists.spent_by[seed]}, 0
    if tainted[seed] < FLOOR:
        return tainted, 0
    while waiting and visited < most:
        tx = heapq.heappop(waiting)
        if chosen is not None and tx not in chosen:
            continue
        visited += 1
        carried = whole = seen = before = 0
        for _, _, row, value in graph.in_edges(tx, keys=True, data="value"):
            arrived = tainted.get(row, 0)
            carried += arrived if arrived >= FLOOR else 0
            whole += value
        for row in range(lists.out_ptr[tx], lists.out_ptr[tx + 1]):
            seen += lists.value[row]
            upto = carried * seen // whole
            if upto > before:
                tainted[row] = upto - before
                spender = lists.spent_by[row]
                if upto - before >= FLOOR and spender >= 0 and spender not in queued:
                    queued.add(spender)
                    heapq.heappush(waiting, spender)
            before = upto
    return tainted, visited


def largest_in_networkx(graph: Any, lists: Lists, seed: int) -> set[int]:
    """Return the `FEWER` transactions at which the most taint of one seed waits, always the largest next."""
    first = lists.spent_by[seed]
    waiting, chosen = {first: lists.value[seed]}, set[int]()
    heap = [(-lists.value[seed], first)] if lists.value[seed] >= FLOOR else []
    while heap and len(chosen) < FEWER:
        amount, tx = heapq.heappop(heap)
        if tx in chosen or waiting[tx] != -amount:
            continue
        chosen.add(tx)
        whole = sum(value for _, _, value in graph.in_edges(tx, data="value"))
        seen = before = 0
        for row in range(lists.out_ptr[tx], lists.out_ptr[tx + 1]):
            seen += lists.value[row]
            upto = -amount * seen // whole
            spender = lists.spent_by[row]
            if upto - before >= FLOOR and spender >= 0 and spender not in chosen:
                waiting[spender] = waiting.get(spender, 0) + upto - before
                heapq.heappush(heap, (-waiting[spender], spender))
            before = upto
    return chosen


def best_in_networkx(graph: Any, lists: Lists, seed: int) -> tuple[dict[int, int], int]:
    """Return the same through the `FEWER` where the largest taint waits, if there are more."""
    told = bounded_in_networkx(graph, lists, seed, most=FEWER + 1)
    if told[1] <= FEWER:
        return told
    return bounded_in_networkx(graph, lists, seed, chosen=largest_in_networkx(graph, lists, seed))
