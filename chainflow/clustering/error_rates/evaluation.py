"""A clustering compared with a truth: pairs, address overlap, money flow, address roles; each counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chainflow import cards, units
from chainflow.clustering.clustering import Clustering
from chainflow.clustering.engine.claims import Ints
from chainflow.clustering.error_rates.agreement import CHANGE, NO_ROLE, RECEIVE, Receipts, stated_roles
from chainflow.clustering.error_rates.share import Share
from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import Recipe
from chainflow.samples.owners import Cells, Truth, compare_owners

__all__ = ["Evaluation", "evaluate"]

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """How far a clustering agrees with a truth, over the addresses that are in both.

    Attributes
    ----------
    figures : tuple of Share
        `pair precision`, `pair recall`, `address coverage`, `address purity`, `flow precision`,
        `flow recall` (by outputs, and again by amount), `role agreement`; defined at `evaluate`.
    by_role : tuple of Share
        The address coverage again, for each role that the truth states.
    merged : tuple of (cluster, owners)
        Clusters that hold addresses of several owners.
    split : tuple of (owner, clusters)
        Owners whose addresses lie in several clusters.
    unknown : tuple of str
        Addresses of the truth that are not in this ledger: counted nowhere.
    without_truth : int
        Addresses and scripts of the ledger whose owner the truth does not give: counted nowhere.
    """

    figures: tuple[Share, ...]
    by_role: tuple[Share, ...]
    merged: tuple[tuple[str, tuple[str, ...]], ...]
    split: tuple[tuple[str, tuple[str, ...]], ...]
    unknown: tuple[str, ...]
    without_truth: int
    recipe: Recipe

    def __getitem__(self, name: str) -> Share:
        """Return a figure by its name.

        Raises
        ------
        BadInput
            If there is none of that name.
        """
        for share in self.figures:
            if share.name == name:
                return share
        raise BadInput(
            f"no figure {name!r}", hint=f"one of {', '.join(share.name for share in self.figures)}"
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per figure: name, right, of, share, low, high, unit, population, date.

        `share`, `low` and `high` are missing where nothing was counted, the ends also for money.
        """
        rows = []
        for share in (*self.figures, *self.by_role):
            low, high = share.interval or (None, None)
            rows.append((share.name, share.right, share.of, share.value, low, high, share.unit))
        names = ["name", "right", "of", "share", "low", "high", "unit"]
        frame = pd.DataFrame(rows, columns=names).astype(
            {"share": "Float64", "low": "Float64", "high": "Float64"}
        )
        return frame.assign(population=self.figures[0].population, date=self.figures[0].date)

    def __repr__(self) -> str:
        return (
            f"<Evaluation pair precision {self['pair precision'].text}, recall {self['pair recall'].text}; "
            f"{units.counted(len(self.merged), 'cluster')} of several owners; "
            f"{units.counted(len(self.unknown), 'address')} not in this ledger>"
        )

    def _repr_html_(self) -> str:
        rows = [(share.name, share.text) for share in (*self.figures, *self.by_role)]
        rows += [
            ("not in this ledger", f"{units.counted(len(self.unknown), 'address')} of the truth"),
            ("without a known owner", f"{self.without_truth:,} addresses and scripts of the ledger"),
            ("owners split over clusters", f"{len(self.split):,}"),
            *(
                ("different owners in one cluster", f"{cluster}: {', '.join(owners)}")
                for cluster, owners in self.merged[:_SHOWN]
            ),
        ]
        more = len(self.merged) - _SHOWN
        first = self.figures[0]
        note = f"Population: {first.population}; date: {first.date or 'not stated'}."
        note += f" {more:,} more clusters hold several owners." if more > 0 else ""
        return cards.card("Evaluation", rows, note=note)


