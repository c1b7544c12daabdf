"""Heuristics propose, patterns veto, union-find joins: `cluster()` and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import registry, schema
from chainflow.clustering.clustering import VETOED, Clustering
from chainflow.clustering.heuristics import MultiInput
from chainflow.clustering.places import Places, places_of
from chainflow.errors import BadInput, PluginError
from chainflow.ledger import Ledger
from chainflow.model import Recipe, is_txid
from chainflow.patterns import CoinJoins, coinjoins

__all__ = ["Heuristic", "cluster"]

_GROUP = "chainflow.heuristics"


@runtime_checkable
class Heuristic(Protocol):
    """A rule that proposes links between addresses, each from one transaction.

    `links` returns a table of `schema.LINKS`: `a` and `b` are addresses (or `script:<hex>`) of the ledger,
    `rule` is the rule's name, `txid` the transaction that shows it. Links of one transaction with the same
    `a` are one statement: `a` and all its `b` share an owner. Same ledger, same table.
    """

    @property
    def name(self) -> str:
        """The rule's name, unique among installed rules."""
        ...

    @property
    def version(self) -> str:
        """Raised when the rule gives other links for some ledger."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose, as JSON-able values."""
        ...

    def links(self, ledger: Ledger) -> pa.Table:
        """Return the proposed links."""
        ...


def cluster(
    ledger: Ledger,
    rules: Collection[str | Heuristic] | None = None,
    *,
    veto: Collection[str] | None = None,
) -> Clustering:
    """Return the addresses of a ledger, grouped into clusters by declared rules.

    A cluster says: *under these rules* these addresses share an owner. It says nothing about who that is,
    and nothing about transactions that are not in the ledger. Addresses on two chains are never joined.

    Parameters
    ----------
    rules : collection of str or Heuristic, optional
        Names of installed rules, or rule objects. By default `MultiInput` alone.
    veto : collection of str, optional
        Txids whose links do not count: by default what `patterns.coinjoins` finds, the ambiguous
        shapes included; `()` for no veto at all.

    Raises
    ------
    BadInput
        If two rules have one name, a veto is not a txid, or there are accounts only.
    PluginError
        If a rule is not installed, or does not keep to the form above.

    Examples
    --------
    >>> from chainflow import samples
    >>> cluster(samples.peel_chain(length=2).ledger).vetoed.num_rows
    0
    """
    ledger.refuse_accounts("clustering")
    chosen = _chosen(rules)
    refused = coinjoins(ledger) if veto is None else veto
    if not isinstance(refused, CoinJoins):
        refused = _txids(refused)
    proposed = pa.concat_tables([schema.LINKS.empty_table(), *(_links(rule, ledger) for rule in chosen)])
    is_refused = pc.is_in(proposed["txid"], value_set=pa.array(sorted(refused), pa.string()))
    links = proposed.filter(pc.invert(is_refused))
    places = places_of(ledger)
    recipe = Recipe(
        "cluster",
        {
            "rules": [
                {"name": r.name, "version": r.version, "parameters": dict(r.parameters)} for r in chosen
            ],
            "veto": dict(refused.recipe.as_dict()) if isinstance(refused, CoinJoins) else list(refused),
        },
        inputs=[ledger.digest],
    )
    vetoed = _with_reasons(proposed.filter(is_refused), refused)
    return Clustering(ledger, places, links, vetoed, _join(links, places, ledger), recipe)


def _chosen(rules: Collection[str | Heuristic] | None) -> list[Heuristic]:
    found: list[Heuristic] = []
    for rule in [MultiInput()] if rules is None else rules:
        made = registry.load(_GROUP, rule) if isinstance(rule, str) else rule
        made = made() if isinstance(made, type) else made
        if not isinstance(made, Heuristic):
            raise PluginError(
                f"{rule!r} is not a heuristic", hint="it needs name, version, parameters, links()"
            )
        found.append(made)
    names = [rule.name for rule in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"two rules are called {twice[0]!r}", hint="a link must say which rule made it")
    return found


def _txids(veto: Collection[str]) -> tuple[str, ...]:
    for txid in veto:
        if not is_txid(txid):
            raise BadInput(f"not a txid in the veto: {txid!r}", hint="give 64 lower-case hex digits each")
    return tuple(sorted(set(veto)))


def _links(rule: Heuristic, ledger: Ledger) -> pa.Table:
    links = rule.links(ledger)
    if not links.schema.equals(schema.LINKS) or pc.any(pc.not_equal(links["rule"], rule.name)).as_py():
        raise PluginError(
            f"the links of {rule.name!r} are not of the agreed form",
            hint="the columns of schema.LINKS, with its own name as the rule",
        )
    return links


def _with_reasons(links: pa.Table, refused: CoinJoins | tuple[str, ...]) -> pa.Table:
    if isinstance(refused, CoinJoins):
        verdicts = [refused[txid] for txid in links["txid"].to_pylist()]
        why = [(verdict.family, "; ".join(verdict.reasons)) for verdict in verdicts]
    else:
        why = [("veto", "named in the veto")] * links.num_rows
    columns = [pa.array([entry[part] for entry in why], pa.string()) for part in (0, 1)]
    return pa.Table.from_arrays([*links.columns, *columns], schema=VETOED)


def _join(links: pa.Table, places: Places, ledger: Ledger) -> npt.NDArray[np.int64]:
    """Return for each place the smallest place that any number of links joins it with."""
    root = list(range(len(places)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    _, _, first, second = places.ends(links, ledger)
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        one, other = find(a), find(b)
        if one != other:
            root[max(one, other)] = min(one, other)
    return np.array([find(place) for place in range(len(places))], dtype=np.int64)
