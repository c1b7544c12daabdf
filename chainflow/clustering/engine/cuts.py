"""Which statements a cluster falls apart without: articulation points of the web of addresses and statements."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from chainflow.clustering.engine.claims import Ints
from chainflow.clustering.engine.web import Web

__all__ = ["cuts"]

_MANY = 300_000
"""Places and statements from which on machine code (numba, extra `fast`) is worth the time it takes to load."""


def cuts(web: Web, starts: Ints, *, least: int) -> Iterator[tuple[int, list[int]]]:
    """Yield each statement whose removal leaves two parts of at least `least` addresses, with all parts' sizes.

    Depth-first search with low links. Places that only one statement speaks of, most of them, are parts of
    one address and are not walked.

    Parameters
    ----------
    starts : int64[n]
        One place of each cluster to look at.
    least : int
        At least 1.

    Yields
    ------
    tuple of (int, list of int)
        Statements ascending; sizes with the largest first.

    References
    ----------
    J. Hopcroft and R. Tarjan, 1973, *Efficient algorithms for graph manipulation*.
    """
    n_places, degree = len(web.place_ptr) - 1, np.diff(web.place_ptr)
    starts = starts[degree[starts] > 0]
    roots = np.unique(web.place_rows[web.place_ptr[starts]])
    ptr, rows, weight = _graph(web, degree)
    leaves = weight[n_places:].copy()
    owner, size, home, weight = _walked(ptr, rows, roots + n_places, n_places, weight)
    total = np.where(home[n_places:] >= 0, weight[home[n_places:]], 0)
    rest = total - leaves - np.bincount(owner, weights=size, minlength=len(leaves)).astype(np.int64)
    large = np.bincount(owner[size >= least], minlength=len(leaves)) + (rest >= least)
    large += np.where(total > 0, leaves * (least <= 1), 0)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(leaves) + 1))
    for said in np.flatnonzero((large >= 2) & (total > 0)).tolist():
        hanging = size[order[first[said] : first[said + 1]]].tolist()
        parts = [*hanging, *([int(rest[said])] if rest[said] else []), *[1] * int(leaves[said])]
        yield said, sorted(parts, reverse=True)


def _graph(web: Web, degree: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the graph to walk as CSR arrays: places, then statements; and what each vertex weighs.

    A place weighs 1, a statement as many addresses as no other one speaks of.
    """
    is_walked = degree > 1
    goes_down = is_walked[web.member_rows]
    down = np.concatenate([[0], np.cumsum(goes_down)])[web.member_ptr]
    up = np.concatenate([[0], np.cumsum(np.where(is_walked, degree, 0))])
    above = web.place_rows[np.repeat(is_walked, degree)] + len(degree)
    leaves = np.diff(web.member_ptr) - np.diff(down)
    return (
        np.concatenate([up, up[-1] + down[1:]]),
        np.concatenate([above, web.member_rows[goes_down]]),
        np.concatenate([is_walked.astype(np.int64), leaves]),
    )


def _walked(ptr: Ints, rows: Ints, roots: Ints, n_places: int, weight: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Walk from the roots; return what hangs on which statement (owner, size), homes and final weights."""
    count = len(weight)
    blank = np.full(count, -1, dtype=np.int64)
    shared: list[Any] = [ptr, rows, roots]
    made: list[Any] = [
        weight,
        *(blank.copy() for _ in range(3)),
        ptr.copy(),
        *(blank.copy() for _ in range(3)),
    ]
    if count >= _MANY and find_spec("numba") is not None:
        found = _compiled()(*shared, n_places, *made)
    else:  # one step at a time is faster on lists
        shared, made = ([column.tolist() for column in columns] for columns in (shared, made))
        found = _walk(shared[0], shared[1], shared[2], n_places, *made)
    weight, home, _, _, _, _, owner, size = (np.array(column, dtype=np.int64) for column in made)
    return owner[:found], size[:found], home, weight


@functools.cache
def _compiled() -> Callable[..., int]:
    """Return the walk in machine code, kept beside this file where that can be written."""
    import numba

    try:
        walk: Callable[..., int] = numba.njit(cache=True)(_walk)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        walk = numba.njit(_walk)
    return walk


def _walk(
    ptr: Any,
    rows: Any,
    roots: Any,
    n_places: int,
    weight: Any,
    home: Any,
    seen: Any,
    low: Any,
    at: Any,
    stack: Any,
    owner: Any,
    size: Any,
) -> int:
    """Fill `home` (root of each vertex), `weight` (of all below it), `owner` and `size`; return how many.

    Only indexing and integers: it runs on lists and, compiled, on arrays.
    """
    time = 0
    found = 0
    for root in roots:
        if home[root] >= 0:
            continue
        depth = 0
        stack[0] = root
        home[root] = root
        seen[root] = time
        low[root] = time
        while depth >= 0:
            here = stack[depth]
            if at[here] < ptr[here + 1]:
                there = rows[at[here]]
                at[here] += 1
                if home[there] < 0:
                    time += 1
                    home[there] = root
                    seen[there] = time
                    low[there] = time
                    depth += 1
                    stack[depth] = there
                elif seen[there] < low[here] and (depth == 0 or there != stack[depth - 1]):
                    low[here] = seen[there]
                continue
            depth -= 1
            if depth >= 0:
                parent = stack[depth]
                if low[here] < low[parent]:
                    low[parent] = low[here]
                weight[parent] += weight[here]
                if parent >= n_places and low[here] >= seen[parent]:
                    owner[found] = parent - n_places
                    size[found] = weight[here]
                    found += 1
        time += 1
    return found