def evaluate(
    clustering: Clustering, truth: Truth | Mapping[str, str], *, population: str = "", date: str = ""
) -> Evaluation:
    """Return how a clustering compares with a truth: nine figures, each so many of so many.

    Only addresses that are in the ledger *and* in the truth count; the others are listed or counted.

    ==================  ==================================================================================
    pair precision      pairs of addresses put together → those of one owner
    pair recall         pairs of addresses of one owner → those put together
    address coverage    addresses of each owner → those in the owner's *main cluster*, the one that holds
                        most of them; of equals the one with most known addresses of others
    address purity      known addresses in the owners' main clusters → those of that owner
    flow precision      payments that the clusters show → those between two owners, not one's own change
    flow recall         payments between two owners → those that the clusters show as such
    role agreement      addresses with a true role → those that the clusters give the same role
    ==================  ==================================================================================

    A *payment* is an output, judged where every input's owner and the output's are known and all inputs
    are of one owner; clusters show one where the output is not in the cluster of an input. Flow is counted
    by outputs, and by amount where the ledger has one chain. The *role* of an address is `receive` where no
    transaction that pays it spends from its own cluster, `change` where all do, both else; true is what the
    truth states, or, where it states neither, what follows from the true owners in the same way.

    Address overlap, money flows and address roles are the three techniques of the paper; of it the abstract
    was at hand, so the definitions are chainflow's own: do not compare its numbers with these. Pairs are
    chainflow's addition. Wilson's interval takes those counted for independent draws; pairs of one cluster
    are not, so the true uncertainty of pair figures is larger than the interval.

    Parameters
    ----------
    clustering : Clustering
    truth : Truth or mapping of str to str
        Address → owner.
    population, date : str
        What the figures hold for, and when; by default what the truth states.

    Raises
    ------
    BadInput
        If the truth is empty or has no address of the ledger, or gives one address two owners.
    AddressInvalid
        If it has an address that is none.

    References
    ----------
    Lubbertsen, van Eeten and van Wegberg, "Ghost Clusters: Evaluating Attribution of Illicit Services through
    Cryptocurrency Tracing", USENIX Security 2025.
    """
    known = Truth.of(truth)
    names: list[str] = clustering.to_pandas()["address"].tolist()
    owners, roles, unknown = _placed(clustering, known, names)
    where = (population or known.population or "truth without a name", date or known.date)
    clusters = {address: clustering.of(address) for address in owners}
    cells = compare_owners(clusters, owners)
    codes = {owner: code for code, owner in enumerate(sorted(set(owners.values())))}
    owner_of = np.array([codes.get(owners.get(name, ""), -1) for name in names], dtype=np.int64)
    receipts = Receipts(clustering.ledger, clustering.places.of_scripts(clustering.ledger))
    roots = np.asarray(clustering.roots, dtype=np.int64)
    counted = [
        ("pair precision", cells.true, cells.true + cells.false, "pairs put together"),
        ("pair recall", cells.true, cells.true + cells.missed, "pairs of one owner"),
        *_overlap(cells),
        *_flow(receipts, roots, owner_of),
        _role_agreement(receipts, roots, owner_of, stated=stated_roles(names, roles)),
    ]
    return Evaluation(
        figures=tuple(Share(*figure, *where) for figure in counted),
        by_role=tuple(Share(*figure, *where) for figure in _by_role(cells, clusters, owners, roles)),
        merged=cells.merged,
        split=cells.split,
        unknown=unknown,
        without_truth=len(names) - len(owners),
        recipe=Recipe("evaluate", {"population": where[0], "date": where[1]}, [clustering.recipe.digest]),
    )


Figure = tuple[str, int, int, str]


