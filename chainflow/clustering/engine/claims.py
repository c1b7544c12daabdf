"""Links as numbers: which places and which transaction each row of a table of links speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.ledger import Ledger

__all__ = ["REFUSED", "Bools", "Claims", "Ints", "link_table"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

REFUSED = pa.schema(
    [*schema.LINKS, *(pa.field(name, pa.string(), nullable=False) for name in ("by", "reason"))]
)
"""Columns of refused links: what refused them (`by`: a pattern's family, `veto`, `constraint`, …), and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """A table of links, and the same links as numbers.

    Where chains share a transaction, one link is a claim on each of them: there may be more claims than
    rows of the table.

    Attributes
    ----------
    table : pyarrow.Table
        Columns as in `schema.LINKS`.
    link : int64[n]
        Row of the table, ascending.
    tx : int64[n]
        Transaction, as `Places.transactions` numbers them; negative for an analyst's decision, another
        number for each.
    a, b : int64[n]
        Places.
    """

    table: pa.Table
    link: Ints
    tx: Ints
    a: Ints
    b: Ints

    @classmethod
    def none(cls) -> Self:
        """Return no claims at all."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(schema.LINKS.empty_table(), nothing, nothing, nothing, nothing)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the claims of several, one after another."""
        shifts = np.cumsum([0, *(part.table.num_rows for part in parts)])
        link = [part.link + shift for part, shift in zip(parts, shifts, strict=False)]
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in ("tx", "a", "b")]
        return cls(pa.concat_tables([part.table for part in parts]), np.concatenate(link), *columns)

    def only(self, keep: Bools) -> Self:
        """Return the claims of the links that are kept; `keep` has one value per row of the table."""
        if keep.all():
            return self
        shown = keep[self.link]
        number = np.cumsum(keep) - 1
        return type(self)(
            self.table.filter(pa.array(keep)),
            number[self.link[shown]],
            self.tx[shown],
            self.a[shown],
            self.b[shown],
        )

    def ordered(self, rank: Ints) -> Self:
        """Return the same claims by rank (one per row of the table), then by transaction, then as they are."""
        first = np.zeros(self.table.num_rows, dtype=np.int64)
        first[self.link[::-1]] = self.tx[::-1]  # a link on several chains stands where its first claim does
        order = np.lexsort((first, rank))
        if np.array_equal(order, np.arange(len(order))):
            return self
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        by_link = np.argsort(place[self.link], kind="stable")
        columns = [getattr(self, name)[by_link] for name in ("tx", "a", "b")]
        return type(self)(self.table.take(pa.array(order)), place[self.link][by_link], *columns)

    def coded(self) -> tuple[list[str], Ints]:
        """Return the names of the rules, sorted, and the number of its rule for each row of the table."""
        encoded = self.table["rule"].combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        names: list[str] = encoded.dictionary.to_pylist()
        spelt = sorted(names)
        number = np.array([spelt.index(name) for name in names], dtype=np.int64)
        return spelt, number[encoded.indices.to_numpy()]


def link_table(ledger: Ledger, rule: str, *, a: Ints, b: Ints, tx: Ints) -> pa.Table:
    """Return links between script numbers of a ledger as `schema.LINKS`; those of a label with itself left out.

    Parameters
    ----------
    a, b : int64[n]
        Script numbers (`index.labels[a]` is an address).
    tx : int64[n]
        Row of the transaction that shows each link.
    """
    index = ledger.index
    labels, txids = pa.array(index.labels, pa.string()), pa.array(index.txids, pa.string())
    said = pa.array([rule], pa.string()).take(pa.array(np.zeros(len(tx), dtype=np.int64)))
    columns = [labels.take(pa.array(a)), labels.take(pa.array(b)), said, txids.take(pa.array(tx))]
    found = pa.Table.from_arrays(columns, schema=schema.LINKS)
    return found.filter(pc.not_equal(found["a"], found["b"]))
