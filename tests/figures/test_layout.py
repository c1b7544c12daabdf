"""Places: nothing overlaps, lines run left to right, a long picture goes on in strips."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.figures.layout import BOX_WIDTH, Line, Shape, place


@st.composite
def pictures(draw):
    """Return shapes in up to 14 columns and lines between them."""
    columns = sorted(draw(st.lists(st.integers(0, 13), min_size=1, max_size=14)))
    used = {column: rank for rank, column in enumerate(sorted(set(columns)))}
    shapes = [Shape(used[c], draw(st.integers(28, 90)), n) for n, c in enumerate(columns)]
    pairs = [
        (a, b)
        for a, b in itertools.product(range(len(shapes)), repeat=2)
        if shapes[a].column < shapes[b].column
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=20, unique=True)) if pairs else []
    return shapes, [Line(a, b, draw(st.floats(1, 9)), 90, a) for a, b in chosen]


@settings(max_examples=50, deadline=None)
@given(pictures())
def test_boxes_do_not_overlap_and_stay_inside(picture):
    shapes, lines = picture
    placed = place(shapes, lines)

    for (x, y, height), (u, v, other) in itertools.combinations(placed.boxes, 2):
        assert abs(x - u) >= BOX_WIDTH or abs(y - v) >= (height + other) / 2
    for x, y, height in placed.boxes:
        assert BOX_WIDTH / 2 <= x <= placed.width - BOX_WIDTH / 2
        assert height / 2 <= y <= placed.height - height / 2


@settings(max_examples=50, deadline=None)
@given(pictures())
def test_lines_begin_and_end_at_their_boxes_and_run_left_to_right(picture):
    shapes, lines = picture
    placed = place(shapes, lines)

    for line, path in zip(lines, placed.paths, strict=True):
        (x, y, height), (u, v, other) = placed.boxes[line.source], placed.boxes[line.target]
        assert path.pieces[0][0][0] == x + BOX_WIDTH // 2
        assert abs(path.pieces[0][0][1] - y) <= height / 2
        assert path.pieces[-1][-1][0] == u - BOX_WIDTH // 2
        assert abs(path.pieces[-1][-1][1] - v) <= other / 2
        assert all(a[0] < b[0] for piece in path.pieces for a, b in itertools.pairwise(piece))


@settings(max_examples=50, deadline=None)
@given(pictures())
def test_labels_cover_no_box_and_no_other_label(picture):
    shapes, lines = picture
    placed = place(shapes, lines)
    labels = [path.label for path in placed.paths if path.label is not None]

    for (x, y), (u, v) in itertools.combinations(labels, 2):
        assert abs(x - u) >= 89 or abs(y - v) >= 27
    for (x, y), (u, v, height) in itertools.product(labels, placed.boxes):
        assert abs(x - u) >= (BOX_WIDTH + 88) / 2 or abs(y - v) >= (height + 26) / 2


def test_label_does_not_stand_on_another_wide_line():
    shapes = [Shape(0, 40, 0), Shape(0, 40, 1), Shape(1, 40, 0), Shape(1, 40, 1)]
    crossed = place(
        shapes, [Line(0, 2, 9, 90, 9), Line(0, 3, 9, 90, 8), Line(1, 2, 1, 90, 1), Line(1, 3, 9, 90, 7)]
    )

    assert [path.label is None for path in crossed.paths] == [False, False, True, True]


@settings(max_examples=30, deadline=None)
@given(pictures())
def test_same_picture_gets_the_same_places(picture):
    assert place(*picture) == place(*picture)


def test_part_that_begins_earlier_stands_higher():
    placed = place(
        [Shape(0, 40, 1), Shape(1, 40, 1), Shape(0, 40, 0), Shape(1, 40, 0)],
        [Line(0, 1, 1, 90, 1), Line(2, 3, 9, 90, 9)],
    )

    assert placed.boxes[0][1] < placed.boxes[2][1]


def test_line_between_strips_has_two_pieces_and_the_second_strip_stands_below():
    shapes = [Shape(column, 40, column) for column in range(12)]
    placed = place(shapes, [Line(n, n + 1, 2, 90, n) for n in range(11)])

    assert [len(path.pieces) for path in placed.paths].count(2) == 2
    assert placed.boxes[4][1] > placed.boxes[3][1]
    assert placed.boxes[4][0] < placed.boxes[3][0]
    assert placed.width < 2000


def test_nothing_has_a_size_but_no_boxes():
    placed = place([], [])

    assert (placed.boxes, placed.paths) == ([], [])
