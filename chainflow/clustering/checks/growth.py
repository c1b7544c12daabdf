"""How a clustering grew: every union in the order of joining, with the sizes before it (C-6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.engine.places import Places
from chainflow.clustering.engine.union import Forest

__all__ = ["GROWTH", "Growth", "growth"]

GROWTH = pa.schema(
    [
        pa.field("height", pa.int64()),  # null: unconfirmed, not known, or a decision
        pa.field("txid", pa.string(), nullable=False),  # "": a decision
        pa.field("rule", pa.string(), nullable=False),
        pa.field("a", pa.string(), nullable=False),
        pa.field("b", pa.string(), nullable=False),
        pa.field("size_a", pa.int64(), nullable=False),  # addresses in the cluster of `a` before
        pa.field("size_b", pa.int64(), nullable=False),
        pa.field("smaller", pa.int64(), nullable=False),  # the smaller of the two
    ]
)
"""Columns of the growth log."""

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Growth:
    """The log of unions.

    Attributes
    ----------
    table : pyarrow.Table
        One row per union in the order of joining, columns as in `GROWTH`.
    """

    table: pa.Table

    def __len__(self) -> int:
        """Return the number of unions."""
        return int(self.table.num_rows)

    def largest(self, most: int = _SHOWN) -> pa.Table:
        """Return the unions of which even the smaller side was large, the largest first: look at these first."""
        order = pc.sort_indices(self.table, sort_keys=[("smaller", "descending")])
        return self.table.take(order[:most])

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the unions as dictionaries, in the order of joining."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per union in the order of joining; columns as in `GROWTH`."""
        frame: pd.DataFrame = self.table.to_pandas().astype({"height": "Int64"})
        return frame

    def __repr__(self) -> str:
        largest = max(self.table["smaller"].to_pylist(), default=0)
        return f"<Growth {len(self):,} unions, the largest smaller side of {largest:,}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                *("" if row["height"] is None else f"{row['height']:,}", row["txid"] or "none", row["rule"]),
                *(f"{row[name]:,}" for name in ("size_a", "size_b", "smaller")),
            )
            for row in self.largest().to_pylist()
        ]
        header = ("block", "transaction", "rule", "size before", "of the other", "smaller side")
        note = "Those with the largest smaller side first: when two large clusters become one, check the evidence."
        return cards.card(f"Growth: {len(self):,} unions", rows, header=header if rows else (), note=note)


def growth(claims: Claims, places: Places) -> Growth:
    """Return the links that joined two clusters, in their order, with the sizes of both before.

    Links within one cluster add support, but join nothing, and are left out.
    """
    forest, heights = Forest(len(places)), places.transactions.heights
    links, rows = list[int](), list[tuple[int | None, int, int]]()
    columns = (claims.link, claims.a, claims.b, claims.tx)
    for link, a, b, tx in zip(*(column.tolist() for column in columns), strict=True):
        one, other = forest.find(a), forest.find(b)
        if one != other:
            links.append(link)
            rows.append((heights[tx] if tx >= 0 else None, forest.size[one], forest.size[other]))
            forest.join(one, other)
    taken = claims.table.take(pa.array(links, pa.int64()))
    height, size_a, size_b = (pa.array([row[part] for row in rows], pa.int64()) for part in range(3))
    said = [taken[name] for name in ("txid", "rule", "a", "b")]
    return Growth(
        pa.Table.from_arrays(
            [height, *said, size_a, size_b, pc.min_element_wise(size_a, size_b)], schema=GROWTH
        )
    )
