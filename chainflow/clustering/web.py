"""Links as a web of addresses and transactions, to find the shortest chain between two addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.clustering.places import Places
from chainflow.ledger import Ledger

__all__ = ["Web"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Web:
    """Links as a bipartite structure: places and statements, both ways in CSR arrays.

    A statement is all that one rule says in one transaction about one `a`; statements are numbered in
    spending order.
    """

    tx: Ints
    rule: list[str]
    member_ptr: Ints
    member_rows: Ints
    place_ptr: Ints
    place_rows: Ints

    @classmethod
    def of(cls, links: pa.Table, places: Places, ledger: Ledger) -> Self:
        """Return the web of a table of links."""
        link, tx, a, b = places.ends(links, ledger)
        names = links["rule"].to_pylist()
        code = {name: number for number, name in enumerate(sorted(set(names)))}
        rule = np.array([code[name] for name in names], dtype=np.int64)[link]
        order = np.lexsort((a, rule, tx))
        key = np.stack([tx, rule, a])[:, order]
        starts = np.flatnonzero(np.any(np.diff(key, axis=1, prepend=-1), axis=0))
        statement = np.repeat(np.arange(len(starts)), np.diff(starts, append=key.shape[1]))
        pairs = np.concatenate([statement, statement]) * np.int64(len(places))
        said, place = np.divmod(np.unique(pairs + np.concatenate([a[order], b[order]])), max(len(places), 1))
        by_place = np.lexsort((said, place))
        spelt = sorted(code)
        return cls(
            tx=key[0, starts],
            rule=[spelt[number] for number in key[1, starts].tolist()],
            member_ptr=_pointers(said, len(starts)),
            member_rows=place,
            place_ptr=_pointers(place, len(places)),
            place_rows=said[by_place],
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

        Breadth first; of equally short chains the one whose statements come first in spending order.
        """
        came_from: dict[int, tuple[int, int]] = {start: (start, -1)}
        heard: set[int] = set()
        frontier = [start]
        while frontier and end not in came_from:
            reached = []
            for place, statement in ((p, s) for p in frontier for s in self.statements(p)):
                if statement not in heard:
                    heard.add(statement)
                    for member in self.members(statement):
                        if member not in came_from:
                            came_from[member] = (place, statement)
                            reached.append(member)
            frontier = reached
        return [*_walk_back(came_from, end)][::-1] if end in came_from else None


def _pointers(keys: Ints, count: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=count))]).astype(np.int64)


def _walk_back(came_from: dict[int, tuple[int, int]], end: int) -> Iterator[tuple[int, int, int]]:
    while came_from[end][1] >= 0:
        place, statement = came_from[end]
        yield place, statement, end
        end = place
