"""Bridges: the statements that alone hold a cluster together, and the quarantine of those that hold much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chainflow import cards
from chainflow.clustering.decisions import Decision
from chainflow.clustering.engine.claims import Bools, Claims, Ints
from chainflow.clustering.engine.cuts import cuts
from chainflow.clustering.engine.union import roots_of
from chainflow.clustering.engine.web import Web
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Bridge", "Bridges", "bridges_of", "quarantined"]

_SHOWN = 10
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Bridge:
    """A statement without which a cluster falls apart (C-7).

    Attributes
    ----------
    txid, rule : str
        Who says it; a decision has no txid.
    cluster : str
        The cluster it holds together.
    parts : tuple of int
        Addresses in each part that would be left, the largest first.
    decision : Decision or None
        The analyst's, where it is one.
    """

    txid: str
    rule: str
    cluster: str
    parts: tuple[int, ...]
    decision: Decision | None = None

    @property
    def sentence(self) -> str:
        """The bridge in words."""
        by = f"{self.txid} ({self.rule})" if self.decision is None else _decided(self.decision)
        sizes = " and ".join(f"{size:,}" for size in self.parts[:2])
        more = f" (and {counted(len(self.parts) - 2, 'more part')})" if len(self.parts) > 2 else ""
        return f"Without {by}, {self.cluster} falls apart into {sizes} addresses{more}."


def _decided(decision: Decision) -> str:
    """Return an analyst's decision with its date and author, as far as they are stated."""
    when = f" of {decision.when[:10]}" if decision.when else ""
    who = f" by {decision.who}" if decision.who else ""
    return f"the decision{when}{who} that {decision.a} and {decision.b} have one owner"


class Bridges(tuple[Bridge, ...]):
    """The bridges of a cluster: a tuple that a notebook shows as a table."""

    __slots__ = ()

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per bridge: `txid`, `rule`, `cluster`, `parts`, `smaller` (addresses it splits off)."""
        rows = [(one.txid, one.rule, one.cluster, one.parts, one.parts[1]) for one in self]
        return pd.DataFrame(rows, columns=["txid", "rule", "cluster", "parts", "smaller"])

    def _repr_html_(self) -> str:
        rows = [
            (one.txid if one.decision is None else _decided(one.decision), one.rule, _sizes(one.parts))
            for one in self[:_SHOWN]
        ]
        more = f"{len(self) - _SHOWN:,} more are not shown. " if len(self) > _SHOWN else ""
        note = (
            f"{more}Without any one of them the cluster falls apart into such parts: check these links first."
        )
        header = ("transaction or decision", "rule", "addresses in each part")
        return cards.card(f"Bridges: {len(self):,}", rows, header=header if rows else (), note=note)


def _sizes(parts: tuple[int, ...]) -> str:
    more = f" and {counted(len(parts) - _NAMED, 'more part')}" if len(parts) > _NAMED else ""
    return f"{', '.join(f'{size:,}' for size in parts[:_NAMED])}{more}"


def quarantined(claims: Claims, count: int, *, least: int, certain: Bools) -> dict[int, str]:
    """Return the links to set aside (C-6): row of the table → why.

    A statement is set aside if without it its cluster would fall into two or more parts of at least
    `least` addresses: one false one would have merged them. All that are found are set aside together,
    so the order of links does not matter; then the rest is looked at again, because a statement may have
    stood on a circle with one that is gone. Each round sets at least one aside or is the last.

    Parameters
    ----------
    count : int
        Places.
    certain : bool[n]
        Per row of the table: exact links and decisions, which are never set aside.
    """
    found: dict[int, str] = {}
    keep = np.ones(claims.table.num_rows, dtype=np.bool_)
    while True:
        left = claims.only(keep)
        rows = np.flatnonzero(keep)
        bad = _large(left, count, least=least, certain=certain[keep])
        if not bad:
            return found
        found |= {int(rows[link]): why for link, why in bad.items()}
        keep[list(found)] = False


def _large(claims: Claims, count: int, *, least: int, certain: Bools) -> dict[int, str]:
    """Return the links of the statements that alone hold two parts of at least `least` addresses together."""
    roots = roots_of(count, claims.a, claims.b)
    starts = np.flatnonzero(np.bincount(roots, minlength=count) >= 2 * least)
    if not len(starts):
        return {}
    web = Web.of(claims, count)
    parts = dict(cuts(web, starts, least=least))
    if not parts:
        return {}
    bad = np.isin(web.of_claim, list(parts)) & ~certain[claims.link]
    said = zip(claims.link[bad].tolist(), web.of_claim[bad].tolist(), strict=True)
    return {link: _why(parts[statement], least) for link, statement in said}


def _why(parts: list[int], least: int) -> str:
    large = " and ".join(f"{size:,}" for size in parts if size >= least)
    return f"it alone holds parts of {large} addresses together, each of {least:,} or more"


def bridges_of(owners: Clustering, roots: Ints, *, least: int) -> Bridges:
    """Return the bridges of some clusters, by root, that split off at least `least` addresses."""
    web, found = owners.web, list[tuple[int, int, Bridge]]()
    same = [decision for decision in owners.decisions if decision.verdict == "same"]
    for statement, parts in cuts(web, roots, least=least):
        tx = int(web.tx[statement])
        root = int(owners.roots[web.members(statement)[0]])
        decision = same[tx] if tx < 0 else None  # numbered from the end, see `same_owner`
        name = owners.places.name(root)
        one = Bridge(owners.txid_of(tx), web.rule[statement], name, tuple(parts), decision)
        found.append((-parts[1], statement, one))
    return Bridges(one for *_, one in sorted(found, key=lambda entry: entry[:2]))
