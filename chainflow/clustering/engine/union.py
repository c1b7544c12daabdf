"""Union-find: which places any number of links joins, with and without constraints.

There are three, because each can do what the others cannot. `roots_of` joins all links of a ledger at once
over whole arrays: fast, but it knows only the end. `Forest` takes one link after another, for what depends on
the order (constraints, the log of growth, what was joined before). `chain.cluster_chain` joins whole
chains of more addresses than fit these arrays of 64-bit numbers, in `labels` and its compiled twin `kernels`.
"""

from __future__ import annotations

import numpy as np

from chainflow.clustering.engine.claims import Ints

__all__ = ["Forest", "roots_of"]


def roots_of(count: int, a: Ints, b: Ints) -> Ints:
    """Return for each of `count` places the smallest place that the links (a, b) join it with.

    Hooking and pointer jumping over whole arrays: every root that is linked to a smaller one hooks onto
    it, then every place looks up its root; again until no link crosses two trees.

    Examples
    --------
    >>> roots_of(5, np.array([3, 1]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 1]
    """
    root = np.arange(count, dtype=np.int64)
    while True:
        a, b = root[a], root[b]
        crosses = a != b
        if not crosses.any():
            return root
        a, b = a[crosses], b[crosses]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(up := root[root], root):
            root = up


class Forest:
    """Union-find one link at a time, for what depends on the order; the smallest place is the root.

    Attributes
    ----------
    size : list of int
        Places under each root.
    """

    def __init__(self, count: int) -> None:
        self.size = [1] * count
        self._up = list(range(count))

    def find(self, place: int) -> int:
        """Return the root of a place."""
        up = self._up
        while up[place] != place:
            up[place] = up[up[place]]
            place = up[place]
        return place

    def join(self, one: int, other: int) -> None:
        """Put two roots under the smaller of them."""
        low, high = (one, other) if one < other else (other, one)
        self._up[high] = low
        self.size[low] += self.size[high]
