"""The clustering: which addresses a set of rules groups together, on which links, and what was refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards
from chainflow.clustering.change.ballots import Ballots
from chainflow.clustering.checks.alarms import Alarms, alarms_of
from chainflow.clustering.checks.bounds import restricted
from chainflow.clustering.checks.bridges import Bridges, bridges_of
from chainflow.clustering.checks.growth import Growth, growth
from chainflow.clustering.checks.survival import Finding, Survival, survival_of
from chainflow.clustering.checks.tables import graph_of, link_rows, member_rows
from chainflow.clustering.decisions import Decision
from chainflow.clustering.engine.claims import Claims, Ints
from chainflow.clustering.engine.constraints import Constraints
from chainflow.clustering.engine.places import Places
from chainflow.clustering.engine.recognised import Recognised
from chainflow.clustering.engine.terms import Terms
from chainflow.clustering.engine.web import Web
from chainflow.clustering.explaining.apart import Apart
from chainflow.clustering.explaining.explain import Explanation, explain_pair
from chainflow.clustering.rules import Heuristic
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.patterns import Verdict

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["NOT_PATTERNS", "Clustering"]

NOT_PATTERNS = ("constraint", "quarantine", "contestable", "kind")
"""What refuses a link besides patterns and a caller's veto; the last two only in a lower bound."""

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
    used, unused : Claims
        The links used and the links refused, as numbers, in the order of joining.
    refused : pyarrow.Table
        The links refused, with what refused them (`by`) and why (`reason`).
    roots : int64[n_places]
        The smallest place each place is joined with.
    recipe : Recipe
        Rules with versions and parameters, the veto, decisions, constraints, the ledger's digest.
    terms : Terms
        What the caller declared.
    constraints : Constraints
        What keeps addresses apart.
    origin : Clustering, optional
        The whole, where this is what is left of one: a lower bound, or without some transactions.
    """

    ledger: Ledger
    places: Places
    used: Claims
    unused: Claims
    refused: pa.Table
    roots: Ints
    recipe: Recipe
    terms: Terms
    constraints: Constraints
    origin: Clustering | None = None

    # --- what it says ----------------------------------------------------------------------------

    @property
    def links(self) -> pa.Table:
        """The links used, columns as in `schema.LINKS`, in the order of joining."""
        return self.used.table

    @property
    def vetoed(self) -> pa.Table:
        """The links refused by patterns or by name: `refused` without what constraints and sizes refused."""
        others = pc.is_in(self.refused["by"], value_set=pa.array(NOT_PATTERNS))
        return self.refused.filter(pc.invert(others))

    @property
    def rules(self) -> tuple[Heuristic, ...]:
        """The rules that proposed the links."""
        return self.terms.rules

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The analyst's decisions in force."""
        return self.terms.decisions

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
        return tuple(self.places.name(place) for place in self._members(self.places.find(cluster_or_address)))

    def _members(self, place: int) -> list[int]:
        members: list[int] = np.flatnonzero(self.roots == self.roots[place]).tolist()
        return members

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

    # --- why -------------------------------------------------------------------------------------

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

    def why_not(self, a: str, b: str) -> Apart:
        """Return why two addresses are not in one cluster: what was refused, and what is not known.

        Raises
        ------
        BadInput
            If they are in one cluster.
        SeedUnknown, AddressInvalid
            If one of them is not in the ledger, or is no address.
        """
        found = explain_pair(self, a, b).apart
        if found is None:
            raise BadInput(f"{a} and {b} are in one cluster", hint="explain(a, b) says why")
        return found

    @cached_property
    def web(self) -> Web:
        """The links used, as addresses and statements; for `explain`."""
        return Web.of(self.used, len(self.places))

    @cached_property
    def web_of_all(self) -> Web:
        """The links used and the links refused, as addresses and statements; for `explain`."""
        return Web.of(Claims.together([self.used, self.unused]), len(self.places))

    @cached_property
    def shapes(self) -> Mapping[str, Verdict]:
        """Every transaction of a named shape; see `patterns.shapes`."""
        return Recognised(self.ledger)

    @cached_property
    def ballots(self) -> Ballots:
        """What every installed change rule says of each output."""
        return Ballots.of(self.ledger, self.rules)

    def votes_on(self, txid: str) -> list[dict[str, Any]]:
        """Return `label` and `votes` (rule → 1, 0, −1 or −2) of each output of a transaction."""
        is_one = len(self.places.spans) == 1
        return [
            {"label": label if is_one else f"{chain}:{label}", "votes": votes}
            for chain, label, votes in self.ballots.on(txid)
        ]

    def rule(self, name: str) -> Heuristic:
        """Return the rule of a name.

        Raises
        ------
        BadInput
            If it is not one of this clustering's.
        """
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise BadInput(f"no rule {name!r} in this clustering", hint=", ".join(r.name for r in self.rules))

    def txid_of(self, tx: int) -> str:
        """Return the txid of a transaction by its number in `web.tx`; "" for a decision."""
        return self.places.transactions.txids[tx] if tx >= 0 else ""

    def size_and_height(self, tx: int) -> tuple[int, int | None]:
        """Return the number of inputs and the block of a transaction by its number in `web.tx`."""
        said = self.places.transactions
        return (said.n_inputs[tx], said.heights[tx]) if tx >= 0 else (0, None)

    def separations(self, start: int, end: int) -> tuple[str, ...]:
        """Return what keeps the clusters of two places apart on purpose, in words."""
        sides = self._members(start), self._members(end)
        return tuple(one.sentence for one in self.constraints.between(self.places, *sides))

    # --- how sure --------------------------------------------------------------------------------

    @cached_property
    def lower_bound(self) -> Clustering:
        """The same with exact and common-input links only, those of PayJoin suspects left out (CJ-11, L-7).

        What is left of this clustering's own links: each of its clusters is a part of one here. Decisions
        join nothing, and what is refused here stays refused. At another block, on a grown ledger and when
        findings are tested it stays a lower bound.
        """
        return restricted(self.origin or self, replace(self.terms, is_lower_bound=True))

    def without(self, txids: Collection[str]) -> Clustering:
        """Return what is left of this clustering if some transactions did not count.

        Nothing new is joined: what is refused here stays refused.

        Raises
        ------
        SeedUnknown
            If one is not in this ledger: "still together without it" would be an empty answer.
        BadInput
            If they are one text in place of a collection.
        """
        left_out = tuple(sorted({*self.terms.without, *self.places.transactions.named(txids)}))
        return restricted(self.origin or self, replace(self.terms, without=left_out))

    def survives(self, findings: Mapping[str, Finding]) -> Survival:
        """Return which conclusions hold with each rule, and each other term, left out (L-6).

        Parameters
        ----------
        findings : mapping of str to pair or function
            By name: two addresses (are they together?), or a function from a clustering to something that
            can be compared.

        Raises
        ------
        BadInput
            If there are none.
        """
        return survival_of(self, findings)

    def bridges(self, cluster_or_address: str, *, least: int = 2) -> Bridges:
        """Return the statements without which a cluster falls apart (C-7): the links to look at first.

        Parameters
        ----------
        least : int
            Leave out those that would split off fewer addresses; with 1, nearly every statement is one.

        Returns
        -------
        Bridges
            A tuple of `Bridge`: those that split off most first, then in spending order.

        Raises
        ------
        SeedUnknown, AddressInvalid
            If it is not in the ledger, or is no address.
        """
        root = self.roots[self.places.find(cluster_or_address)]
        return bridges_of(self, np.array([root]), least=max(least, 1))

    @cached_property
    def growth(self) -> Growth:
        """Every union in the order of joining, with its block and the sizes of both sides before (C-6)."""
        return growth(self.used, self.places)

    def alarms(self, *, share: float = 0.1, least: int | None = None, most: int = 5) -> Alarms:
        """Return what to look at before relying on these clusters; no alarm is no proof that all is well.

        Parameters
        ----------
        share : float
            Of all addresses: a cluster with more, and of 100 or more, is a super-cluster. In a ledger of
            fewer than 200 addresses it is one with more than half of them, and more than 10.
        least : int, optional
            A bridge is named if it alone holds two parts of at least so many addresses; by default a
            twentieth of all, but 3 to 10.
        most : int
            Alarms of each kind, those about most addresses first; a last one of the kind says how many more
            there are.

        Raises
        ------
        BadInput
            If `most` is less than 1.
        """
        return alarms_of(self, share=share, least=least, most=most)

    # --- another ledger --------------------------------------------------------------------------

    def as_of(self, height: int) -> Clustering:
        """Return the clustering under the same terms as it was at a block (C-8); see `Ledger.until`.

        Decisions about addresses that nothing had paid by then are left out.
        """
        from chainflow.clustering.checks.grow import on_ledger

        return on_ledger(self, self.ledger.until(height), is_part=True)

    def update(self, ledger: Ledger) -> Clustering:
        """Return the clustering of a grown ledger under the same terms; as `cluster` would make it anew."""
        from chainflow.clustering.checks.grow import on_ledger

        return on_ledger(self, ledger)

    # --- shown -----------------------------------------------------------------------------------

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per address: `address`, `cluster`, `size`; sorted by address."""
        return member_rows(self)

    def links_to_pandas(self) -> pd.DataFrame:
        """Return one row per link, used or refused, each with the error figure of its rule.

        Columns `a`, `b`, `rule`, `kind`, `txid` (missing: a decision), `height` (missing: unconfirmed),
        `error` (wrong/counted on each population, or "not measured"), `by` and `reason` (what refused it,
        and why; missing: it is used). The used come first, in the order of joining.
        """
        return link_rows(self)

    def to_networkx(self) -> nx.MultiGraph[str]:
        """Return addresses as nodes (`cluster`), links as edges (`rule`, `txid`, `error`; key = the first two)."""
        return graph_of(self)

    def __repr__(self) -> str:
        largest = max(self.sizes.values(), default=0)
        return (
            f"<Clustering {len(self):,} clusters of {len(self.places):,} addresses and scripts, the largest of "
            f"{largest:,}; links: {self.links.num_rows:,} used, {self.refused.num_rows:,} refused>"
        )

    def _repr_html_(self) -> str:
        by_tx = dict(zip(self.refused["txid"].to_pylist(), self.refused["by"].to_pylist(), strict=True))
        counts = sorted(Counter(by_tx.values()).items())
        rows = [
            ("clusters", f"{len(self):,} of {len(self.places):,} addresses and scripts"),
            ("rules", ", ".join(f"{rule.name} {rule.version}" for rule in self.rules) or "none"),
            ("decisions", f"{len(self.decisions):,}"),
            ("links used", f"{self.links.num_rows:,}"),
            ("transactions refused", ", ".join(f"{count:,} {by}" for by, count in counts) or "none"),
            *((f"{size:,} addresses", name) for name, size in list(self.sizes.items())[:_SHOWN] if size > 1),
        ]
        note = f"Inferred under these rules; `explain` gives each link's error figure. Digest {self.digest}"
        return cards.card("Clustering", rows, note=note)
