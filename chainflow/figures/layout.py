"""Where everything stands: the same picture gets the same whole-number places, on every machine.

Columns are given (left to right is time); a picture of many columns goes on in a strip below, like a line of
text. `chainflow.figures.rows` orders what stands in a strip; this module leads lines past the columns they
skip, breaks those that run from strip to strip, and finds room for labels. x and y are pixels, y down.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainflow.figures.rows import Node, arrange

__all__ = ["ARROW", "BOX_WIDTH", "LINE_HEIGHT", "Line", "Path", "Placed", "Shape", "place"]

BOX_WIDTH = 172
LINE_HEIGHT = 16
ARROW = 9
GAP = 144
ROW_GAP = 14
LANE = 16
JOINT = 24
MARGIN = 24
STUB = 44
STRIP_GAP = 30
_PORT = 9
_LABEL_HEIGHT = 28
_WIDE = 3.0  # a label on another line this wide would be read as that line's
_ONE_STRIP = 6  # columns that fit a page; more are broken into strips of five
_STRIP = 5

Point = tuple[int, int]
Gap = tuple[Point, Point]


class Shape(NamedTuple):
    """A box before it has a place; `rank` orders boxes that nothing else tells apart."""

    column: int
    height: int
    rank: int


class Line(NamedTuple):
    """A flow before it has a place: from box to box (by position), its width and its label's in pixels.

    Those of a larger `value` get their label first.
    """

    source: int
    target: int
    width: float
    label: int
    value: int


class Path(NamedTuple):
    """The pieces of a line (two where it runs to a later strip), and where its label stands.

    `label` is None where there is no room for it.
    """

    pieces: tuple[tuple[Point, ...], ...]
    label: Point | None


class Placed(NamedTuple):
    """The centre and height of each box, the path of each line, and the size of the whole."""

    boxes: list[tuple[int, int, int]]
    paths: list[Path]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Strip:
    """The columns of one strip: the first of them, and how many; lines from before enter at its left."""

    first: int
    count: int
    has_entries: bool

    def left(self, column: int) -> int:
        """Return where a column begins; the one before the first and after the last are the edges."""
        indent = MARGIN + (GAP + STUB // 2 if self.has_entries else 0)
        if column < self.first:
            return MARGIN - BOX_WIDTH + STUB // 2
        if column == self.first + self.count:
            return indent + self.count * (BOX_WIDTH + GAP) - GAP + STUB
        return indent + (column - self.first) * (BOX_WIDTH + GAP)


def place(shapes: Sequence[Shape], lines: Sequence[Line]) -> Placed:
    """Return where boxes and the lines between them stand.

    Parameters
    ----------
    shapes : sequence of Shape
        In the order of time: of parts without a line between them the earlier one stands higher. A box
        grows where more lines meet it than it has room for.
    lines : sequence of Line
        Each must run to a later column.
    """
    strips = _strips(shapes, lines)
    home = {column: strip for strip in strips for column in range(strip.first, strip.first + strip.count)}
    boxes = [Node(shape.column, shape.height + ROW_GAP, shape.rank) for shape in shapes]
    routes = [_pieces(boxes[line.source], boxes[line.target], line.width, home) for line in lines]
    for box in boxes:
        box.height = max(box.height, ROW_GAP + 12 + _PORT * max(len(box.left), len(box.right)))
    top, width = MARGIN, 0
    for strip in strips:
        inside = [box for box in boxes if home[box.column] is strip]
        met = (node for pieces in routes for where, piece in pieces if where is strip for node in piece)
        inside = list(dict.fromkeys([*inside, *met]))
        arrange(inside)
        for node in inside:
            node.y += top
        top = round(max(node.y + node.height / 2 for node in inside)) + STRIP_GAP
        width = max(
            width,
            strip.left(strip.first + strip.count) + (0 if strip is strips[-1] else STUB) - STUB + MARGIN,
        )
    paths = _paths(routes)
    placed = [
        (home[box.column].left(box.column) + BOX_WIDTH // 2, round(box.y), round(box.height) - ROW_GAP)
        for box in boxes
    ]
    return Placed(placed, _labelled(paths, lines), width, top - STRIP_GAP + MARGIN)


def _strips(shapes: Sequence[Shape], lines: Sequence[Line]) -> list[_Strip]:
    columns = max((shape.column for shape in shapes), default=-1) + 1
    count = 1 if columns <= _ONE_STRIP else -(-columns // _STRIP)
    each = -(-columns // count)
    strips = []
    for first in range(0, columns, each or 1):
        crossed = any(shapes[line.source].column < first <= shapes[line.target].column for line in lines)
        strips.append(_Strip(first, min(each, columns - first), crossed))
    return strips


_Piece = tuple[_Strip, list[Node]]


def _pieces(source: Node, target: Node, width: float, home: dict[int, _Strip]) -> list[_Piece]:
    """Return the nodes of a line, strip by strip: its boxes, a lane in each column between, and edges."""
    here, there = home[source.column], home[target.column]
    if here is there:
        return [(here, _linked(source, target, width))]
    leave = Node(here.first + here.count, JOINT, source.rank)
    enter = Node(there.first - 1, JOINT, source.rank)
    return [(here, _linked(source, leave, width)), (there, _linked(enter, target, width))]


def _linked(source: Node, target: Node, width: float) -> list[Node]:
    lanes = [Node(column, LANE + width, source.rank) for column in range(source.column + 1, target.column)]
    piece = [source, *lanes, target]
    for one, next_one in itertools.pairwise(piece):
        one.right.append((next_one, width))
        next_one.left.append((one, width))
    return piece


def _paths(routes: list[list[_Piece]]) -> list[list[list[Point]]]:
    """Return the points of each line's pieces: it leaves and enters a box at a height of its own."""
    leaves = _ports([pieces[0][1] for pieces in routes], 0)
    enters = _ports([pieces[-1][1] for pieces in routes], -1)
    paths = []
    for number, pieces in enumerate(routes):
        drawn = []
        for rank, (strip, piece) in enumerate(pieces):
            start = leaves[number] if rank == 0 else piece[0].y
            end = enters[number] if rank == len(pieces) - 1 else piece[-1].y
            points = [(strip.left(piece[0].column) + BOX_WIDTH, round(start))]
            for lane in piece[1:-1]:
                left = strip.left(lane.column)
                points += [(left, round(lane.y)), (left + BOX_WIDTH, round(lane.y))]
            drawn.append([*points, (strip.left(piece[-1].column), round(end))])
        paths.append(drawn)
    return paths


