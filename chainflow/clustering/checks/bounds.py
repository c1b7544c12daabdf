"""A clustering with some of its links left out: the cautious bound, and what is left without a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.clustering.engine.claims import REFUSED, Bools, Claims
from chainflow.clustering.engine.terms import JOINING, Terms
from chainflow.clustering.engine.union import roots_of
from chainflow.clustering.engine.vetoes import BY_NAME
from chainflow.clustering.rules import Kind
from chainflow.model import Recipe
from chainflow.patterns import FAMILIES

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["restricted"]


def restricted(whole: Clustering, terms: Terms) -> Clustering:
    """Return what is left of a whole clustering under terms that leave transactions or kinds of links out.

    Always made from the whole: in whatever order a reader asks for the bound, for less transactions and
    for another block, the answer is one.
    """
    reasons: dict[int, tuple[str, str]] = {}
    if terms.is_lower_bound:
        reasons |= _beyond_the_bound(whole)
    for row in np.flatnonzero(_named(whole, set(terms.without) - {""})).tolist():
        reasons[row] = (BY_NAME, "left out to see what would become of the clusters")
    if not terms.restrictions:
        return whole
    keep: Bools = np.ones(whole.links.num_rows, dtype=np.bool_)
    keep[list(reasons)] = False
    used, gone = whole.used.only(keep), whole.used.only(~keep)
    columns = [pa.array([reasons[row][part] for row in sorted(reasons)], pa.string()) for part in (0, 1)]
    refused = pa.Table.from_arrays([*gone.table.columns, *columns], schema=REFUSED)
    parameters = {**whole.recipe.parameters, **terms.restrictions}
    return replace(
        whole,
        used=used,
        unused=Claims.together([whole.unused, gone]),
        refused=pa.concat_tables([whole.refused, refused]),
        roots=roots_of(len(whole.places), used.a, used.b),
        recipe=Recipe("cluster", parameters, inputs=whole.recipe.inputs),
        terms=terms,
        origin=whole,
    )


def _beyond_the_bound(whole: Clustering) -> dict[int, tuple[str, str]]:
    """Return the links that are neither exact nor uncontested common input: row → what refuses it, and why."""
    ranks = whole.terms.ranks(whole.used)
    is_joint = ranks == JOINING.index(Kind.CO_SPEND)
    # mixes are contested too: a clustering without a veto has them among its links (L-7, C-2)
    contested = (*FAMILIES, "payjoin")
    suspects = {txid: verdict for txid, verdict in whole.shapes.items() if verdict.family in contested}
    reasons: dict[int, tuple[str, str]] = {}
    for row in np.flatnonzero(is_joint & _named(whole, suspects)).tolist():
        verdict = suspects[whole.links["txid"][row].as_py()]
        reasons[row] = ("contestable", f"shape of {verdict.family}: {'; '.join(verdict.reasons)}")
    for row in np.flatnonzero(~is_joint & (ranks != JOINING.index(Kind.EXACT))).tolist():
        reasons[row] = ("kind", f"{JOINING[ranks[row]]} links do not count in a lower bound")
    return reasons


def _named(owners: Clustering, txids: Iterable[str]) -> Bools:
    named = pc.is_in(owners.links["txid"], value_set=pa.array(sorted(txids), pa.string()))
    return np.asarray(named.to_numpy(), dtype=np.bool_)
