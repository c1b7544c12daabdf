"""What two clusterings differ in: clusters that merged, clusters that split, addresses that came or went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards
from chainflow.clustering.engine.claims import Bools, Claims, Ints
from chainflow.clustering.engine.places import Places
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Change", "Difference", "difference"]

_SHOWN = 10
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Change:
    """A cluster of one clustering that is several of the other.

    Attributes
    ----------
    kind : str
        `merged`: it is one after and was several before; `split`: the other way round.
    whole : str
        The one cluster.
    parts : tuple of str
        The several, the largest first.
    sizes : tuple of int
        How many addresses that both clusterings know each of them brings.
    links : pyarrow.Table
        The links that only the side with the whole uses and that cross two parts (`schema.LINKS`).
    """

    kind: str
    whole: str
    parts: tuple[str, ...]
    sizes: tuple[int, ...]
    links: pa.Table = field(compare=False)

    @property
    def sentence(self) -> str:
        """The change in words."""
        if self.kind == "merged":
            return f"{self._listed()} became {self.whole} by {self._why() or 'no single link'}"
        return f"{self.whole} fell apart into {self._listed()} without {self._why() or 'any single link'}"

    def _listed(self) -> str:
        """The largest parts by name, then how many more; addresses without company are only counted."""
        sizes = list(zip(self.parts, self.sizes, strict=True))
        named = sizes if len(sizes) <= _NAMED + 1 else [one for one in sizes[:_NAMED] if one[1] > 1]
        left = [size for _, size in sizes[len(named) :]]
        more, alone = [size for size in left if size > 1], left.count(1)
        said = [f"{name} ({size:,})" for name, size in named]
        said += [f"{counted(len(more), 'more cluster')} of {sum(more):,} addresses"] if more else []
        said += [counted(alone, "single address")] if alone else []
        return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))

    def _why(self) -> str:
        """The links by rule, and the transactions they are from."""
        by = Counter(self.links["rule"].to_pylist())
        why = ", ".join(f"{counted(count, 'link')} of {rule}" for rule, count in sorted(by.items()))
        txids = list(dict.fromkeys(txid for txid in self.links["txid"].to_pylist() if txid))
        if not txids:
            return why
        more = f" and {len(txids) - _NAMED:,} more" if len(txids) > _NAMED else ""
        return f"{why} in {counted(len(txids), 'transaction')}: {', '.join(txids[:_NAMED])}{more}"


@dataclass(frozen=True, eq=False, repr=False)
class Difference:
    """How one clustering differs from another.

    Attributes
    ----------
    before, after : Clustering
    changes : tuple of Change
        Those that touch most addresses first; the merged before the split.
    new, gone : tuple of str
        Addresses that only `after`, only `before` has, as that one spells them.
    """

    before: Clustering
    after: Clustering
    changes: tuple[Change, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def merged(self) -> tuple[Change, ...]:
        """The clusters that were several before."""
        return tuple(change for change in self.changes if change.kind == "merged")

    @property
    def split(self) -> tuple[Change, ...]:
        """The clusters that are several after."""
        return tuple(change for change in self.changes if change.kind == "split")

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.changes or self.new or self.gone)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per part of a change: `kind`, `whole`, `part`, `size`, `rules`, `txids`."""
        rows = [
            (
                *(change.kind, change.whole, part, size),
                *(", ".join(sorted({*change.links[name].to_pylist()} - {""})) for name in ("rule", "txid")),
            )
            for change in self.changes
            for part, size in zip(change.parts, change.sizes, strict=True)
        ]
        return pd.DataFrame(rows, columns=["kind", "whole", "part", "size", "rules", "txids"])

    def __repr__(self) -> str:
        return (
            f"<Difference {len(self.merged):,} merged, {len(self.split):,} split; "
            f"addresses: {len(self.new):,} new, {len(self.gone):,} gone>"
        )

    def _repr_html_(self) -> str:
        rows = [(change.kind, change.sentence) for change in self.changes[:_SHOWN]]
        more = f"{len(self.changes) - len(rows):,} more changes. " if len(self.changes) > len(rows) else ""
        note = f"{more}Addresses: {len(self.new):,} new, {len(self.gone):,} gone."
        return cards.card("Difference of two clusterings", rows, note=note)


