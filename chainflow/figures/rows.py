"""Which row of its column everything stands in: lines cross little, run level, and nothing overlaps."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Node", "arrange"]

_SWEEPS = 12


@dataclass(slots=True, eq=False)
class Node:
    """A box, or the lane of a line through a column that it skips; `y` is its centre.

    `rank` orders nodes of a column that nothing else tells apart.
    """

    column: int
    height: float
    rank: int
    y: float = 0.0
    left: list[tuple[Node, float]] = field(default_factory=list)
    right: list[tuple[Node, float]] = field(default_factory=list)


def arrange(nodes: Sequence[Node]) -> None:
    """Give each node its `y`, the topmost edge at 0; parts without a line between them go below each other."""
    floors: dict[int, float] = {}
    for part in _parts(nodes):
        columns: dict[int, list[Node]] = {}
        for node in sorted(part, key=lambda node: node.rank):
            columns.setdefault(node.column, []).append(node)
        rows = [columns[column] for column in sorted(columns)]
        _order(rows)
        _align(rows)
        drop = max(
            floors.get(column, 0.0) - min(node.y - node.height / 2 for node in columns[column])
            for column in columns
        )
        for node in part:
            node.y += drop
            floors[node.column] = max(floors.get(node.column, 0.0), node.y + node.height / 2)


def _parts(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the connected parts, in the order of their first nodes."""
    seen: set[Node] = set()
    parts = []
    for node in nodes:
        if node in seen:
            continue
        part, waiting = [], [node]
        seen.add(node)
        while waiting:
            part.append(waiting.pop())
            for near, _ in part[-1].left + part[-1].right:
                if near not in seen:
                    seen.add(near)
                    waiting.append(near)
        parts.append(part)
    return parts


def _order(rows: list[list[Node]]) -> None:
    """Sort each column by the weighted mean place of its neighbours, sweeping right and left.

    References
    ----------
    Sugiyama, Tagawa and Toda 1981, Methods for Visual Understanding of Hierarchical System Structures.
    """
    _stack(rows)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        rightward = sweep % 2 == 0
        for row in rows if rightward else reversed(rows):
            row.sort(key=lambda node: _mean(node.left if rightward else node.right, node.y))
            _stack([row])
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, found in zip(rows, best, strict=True):
        row[:] = found
    _stack(rows)


def _stack(rows: list[list[Node]]) -> None:
    """Put each column's nodes below each other around 0."""
    for row in rows:
        y = -sum(node.height for node in row) / 2
        for node in row:
            node.y = y + node.height / 2
            y += node.height


def _mean(links: list[tuple[Node, float]], otherwise: float) -> float:
    weight = sum(width for _, width in links)
    return sum(node.y * width for node, width in links) / weight if links else otherwise


def _crossings(rows: list[list[Node]]) -> int:
    """Count how often lines between neighbouring columns cross."""
    total = 0
    for row in rows:
        ends: list[float] = []
        for node in row:
            targets = sorted(target.y for target, _ in node.right)
            total += sum(len(ends) - bisect_right(ends, y) for y in targets)
            for y in targets:
                insort(ends, y)
    return total


def _align(rows: list[list[Node]]) -> None:
    """Move nodes towards their neighbours without changing their order or letting them overlap."""
    for sweep in range(_SWEEPS):
        rightward, last = sweep % 2 == 0, sweep >= _SWEEPS - 2
        for row in rows if rightward else reversed(rows):
            sides = [
                node.left + node.right if last else node.left if rightward else node.right for node in row
            ]
            _settle(row, [_mean(links, node.y) for links, node in zip(sides, row, strict=True)])


def _settle(row: list[Node], wanted: list[float]) -> None:
    """Give each node of a column the nearest place to the wanted one: least squares by pooling neighbours.

    References
    ----------
    Ayer et al. 1955, An Empirical Distribution Function for Sampling with Incomplete Information.
    """
    offsets, total = [], 0.0
    for node in row:
        offsets.append(total + node.height / 2)
        total += node.height
    pools: list[tuple[float, int]] = []  # (sum of wanted tops, nodes)
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append((want - offset, 1))
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            (above, many), (below, more) = pools[-2:]
            pools[-2:] = [(above + below, many + more)]
    tops = [pool / count for pool, count in pools for _ in range(count)]
    for node, top, offset in zip(row, tops, offsets, strict=True):
        node.y = top + offset