def _placed(
    clustering: Clustering, truth: Truth, names: list[str]
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Return owner and role by the ledger's own names, and the addresses that it does not hold."""
    if not truth.owners:
        raise BadInput("a truth without addresses", hint="give address → owner")
    owners: dict[str, str] = {}
    roles: dict[str, str] = {}
    unknown = []
    held = set(names)
    for address, owner in sorted(truth.owners.items()):
        try:
            name = address if address in held else clustering.places.name(clustering.places.find(address))
        except SeedUnknown:
            unknown.append(address)
            continue
        if owners.setdefault(name, owner) != owner:
            raise BadInput(
                f"{name} has two owners: {owners[name]} and {owner}", hint="leave out what is unsure"
            )
        roles[name] = truth.roles.get(address, "")
    if not owners:
        raise BadInput(
            f"none of the {len(unknown):,} addresses of the truth is in this ledger",
            hint="take the truth of the same chain and case",
        )
    return owners, roles, tuple(unknown)


def _main_clusters(cells: Cells) -> dict[str, str]:
    """Return for each owner the cluster that holds most of its addresses.

    Of equals it is the one with most known addresses of others, so that a tie never flatters and no name
    decides the purity: an owner whose addresses all lie apart has many equals, and one of them may be
    somebody's large cluster. Where equals are alike in this too the name decides; no purity hangs on it.
    """
    size = _known(cells)
    best: dict[str, tuple[int, int, str]] = {}
    for (cluster, owner), count in cells.counts.items():
        rank = (-count, -size[cluster], cluster)
        best[owner] = min(best.get(owner, rank), rank)
    return {owner: cluster for owner, (_, _, cluster) in best.items()}


def _known(cells: Cells) -> Counter[str]:
    """Return how many addresses with a known owner each cluster holds."""
    found: Counter[str] = Counter()
    for (cluster, _), count in cells.counts.items():
        found[cluster] += count
    return found


def _overlap(cells: Cells) -> list[Figure]:
    main = _main_clusters(cells)
    in_cluster = _known(cells)
    covered = sum(cells.counts[cluster, owner] for owner, cluster in main.items())
    named = sum(in_cluster[cluster] for cluster in main.values())
    return [
        ("address coverage", covered, sum(cells.counts.values()), "addresses"),
        ("address purity", covered, named, "addresses in main clusters"),
    ]


def _by_role(
    cells: Cells, clusters: Mapping[str, str], owners: Mapping[str, str], roles: Mapping[str, str]
) -> list[Figure]:
    main = _main_clusters(cells)
    of = Counter(role for role in roles.values() if role)
    right = Counter(role for name, role in roles.items() if clusters[name] == main[owners[name]])
    return [(f"coverage of {role}", right[role], of[role], "addresses") for role in sorted(of)]


def _flow(receipts: Receipts, roots: Ints, owner_of: Ints) -> list[Figure]:
    payer, payee = receipts.payers(owner_of), owner_of[receipts.node]
    judged = (payer >= 0) & (payee >= 0)
    is_paid, is_shown = judged & (payer != payee), judged & ~receipts.is_own(roots)
    value = receipts.ledger.index.value[receipts.rows]
    chains = receipts.ledger.chains
    # amounts of two coins do not add up
    money = f"base units ({chains[0]})" if len(chains) == 1 else "base units"
    value = value if len(chains) == 1 else value[:0]
    figures: list[Figure] = []
    for name, whole, unit in (
        ("flow precision", is_shown, "outputs shown as payments"),
        ("flow recall", is_paid, "outputs paid to another owner"),
    ):
        both = is_paid & is_shown
        figures.append((name, int(both.sum()), int(whole.sum()), unit))
        amounts = (int(value[mask[: len(value)]].sum()) for mask in (both, whole))
        figures.append((f"{name} by amount", *amounts, money))  # type: ignore[arg-type]
    return figures


def _role_agreement(receipts: Receipts, roots: Ints, owner_of: Ints, *, stated: Ints) -> Figure:
    said = receipts.roles(roots)
    true = np.where(np.isin(stated, (RECEIVE, CHANGE)), stated, receipts.roles(owner_of))
    judged = (owner_of >= 0) & (said != NO_ROLE) & (true != NO_ROLE)
    return "role agreement", int((judged & (said == true)).sum()), int(judged.sum()), "addresses"
