"""Links as a web of addresses and statements, to find the shortest chain between two addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from chainflow.clustering.engine.claims import Claims, Ints

__all__ = ["Web"]

_FEW = 64
"""Below this many, plain steps are faster than steps over arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Web:
    """Links as a bipartite structure: places and statements, both ways in CSR arrays.

    A statement is all that one rule says in one transaction about one `a`; statements are numbered in
    spending order, those of decisions first.

    Attributes
    ----------
    tx : int64[n_statements]
        Transaction of each statement, as `Places.transactions` numbers them; negative: a decision.
    rule : list of str
        Rule of each statement.
    of_claim : int64[n_claims]
        Statement of each claim it was made of.
    """

    tx: Ints
    rule: list[str]
    of_claim: Ints
    member_ptr: Ints
    member_rows: Ints
    place_ptr: Ints
    place_rows: Ints

    @classmethod
    def of(cls, claims: Claims, n_places: int) -> Self:
        """Return the web of links."""
        names, rule = claims.coded()
        first = min(int(claims.tx.min(initial=0)), 0)
        said = (claims.tx - first) * np.int64(max(len(names), 1)) + rule[claims.link]
        key = said * np.int64(max(n_places, 1)) + claims.a
        order = np.argsort(key, kind="stable")
        is_first = np.diff(key[order], prepend=-1) != 0
        of_claim = np.empty_like(order)
        of_claim[order] = np.cumsum(is_first) - 1
        said, a = np.divmod(key[order][is_first], max(n_places, 1))
        tx, code = np.divmod(said, max(len(names), 1))
        statement, place = _pairs(np.arange(len(a)), a, of_claim, claims.b, n_places)
        by_place, by_statement = _pairs(place, statement, place[:0], statement[:0], len(a))
        return cls(
            tx=tx + first,
            rule=[names[number] for number in code.tolist()],
            of_claim=of_claim,
            member_ptr=_pointers(statement, len(a)),
            member_rows=place,
            place_ptr=_pointers(by_place, n_places),
            place_rows=by_statement,
        )

    def members(self, statement: int) -> list[int]:
        """Return the places a statement joins, ascending."""
        members: list[int] = self.member_rows[
            self.member_ptr[statement] : self.member_ptr[statement + 1]
        ].tolist()
        return members

    def statements(self, place: int) -> list[int]:
        """Return the statements about a place, in spending order."""
        found: list[int] = self.place_rows[self.place_ptr[place] : self.place_ptr[place + 1]].tolist()
        return found

    def path(self, start: int, end: int) -> list[tuple[int, int, int]] | None:
        """Return the steps (place, statement, place) of a shortest chain; `None` where there is none.

        Breadth first. Of equally short chains it is the one whose first statement comes first in spending
        order, of those the one with the smallest next address, then the earliest second statement, and so
        on: one web, one chain.
        """
        heard, told_by = _unseen(len(self.tx)), _unseen(len(self.tx))
        reached, told_in = _unseen(len(self.place_ptr) - 1), _unseen(len(self.place_ptr) - 1)
        reached[start] = 0
        frontier = np.array([start], dtype=np.int64)
        while len(frontier) and reached[end] == _NEVER:
            statements = _next(self.place_ptr, self.place_rows, frontier, heard, told_by)
            frontier = _next(self.member_ptr, self.member_rows, statements, reached, told_in)
        if reached[end] == _NEVER:
            return None
        return [*_walk_back(told_in, told_by, start, end)][::-1]


_NEVER = np.iinfo(np.int64).max


def _unseen(count: int) -> Ints:
    return np.full(count, _NEVER, dtype=np.int64)


def _next(ptr: Ints, rows: Ints, frontier: Ints, seen: Ints, came_from: Ints) -> Ints:
    """Return what the frontier leads to and was not seen before, in order; note from where it came.

    `seen` gets a number at the first sight; numbers grow with the order within one step only, which
    suffices: what was seen in an earlier step is left out.
    """
    if len(frontier) <= _FEW:
        found: list[int] = []
        for one in frontier.tolist():
            for other in rows[ptr[one] : ptr[one + 1]].tolist():
                if seen[other] == _NEVER:
                    seen[other], came_from[other] = 0, one
                    found.append(other)
        return np.array(found, dtype=np.int64)
    counts = ptr[frontier + 1] - ptr[frontier]
    shift = np.cumsum(counts) - counts
    others = rows[np.arange(counts.sum()) + np.repeat(ptr[frontier] - shift, counts)]
    origin = np.repeat(frontier, counts)
    is_new = seen[others] == _NEVER
    others, origin = others[is_new], origin[is_new]
    number = np.arange(len(others))
    np.minimum.at(seen, others, number)
    is_first = seen[others] == number
    others = np.asarray(others[is_first])
    came_from[others] = origin[is_first]
    return others


def _pairs(one: Ints, other: Ints, more: Ints, mores: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the distinct pairs (one, other) and (more, mores), sorted; `width` is above every second."""
    key = np.concatenate([one * np.int64(max(width, 1)) + other, more * np.int64(max(width, 1)) + mores])
    key.sort()
    first, second = np.divmod(key[np.diff(key, prepend=-1) != 0], max(width, 1))
    return first, second


def _pointers(keys: Ints, count: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=count))]).astype(np.int64)


def _walk_back(told_in: Ints, told_by: Ints, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    while end != start:
        statement = int(told_in[end])
        place = int(told_by[statement])
        yield place, statement, end
        end = place
