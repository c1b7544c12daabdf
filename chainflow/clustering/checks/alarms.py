"""Alarms: signs that a clustering has merged too much, each with a sentence; none of them is a proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chainflow import cards
from chainflow.clustering.checks.bridges import bridges_of
from chainflow.clustering.engine.claims import Bools, Claims
from chainflow.clustering.engine.terms import JOINING
from chainflow.clustering.rules import Kind
from chainflow.errors import BadInput
from chainflow.patterns import Verdict, coinjoins
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Alarm", "Alarms", "alarms_of"]

_SUPER, _SUPER_SMALL = 100, 10
"""A cluster of so few addresses is no super-cluster, in a large ledger and in any."""
_PARTS = 3, 10
"""Least and greatest size from which on both parts of a bridge are large, as long as nobody says another."""
_SMALL_PART = 20

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to look at before relying on a cluster.

    Attributes
    ----------
    kind : str
        `super-cluster`, `coinjoin`, `several-actors`, `single-bridge` or `quarantined`.
    cluster : str
        The cluster it is about; "" for the last of a kind, which says how many more there are.
    txids : tuple of str
        The transactions to look at, where there are any.
    sentence : str
        What was found, in words.
    """

    kind: str
    cluster: str
    txids: tuple[str, ...]
    sentence: str


class Alarms(tuple[Alarm, ...]):
    """All alarms of a clustering: a tuple that a notebook shows as a table."""

    __slots__ = ()

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per alarm: `kind`, `cluster`, `txids`, `sentence`."""
        return pd.DataFrame(
            [astuple(alarm) for alarm in self], columns=["kind", "cluster", "txids", "sentence"]
        )

    def _repr_html_(self) -> str:
        rows = [(alarm.kind, alarm.sentence) for alarm in self]
        note = "What to look at before relying on these clusters; no alarm is no proof that all is well."
        return cards.card(f"Alarms: {len(self):,}", rows, header=("kind", "why") if rows else (), note=note)


def alarms_of(owners: Clustering, *, share: float, least: int | None, most: int) -> Alarms:
    """Return the alarms of each kind that are about most addresses; see `Clustering.alarms`."""
    if most < 1:
        raise BadInput(f"not a number of alarms: most={most}", hint="1 or more of each kind")
    if least is None:
        least = int(np.clip(len(owners.places) // _SMALL_PART, *_PARTS))
    kinds = (
        _super_clusters(owners, share),
        _coinjoins(owners),
        _several_actors(owners),
        _single_bridges(owners, least),
        _quarantined(owners),
    )
    return Alarms(alarm for found in kinds for alarm in _first(list(found), most))


def _first(found: Sequence[Alarm], most: int) -> Iterator[Alarm]:
    """Yield the first alarms of a kind, and one that says how many more there are."""
    yield from found[:most]
    if len(found) > most:
        kind, more = found[0].kind, len(found) - most
        said = f"There {'is' if more == 1 else 'are'} {counted(more, 'more alarm')} of the kind {kind}, "
        yield Alarm(kind, "", (), f"{said}about smaller parts: `alarms(most={len(found):,})` lists them.")


def _super_clusters(owners: Clustering, share: float) -> Iterator[Alarm]:
    count = len(owners.places)
    limit = max(min(max(share * count, _SUPER - 1), max(share, 0.5) * count), _SUPER_SMALL)
    for name, size in owners.sizes.items():
        if size <= limit:
            return
        said = f"The cluster {name} holds {size:,} of {count:,} addresses ({size / count:.0%})"
        yield Alarm("super-cluster", name, (), f"{said}: what was merged falsely looks like this.")


def _coinjoins(owners: Clustering) -> Iterator[Alarm]:
    """Yield the clusters that rest on transactions of the shape of a CoinJoin: nothing vetoed them."""
    if owners.terms.veto_kind == "default":
        return
    verdicts = coinjoins(owners.ledger)
    links = owners.used.only(_is_guessed(owners, owners.used))
    found: dict[int, dict[str, Verdict]] = {}
    for root, link in zip(owners.roots[links.a].tolist(), links.link.tolist(), strict=True):
        verdict = verdicts.get(links.table["txid"][link].as_py())
        if verdict is not None:
            found.setdefault(root, {}).setdefault(verdict.txid, verdict)
    sizes = np.bincount(owners.roots, minlength=len(owners.places))
    for root, held in sorted(found.items(), key=lambda entry: (-sizes[entry[0]], entry[0])):
        name, families = owners.places.name(root), sorted({verdict.family for verdict in held.values()})
        more = f" and {len(held) - _NAMED:,} more" if len(held) > _NAMED else ""
        said = (
            f"The cluster {name} of {counted(int(sizes[root]), 'address')} rests on "
            f"{counted(len(held), 'transaction')} of the shape of a CoinJoin ({', '.join(families)}) that no veto "
            f"stopped: {', '.join(list(held)[:_NAMED])}{more}."
        )
        yield Alarm("coinjoin", name, tuple(held), f"{said} Several people make such a transaction together.")


def _is_guessed(owners: Clustering, claims: Claims) -> Bools:
    """Return which links are of a kind that a CoinJoin makes wrong."""
    ranks = owners.terms.ranks(claims)
    return np.isin(ranks, [JOINING.index(kind) for kind in (Kind.CO_SPEND, Kind.CHANGE)])


def _several_actors(owners: Clustering) -> Iterator[Alarm]:
    actors: dict[int, dict[str, str]] = {}
    for place, said in sorted(owners.constraints.actors.items()):
        actors.setdefault(int(owners.roots[place]), {}).update(said)
    for root, held in sorted(actors.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        if len(held) > 1:
            named = ", ".join(f"{actor!r} ({who})" for actor, who in sorted(held.items()))
            name = owners.places.name(root)
            yield Alarm("several-actors", name, (), f"Tags name several actors in {name}: {named}.")


def _single_bridges(owners: Clustering, least: int) -> Iterator[Alarm]:
    counts = np.bincount(owners.roots, minlength=len(owners.places))
    for bridge in bridges_of(owners, np.flatnonzero(counts >= 2 * least), least=least):
        txids = (bridge.txid,) if bridge.txid else ()
        yield Alarm("single-bridge", bridge.cluster, txids, bridge.sentence)


def _quarantined(owners: Clustering) -> Iterator[Alarm]:
    """Yield what is in quarantine; what would join the largest clusters first."""
    sizes, unused = np.bincount(owners.roots, minlength=len(owners.places)), owners.unused
    smaller = np.minimum(*(sizes[owners.roots[side]] for side in (unused.a, unused.b)))
    found: dict[tuple[str, str, str], str] = {}
    columns = [owners.refused[name].to_pylist() for name in ("txid", "rule", "reason", "by")]
    for claim in np.argsort(-smaller, kind="stable").tolist():
        txid, rule, reason, by = (column[int(unused.link[claim])] for column in columns)
        if by == "quarantine":
            found.setdefault((txid, rule, reason), owners.places.name(int(owners.roots[unused.a[claim]])))
    for (txid, rule, reason), name in found.items():
        yield Alarm("quarantined", name, (txid,), f"The links of {txid} ({rule}) were set aside: {reason}.")
