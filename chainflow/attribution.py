"""Exposure: where a trace ended, by what tags assert about those addresses; each base unit once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import pandas as pd
import pyarrow as pa

from chainflow import cards, schema, units
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tags import Tag, Tags
from chainflow.tags.conflicts import find_conflicts, rank
from chainflow.tracing import Trace

__all__ = ["DIRECT", "INHERITED", "UNKNOWN", "UNTAGGED", "Exposure", "exposure"]

DIRECT, INHERITED, UNTAGGED = "direct tag", "inherited from cluster", "no tag"
"""The basis of a row: a tag on the address itself, a cluster definer's tag in its cluster, or nothing."""

UNKNOWN = "unknown"
"""The category of what no tag speaks of: that is a gap in our tags, not a finding."""

_COLUMNS = pa.schema(
    [
        pa.field("category", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("basis", pa.string(), nullable=False),
        pa.field("conflict", pa.bool_(), nullable=False),
        pa.field("tainted_sat", pa.int64(), nullable=False),
        pa.field("share_ppm", pa.int64(), nullable=False),
        pa.field("ends", pa.int64(), nullable=False),
        pa.field("nearest_hop", pa.int32()),
    ]
)


class Owners(Protocol):
    """Anything that knows the cluster of an address and the members of a cluster, such as a `Clustering`."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""

    def members(self, cluster: str) -> Iterable[str]:
        """Return the addresses of a cluster."""


class _Holder(NamedTuple):
    """What the tags assert about the holder of an address, and on what basis we apply it."""

    category: str = UNKNOWN
    actor: str = ""
    label: str = ""
    source: str = ""
    basis: str = UNTAGGED
    conflict: bool = False


@dataclass(frozen=True, repr=False, eq=False)
class Exposure:
    """Where a trace ended, by category and actor. Get one from `exposure`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per (category, actor, label, source, reason, basis, conflict), the largest amount first:
        `tainted_sat`, `share_ppm` (of what the seeds hold, in parts per million, rounded to the nearest),
        `ends` (how many) and `nearest_hop` (transactions from a seed).
    trace : Trace
    recipe : Recipe
    """

    table: pd.DataFrame
    trace: Trace
    recipe: Recipe

    @cached_property
    def balance(self) -> dict[str, int]:
        """Category → base units, the largest first; the sum is exactly the trace's `seed_sat`."""
        sums: dict[str, int] = {}
        for category, amount in zip(self.table["category"], self.table["tainted_sat"], strict=True):
            sums[category] = sums.get(category, 0) + int(amount)
        return dict(sorted(sums.items(), key=lambda entry: (-entry[1], entry[0])))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the table: equal for equal results on every machine."""
        return digest_of(pa.Table.from_pandas(self.table, preserve_index=False).to_pydict())

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `table`."""
        return self.table.copy()

    def __repr__(self) -> str:
        total = self.trace.seed_sat
        parts = ", ".join(
            f"{category} {units.percent(amount, total)}" for category, amount in self.balance.items()
        )
        return f"<Exposure {self.trace.direction} by {self.trace.policy}: {parts}>"

    def _repr_html_(self) -> str:
        total, chain = self.trace.seed_sat, self.trace.chain
        rows = [
            (
                *row[:6],
                "yes" if row[6] else "",
                units.format_coins(row[7], chain),
                units.percent(row[7], total),
                *row[9:],
            )
            for row in self.table.astype(object).where(self.table.notna(), "").itertuples(index=False)
        ]
        header = (*_COLUMNS.names[:7], "amount", "share", "ends", "nearest hop")
        note = (
            f"Of {units.format_coins(total, chain)} traced {self.trace.direction} by {self.trace.policy}. Categories "
            "and actors are asserted by the sources named, not by the chain; “unknown” means that no tag at hand "
            f"speaks of it. Recipe {self.recipe.digest[:16]}."
        )
        return cards.card("Exposure", rows, header=header, note=note)


def exposure(trace: Trace, tags: Tags, owners: Owners | None = None) -> Exposure:
    """Sum up where a trace ended, by the category and actor that tags assert, each base unit once.

    An end without a tag keeps its reason and has the category "unknown". Where tags contradict each
    other the best one (`Tags.best`) is used with its source, and `conflict` is true.

    Parameters
    ----------
    trace : Trace
    tags : Tags
        Need not be those the trace stopped at.
    owners : Owners, optional
        An address without a tag then inherits the best tag in its cluster whose source says that it
        holds for the whole cluster. That rests on the clustering being right; `basis` says so.

    References
    ----------
    Direct and indirect exposure after Chainalysis; that each unit counts once, by a taint policy and not
    by counting paths, is ours.
    """
    reached = sorted(set(trace.ends["address"].dropna()))
    holders = _holders(reached, tags, owners)
    groups: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    columns = (trace.ends[name].tolist() for name in ("address", "reason", "tainted_sat", "hop"))
    for address, reason, tainted, hop in zip(*columns, strict=True):
        holder = holders.get(address, _Holder())
        groups.setdefault((*holder[:4], reason, *holder[4:]), []).append((tainted, hop))
    rows = [(*key, *_sums(found, trace.seed_sat)) for key, found in groups.items()]
    rows += _counted_again(trace)
    rows.sort(key=lambda row: (-int(str(row[7])), *map(str, row[:6])))
    table = schema.rows_to_table(rows, _COLUMNS).to_pandas(types_mapper=pd.ArrowDtype)
    parameters = {"owners": None if owners is None else _digest(owners, reached)}
    return Exposure(table, trace, Recipe("exposure", parameters, inputs=[trace.recipe.digest, tags.digest]))


def _holders(addresses: Iterable[str], tags: Tags, owners: Owners | None) -> dict[str, _Holder]:
    """Return what the tags assert about the holder of each address that any of them speaks of."""
    tagged, by_cluster = tags.addresses, dict[str, _Holder]()
    holders = {}
    for address in addresses:
        if address in tagged:
            holders[address] = _holder(tags.at(address), DIRECT)
        elif owners is not None:
            cluster = owners.of(address)
            if cluster not in by_cluster:
                by_cluster[cluster] = _holder(_definers(tags, owners.members(cluster)), INHERITED)
            holders[address] = by_cluster[cluster]
    return holders


def _digest(owners: Owners, addresses: Iterable[str]) -> str:
    """Return a digest of all that a result can have taken from `owners`, whatever object that is."""
    clusters = {owners.of(address) for address in addresses}
    return digest_of({cluster: sorted(owners.members(cluster)) for cluster in sorted(clusters)})


def _definers(tags: Tags, members: Iterable[str]) -> list[Tag]:
    """Return the tags in a cluster whose source says that they hold for all of it."""
    return [tag for member in members for tag in tags.by_address.get(member, ()) if tag.is_cluster_definer]


def _holder(found: Iterable[Tag], basis: str) -> _Holder:
    """Return what the best of some tags asserts, and whether the others contradict."""
    ranked = sorted(found, key=rank)
    if not ranked:
        return _Holder()
    best = ranked[0]
    category = next(iter(best.categories), UNKNOWN)
    conflict = next(find_conflicts([ranked]), None) is not None
    return _Holder(category, best.actor, best.label, best.source, basis, conflict)


def _sums(found: list[tuple[int, int]], total_sat: int) -> tuple[int, int, int, int]:
    tainted = sum(amount for amount, _ in found)
    return tainted, _ppm(tainted, total_sat), len(found), min(hop for _, hop in found)


def _ppm(amount_sat: int, total_sat: int) -> int:
    return (2_000_000 * amount_sat + total_sat) // (2 * total_sat) if total_sat else 0


def _counted_again(trace: Trace) -> list[tuple[object, ...]]:
    """Return the row that takes back what a policy that does not conserve counted more than once."""
    again = EndReason.POISON.value
    amount = trace.balance.get(again, 0)
    row = (again, "", "", "", again, UNTAGGED, False, amount, _ppm(amount, trace.seed_sat), 0, None)
    return [row] if amount else []
