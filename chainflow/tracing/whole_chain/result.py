"""What a taint over a whole chain gives: the outputs reached as arrays, and a closing balance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainflow.model import EndReason, Recipe
from chainflow.tracing.whole_chain.columns import Columns, Ints, Small

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pieces", "Segments", "Taint"]


class Pieces(NamedTuple):
    """The outputs reached, cut into pieces; those of output n are `begins[n]:begins[n + 1]`, in order.

    `labels` says who claims each, −1 nobody; `lengths` are base units and add up to the output's value.
    """

    begins: Ints
    labels: Small
    lengths: Ints


class Segments(NamedTuple):
    """Every tainted piece: the output row, the label that claims it, its base units."""

    rows: Small
    labels: Small
    amounts: Ints


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Taint:
    """Where claimed base units of a whole chain went under one policy.

    Attributes
    ----------
    policy : str
    rows : int array, shape (reached,)
        The outputs that taint reached, ascending; read-only, as all arrays here.
    amounts : int64 array, shape (reached,)
        Base units of each that are tainted.
    balance : mapping of EndReason to int
        Where it ended: unspent, fee, below the floor (dust), transactions not visited (limit). The sum is
        `claimed_sat`, except under poison, which counts value again at every transaction.
    claimed_sat : int
        What the seeds claim, each base unit once.
    transactions : int
        How many were visited.
    pieces : Pieces, optional
        For policies that follow every base unit.
    """

    policy: str
    rows: Small
    amounts: Ints
    balance: Mapping[EndReason, int]
    claimed_sat: int
    transactions: int
    pieces: Pieces | None
    _columns: Columns
    _asked: tuple[Ints, Small, dict[str, Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return (
            f"<Taint {self.policy}: {self.claimed_sat:,} base units claimed, {len(self):,} outputs "
            f"reached through {self.transactions:,} transactions>"
        )

    def segments(self) -> Segments:
        """Return the tainted pieces with their labels, in order; none where the policy keeps no labels."""
        if self.pieces is None:
            return Segments(self.rows[:0], np.zeros(0, np.int32), self.amounts[:0])
        begins, labels, lengths = self.pieces
        is_tainted = labels >= 0
        rows = np.repeat(self.rows, np.diff(begins))
        return Segments(rows[is_tainted], labels[is_tainted], lengths[is_tainted])

    def to_pandas(self) -> pd.DataFrame:
        """Return `row` and `tainted_sat` of every output reached."""
        import pandas as pd

        return pd.DataFrame({"row": self.rows, "tainted_sat": self.amounts})

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of rows, amounts and pieces as little-endian int64: equal results, equal digests."""
        return _digest([self.rows, self.amounts, *(self.pieces or ())])

    @cached_property
    def recipe(self) -> Recipe:
        """How it was made; the columns are hashed when this is first asked for."""
        rows, labels, parameters = self._asked
        seeds = {"seeds": len(rows), "seeds_digest": _digest([rows, labels])}
        return Recipe("taint", {"policy": self.policy, **parameters, **seeds}, [_digest(self._columns)])


def _digest(arrays: Sequence[np.ndarray[Any, Any]]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(len(array).to_bytes(8, "little"))
        for start in range(0, len(array), 1 << 20):
            found.update(np.ascontiguousarray(array[start : start + (1 << 20)], dtype="<i8").data)
    return found.hexdigest()