def difference(before: Clustering, after: Clustering) -> Difference:
    """Return what changed between two clusterings: of one ledger by other rules, or of one that grew.

    Clusters are compared by the addresses that both know; a new address joins or splits nothing.

    Examples
    --------
    >>> from chainflow import cluster, samples
    >>> held = samples.peel_chain(length=2).ledger
    >>> difference(cluster(held), cluster(held))
    <Difference 0 merged, 0 split; addresses: 0 new, 0 gone>
    """
    pair = _Pair(before, after)
    changes = [*pair.changes("merged"), *pair.changes("split")]
    new = tuple(after.places.name(place) for place in np.flatnonzero(pair.old_of < 0).tolist())
    gone = tuple(before.places.name(place) for place in np.flatnonzero(pair.new_of < 0).tolist())
    return Difference(before, after, tuple(changes), new, gone)


@dataclass(frozen=True)
class _Pair:
    before: Clustering
    after: Clustering

    @cached_property
    def old_of(self) -> Ints:
        """The place before of each place after; −1: new."""
        return _matched(self.after.places, self.before.places)

    @cached_property
    def new_of(self) -> Ints:
        """The place after of each place before; −1: gone."""
        return _matched(self.before.places, self.after.places)

    def changes(self, kind: str) -> list[Change]:
        """Return the clusters of one side that are several on the other."""
        one, other, there = (
            (self.after, self.before, self.old_of)
            if kind == "merged"
            else (self.before, self.after, self.new_of)
        )
        both = np.flatnonzero(there >= 0)
        part_of = -1 - np.arange(len(one.places))  # an address that only one side knows is a part of its own
        part_of[both] = other.roots[there[both]]
        width = np.int64(max(len(other.places), 1))
        key, counts = np.unique(one.roots[both] * width + part_of[both], return_counts=True)
        whole, part = np.divmod(key, width)
        crossing = _crossing(one.used, part_of, _new_links(one.used.table, other.used.table))
        by_whole = np.argsort(one.roots[crossing.a], kind="stable")
        whole_of = one.roots[crossing.a][by_whole]
        found = []
        for root in np.flatnonzero(np.bincount(whole, minlength=len(one.places)) > 1).tolist():
            mine, said = (slice(*np.searchsorted(keys, [root, root + 1])) for keys in (whole, whole_of))
            order = np.lexsort((part[mine], -counts[mine]))
            names = tuple(other.places.name(one) for one in part[mine][order].tolist())
            links = crossing.table.take(pa.array(np.unique(crossing.link[by_whole[said]])))
            sizes = tuple(counts[mine][order].tolist())
            found.append(Change(kind, one.places.name(root), names, sizes, links))
        return sorted(found, key=lambda change: -sum(change.sizes))


def _matched(places: Places, others: Places) -> Ints:
    """Return for each place the one of the same chain and label among others; −1 where there is none."""
    found = np.full(len(places), -1, dtype=np.int64)
    for chain, span in places.spans.items():
        there = others.spans.get(chain, range(0))
        known = pa.array(others.labels[there.start : there.stop], pa.string())
        mine = pa.array(places.labels[span.start : span.stop], pa.string())
        position = pc.index_in(mine, value_set=known).fill_null(-1).to_numpy()
        found[span.start : span.stop] = np.where(position < 0, -1, position + there.start)
    return found


def _new_links(links: pa.Table, others: pa.Table) -> Bools:
    """Return which links are not among others."""
    known = set(zip(*(column.to_pylist() for column in others.columns), strict=True))
    rows = zip(*(column.to_pylist() for column in links.columns), strict=True)
    return np.array([row not in known for row in rows], dtype=np.bool_)


def _crossing(claims: Claims, part_of: Ints, is_new: Bools) -> Claims:
    """Return the new claims between two parts."""
    claims = claims.only(is_new)
    crosses = part_of[claims.a] != part_of[claims.b]
    keep = np.zeros(claims.table.num_rows, dtype=np.bool_)
    keep[claims.link[crosses]] = True
    return claims.only(keep)
