"""The clustering: which addresses a set of rules groups together, on which links, and what was vetoed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from chainflow import cards, schema
from chainflow.clustering.explain import Explanation, explain_pair
from chainflow.clustering.places import Places
from chainflow.clustering.web import Web
from chainflow.ledger import Ledger
from chainflow.model import Recipe

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["VETOED", "Clustering"]

_TEXT = [pa.field(name, pa.string(), nullable=False) for name in ("pattern", "reason")]
VETOED = pa.schema([*schema.LINKS, *_TEXT])
"""Columns of the refused links: which pattern refused them, and why."""

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class Clustering:
    """Addresses grouped by declared rules: inferred, never asserted.

    A cluster is named after its smallest member by string order; an address without a link is a cluster of
    its own. Where the ledger has several chains, each name carries its chain (`ltc:M…`). A script without
    an address is written `script:<hex>`. Make one with `cluster(ledger)`.

    Parameters
    ----------
    ledger : Ledger
        What it was made from.
    places : Places
        The addresses, numbered.
    links : pyarrow.Table
        The links used, columns as in `schema.LINKS`.
    vetoed : pyarrow.Table
        The links refused, with `pattern` and `reason`.
    roots : int64[n_places]
        The smallest place each place is joined with.
    recipe : Recipe
        Rules with versions and parameters, the veto, the ledger's digest.
    """

    ledger: Ledger
    places: Places
    links: pa.Table
    vetoed: pa.Table
    roots: npt.NDArray[np.int64]
    recipe: Recipe

    def of(self, address: str) -> str:
        """Return the name of the cluster that an address is in.

        Raises
        ------
        SeedUnknown
            If the address is not in the ledger.
        AddressInvalid
            If it is no address.
        """
        return self.places.name(int(self.roots[self.places.find(address)]))

    def members(self, cluster_or_address: str) -> tuple[str, ...]:
        """Return all addresses of a cluster, named by itself or by any member, sorted.

        Raises
        ------
        SeedUnknown
            If it is not in the ledger.
        AddressInvalid
            If it is no address.
        """
        root = int(self.roots[self.places.find(cluster_or_address)])
        return tuple(self.places.name(place) for place in np.flatnonzero(self.roots == root).tolist())

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Cluster → number of addresses, the largest first, ties by name."""
        counts = np.bincount(self.roots, minlength=len(self.places))
        roots = np.flatnonzero(counts)
        ordered = roots[np.argsort(-counts[roots], kind="stable")].tolist()
        return {self.places.name(root): int(counts[root]) for root in ordered}

    def __len__(self) -> int:
        """Return the number of clusters, single addresses included."""
        return len(np.unique(self.roots))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every address and its cluster: equal for equal groups, whatever made them."""
        names = [self.places.name(place) for place in range(len(self.places))]
        lines = (f"{name}\t{names[root]}\n" for name, root in zip(names, self.roots.tolist(), strict=True))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def explain(self, a: str, b: str) -> Explanation:
        """Return why two addresses are in one cluster, the weakest link first, or why they are not.

        Raises
        ------
        SeedUnknown
            If one of them is not in the ledger.
        AddressInvalid
            If one of them is no address.
        """
        return explain_pair(self, a, b)

    @cached_property
    def web(self) -> Web:
        """The links used, as addresses and transactions; for `explain`."""
        return Web.of(self.links, self.places, self.ledger)

    @cached_property
    def web_without_veto(self) -> Web:
        """The links used and the links refused, as addresses and transactions; for `explain`."""
        links = pa.concat_tables([self.links, self.vetoed.select(schema.LINKS.names)])
        return Web.of(links, self.places, self.ledger)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per address: `address`, `cluster`, `size`; sorted by address."""
        counts = np.bincount(self.roots, minlength=len(self.places))
        names = [self.places.name(place) for place in range(len(self.places))]
        owners = [names[root] for root in self.roots.tolist()]
        table = pa.table({"address": names, "cluster": owners, "size": counts[self.roots]})
        frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def to_networkx(self) -> nx.MultiGraph[str]:
        """Return addresses as nodes (`cluster`) and links as edges (`rule`, `txid`; key = both)."""
        import networkx as nx

        graph: nx.MultiGraph[str] = nx.MultiGraph()
        for place, root in enumerate(self.roots.tolist()):
            graph.add_node(self.places.name(place), cluster=self.places.name(root))
        rules, txids = self.links["rule"].to_pylist(), self.links["txid"].to_pylist()
        link, _, first, second = self.places.ends(self.links, self.ledger)
        for number, a, b in zip(link.tolist(), first.tolist(), second.tolist(), strict=True):
            edge = {"rule": rules[number], "txid": txids[number]}
            graph.add_edge(self.places.name(a), self.places.name(b), key=tuple(edge.values()), **edge)
        return graph

    def __repr__(self) -> str:
        largest = max(self.sizes.values(), default=0)
        return (
            f"<Clustering {len(self):,} clusters of {len(self.places):,} addresses and scripts, the largest of "
            f"{largest:,}; links: {self.links.num_rows:,} used, {self.vetoed.num_rows:,} vetoed>"
        )

    def _repr_html_(self) -> str:
        pattern_of = dict(
            zip(self.vetoed["txid"].to_pylist(), self.vetoed["pattern"].to_pylist(), strict=True)
        )
        refused = Counter(pattern_of.values())
        vetoed = ", ".join(f"{count:,} {pattern}" for pattern, count in sorted(refused.items())) or "none"
        rows = [
            ("clusters", f"{len(self):,} of {len(self.places):,} addresses and scripts"),
            (
                "rules",
                ", ".join(f"{rule['name']} {rule['version']}" for rule in self.recipe.parameters["rules"]),
            ),
            ("links used", f"{self.links.num_rows:,}"),
            ("vetoed transactions", vetoed),
            *((f"{size:,} addresses", name) for name, size in list(self.sizes.items())[:_SHOWN] if size > 1),
        ]
        note = f"Inferred under these rules; error figure: not measured. Digest {self.digest}"
        return cards.card("Clustering", rows, note=note)