def _ports(pieces: list[list[Node]], end: int) -> dict[int, float]:
    """Return the height at which each line meets its first (0) or last (−1) box."""
    at: dict[Node, list[int]] = {}
    for number, piece in enumerate(pieces):
        at.setdefault(piece[end], []).append(number)
    near = 1 if end == 0 else -2
    heights: dict[int, float] = {}
    for box, numbers in at.items():
        numbers.sort(key=lambda number: (pieces[number][near].y, number))
        step = min(14.0, (box.height - ROW_GAP - 12) / len(numbers))
        for rank, number in enumerate(numbers):
            heights[number] = box.y + (rank - (len(numbers) - 1) / 2) * step
    return heights


def _labelled(paths: list[list[list[Point]]], lines: Sequence[Line]) -> list[Path]:
    """Give labels to lines, the largest first: clear of boxes, labels, wide lines, and others if possible."""
    shared: dict[tuple[int, str], int] = {}
    for line in lines:
        for side in ((line.source, "out"), (line.target, "in")):
            shared[side] = shared.get(side, 0) + 1
    gaps = [[gap for piece in path for gap in zip(piece[::2], piece[1::2], strict=True)] for path in paths]
    beside: dict[tuple[int, int], list[Gap]] = {}
    wide: list[tuple[int, Gap]] = []
    for number, found in enumerate(gaps):
        for gap in found:
            beside.setdefault((gap[0][0], gap[1][0]), []).append(gap)
            wide += [(number, gap)] if lines[number].width >= _WIDE else []
    taken: list[tuple[float, float, float, float]] = []
    spots: dict[int, Point] = {}
    for number in sorted(range(len(paths)), key=lambda number: (-lines[number].value, number)):
        line = lines[number]
        crowd = shared[line.source, "out"] - shared[line.target, "in"]
        height = _LABEL_HEIGHT + line.width
        free = [
            (sum(abs(_height_at(x, other) - y) < height / 2 for other in beside[gap[0][0], gap[1][0]]), x, y)
            for gap, x, y in _spots(gaps[number], line.label, crowd)
            if all(
                abs(x - u) >= (line.label + w) / 2 or abs(y - v) >= (height + h) / 2 for u, v, w, h in taken
            )
            and not any(_runs_through(g, x, y, line.label, height) for n, g in wide if n != number)
        ]
        if free:
            _, x, y = min(free, key=lambda spot: spot[0])
            taken.append((x, y, line.label, height))
            spots[number] = (round(x), round(y))
    return [Path(tuple(map(tuple, path)), spots.get(number)) for number, path in enumerate(paths)]


def _spots(gaps: list[Gap], width: int, crowd: int) -> Iterator[tuple[Gap, float, float]]:
    """Yield where a label could stand on a line, the best place first.

    Lines lie further apart near the box that fewer of them share.
    """
    best = 0.5 if crowd == 0 else 0.38 if crowd < 0 else 0.62
    wide = [gap for gap in gaps if gap[1][0] - gap[0][0] >= width + ARROW]
    for part in (best, 0.5, 1 - best, 0.3, 0.7):
        for gap in [*wide[-1:], *wide[:-1]]:
            (x0, _), (x1, _) = gap
            x = min(max(x0 + (x1 - x0) * part, x0 + width / 2 + 1), x1 - width / 2 - ARROW)
            yield gap, x, _height_at(x, gap)


def _runs_through(gap: Gap, x: float, y: float, width: float, height: float) -> bool:
    """Return whether a line runs through a label of that size around x, y."""
    (left, _), (right, _) = gap
    places = (x + width * part for part in (-0.5, -0.25, 0, 0.25, 0.5))
    return any(left <= u <= right and abs(_height_at(u, gap) - y) < height / 2 for u in places)


def _height_at(x: float, gap: Gap) -> float:
    """Return about how high a line is there: its control points lie half-way across the gap."""
    (x0, y0), (x1, y1) = gap
    share = (x - x0) / (x1 - x0)
    return y0 + (y1 - y0) * (3 * share**2 - 2 * share**3)
