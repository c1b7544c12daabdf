"""A clustering as tables and as a graph: its addresses, and its links with the error figure of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from chainflow.clustering.decisions import DECISION
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.error_rates.measured import counts_of, figures_of
from chainflow.clustering.rules import Kind

if TYPE_CHECKING:
    import networkx as nx

    from chainflow.clustering.clustering import Clustering

__all__ = ["graph_of", "link_rows", "member_rows"]


def member_rows(owners: Clustering) -> pd.DataFrame:
    """Return one row per address; see `Clustering.to_pandas`."""
    counts = np.bincount(owners.roots, minlength=len(owners.places))
    names = _names(owners)
    clusters = [names[root] for root in owners.roots.tolist()]
    table = pa.table({"address": names, "cluster": clusters, "size": counts[owners.roots]})
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def link_rows(owners: Clustering) -> pd.DataFrame:
    """Return one row per link and chain it is on, used or refused; see `Clustering.links_to_pandas`."""
    names, errors, kinds = _names(owners), _errors(owners), owners.terms.kinds
    heights, txids = owners.places.transactions.heights, owners.places.transactions.txids
    parts = [(owners.used, None), (owners.unused, owners.refused.select(["by", "reason"]))]
    columns: dict[str, list[object]] = {name: [] for name in _LINK_ROW}
    for claims, refusal in parts:
        tx, rules = claims.tx.tolist(), _rules(claims)
        columns["a"] += [names[place] for place in claims.a.tolist()]
        columns["b"] += [names[place] for place in claims.b.tolist()]
        columns["rule"] += rules
        columns["kind"] += [str(kinds[rule]) for rule in rules]
        columns["txid"] += [txids[row] if row >= 0 else None for row in tx]
        columns["height"] += [heights[row] if row >= 0 else None for row in tx]
        columns["error"] += [errors[rule] for rule in rules]
        said = refusal.take(pa.array(claims.link)).to_pydict() if refusal is not None else {}
        for name in ("by", "reason"):
            columns[name] += said.get(name, [None] * len(tx))
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in _LINK_ROW.items()})
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


_LINK_ROW = dict.fromkeys(("a", "b", "rule", "kind", "txid", "height", "error", "by", "reason"), pa.string())
_LINK_ROW["height"] = pa.int64()


def graph_of(owners: Clustering) -> nx.MultiGraph[str]:
    """Return addresses and the links used as a graph; see `Clustering.to_networkx`."""
    import networkx as nx

    graph: nx.MultiGraph[str] = nx.MultiGraph()
    names, errors, txids = _names(owners), _errors(owners), owners.links["txid"].to_pylist()
    for name, root in zip(names, owners.roots.tolist(), strict=True):
        graph.add_node(name, cluster=names[root])
    claims = owners.used
    rows = zip(claims.link.tolist(), claims.a.tolist(), claims.b.tolist(), _rules(claims), strict=True)
    for link, a, b, rule in rows:
        key = (rule, txids[link])
        graph.add_edge(names[a], names[b], key=key, rule=rule, txid=txids[link], error=errors[rule])
    return graph


def _names(owners: Clustering) -> list[str]:
    return [owners.places.name(place) for place in range(len(owners.places))]


def _rules(claims: Claims) -> list[str]:
    """Return the rule of each claim."""
    rules: list[str] = claims.table["rule"].take(pa.array(claims.link)).to_pylist()
    return rules


def _errors(owners: Clustering) -> dict[str, str]:
    """Return rule → its error figure in brief, as the rule is used here."""
    veto, kinds = owners.terms.veto_kind, owners.terms.kinds
    found = {rule.name: counts_of(kinds[rule.name], figures_of(rule, veto)) for rule in owners.rules}
    return {**found, DECISION: counts_of(Kind.ASSERTED, ())}
