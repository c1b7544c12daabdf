"""Heuristics propose, patterns veto, decisions and constraints overrule, union-find joins: `cluster()`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.clustering.checks.bounds import restricted
from chainflow.clustering.checks.bridges import quarantined
from chainflow.clustering.clustering import Clustering
from chainflow.clustering.decisions import DECISION, Decision
from chainflow.clustering.engine.asserted import in_force, refuse_contradictions, same_owner
from chainflow.clustering.engine.claims import REFUSED, Bools, Claims, Ints
from chainflow.clustering.engine.constraints import Constraint, Constraints, of_decisions, of_tags, refusals
from chainflow.clustering.engine.known_payments import known_payments as payments_of
from chainflow.clustering.engine.places import Places, places_of
from chainflow.clustering.engine.terms import JOINING, Terms
from chainflow.clustering.engine.union import roots_of
from chainflow.clustering.engine.vetoes import Vetoes, vetoes
from chainflow.clustering.rules import Heuristic, Kind, about, chosen
from chainflow.errors import PluginError
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.tags import Tags
from chainflow.units import whole_number

__all__ = ["DEFAULT_RULES", "cluster", "proposals", "settle"]

DEFAULT_RULES = ("multi-input",)
"""The cautious preset."""

_CERTAIN = JOINING.index(Kind.ASSERTED)
"""Up to here a link's rank in `JOINING` means that nothing refuses it."""


def cluster(
    ledger: Ledger,
    rules: Collection[str | Heuristic] | None = None,
    *,
    veto: Collection[str] | None = None,
    tags: Tags | None = None,
    min_confidence: int = 50,
    decisions: Collection[Decision] = (),
    apart: Collection[Constraint] = (),
    known_payments: bool = False,
    quarantine: int | None = 100,
) -> Clustering:
    """Return the addresses of a ledger, grouped into clusters by declared rules.

    A cluster says: *under these rules* these addresses share an owner. It says nothing about who that is,
    and nothing about transactions that are not in the ledger. Addresses on two chains are never joined.

    Links are taken in this order: exact ones, decisions, common input in spending order, behaviour of
    accounts, change in spending order. Only where a constraint refuses links does the order matter.

    Parameters
    ----------
    rules : collection of str or Heuristic, optional
        Names of installed rules, or rule objects. By default `DEFAULT_RULES`.
    veto : collection of str, optional
        Txids whose common-input and change links do not count. By default what `patterns.coinjoins`
        finds, the ambiguous shapes included, and for change links PayJoin suspects and batch payouts
        too (CH-20). `()` for no veto at all.
    tags : Tags, optional
        Addresses that they give to different actors are kept apart (C-5a): no inferred link joins two
        clusters of which each has an actor that the other has not.
    min_confidence : int
        The confidence score below which a tag constrains nothing; see `tags.CONFIDENCE`.
    decisions : collection of Decision
        An analyst's; of several on one pair the last holds. `same` joins, `different` keeps apart.
    apart : collection of Constraint
        Further pairs to keep apart.
    known_payments : bool
        Whether the other outputs of a transaction whose change is known are kept apart from its sender
        (C-5b). That is a guess: it binds change links only.
    quarantine : int, optional
        A transaction that alone holds parts of at least so many addresses together does not count
        (C-6); `None` for no quarantine.

    Raises
    ------
    BadInput
        If two rules have one name, a veto is not a txid, or a number is out of range.
    PluginError
        If a rule is not installed, or does not keep to the form above.
    SeedUnknown, AddressInvalid
        If a decision is about an address that is not in the ledger, or is none.
    ContradictoryDecisions
        If two addresses are decided to be different which other decisions or exact links make the same.

    Examples
    --------
    >>> from chainflow import samples
    >>> cluster(samples.peel_chain(length=2).ledger).refused.num_rows
    0
    """
    if quarantine is not None:
        quarantine = whole_number(quarantine, "addresses for the quarantine", least=1)
    min_confidence = whole_number(min_confidence, "points of confidence", most=100)
    picked, places = chosen(DEFAULT_RULES if rules is None else rules), places_of(ledger)
    asked = Terms(
        picked,
        veto,
        tags,
        min_confidence,
        in_force(places, decisions),
        tuple(sorted(apart)),
        known_payments,
        quarantine,
    )
    return settle(ledger, places, places.claims(proposals(ledger, picked)), asked)


def proposals(ledger: Ledger, rules: Collection[Heuristic]) -> pa.Table:
    """Return the links that rules propose, rule by rule.

    Raises
    ------
    PluginError
        If the links of a rule are not of the agreed form.
    """
    return pa.concat_tables([schema.LINKS.empty_table(), *(_links(rule, ledger) for rule in rules)])


def _links(rule: Heuristic, ledger: Ledger) -> pa.Table:
    links = rule.links(ledger)
    is_own = isinstance(links, pa.Table) and links.schema.equals(schema.LINKS)
    if rule.name == DECISION or not is_own or pc.any(pc.not_equal(links["rule"], rule.name)).as_py():
        raise PluginError(
            f"the links of {rule.name!r} are not of the agreed form",
            hint="the columns of schema.LINKS, with its own name as the rule",
        )
    return links


def settle(ledger: Ledger, places: Places, proposed: Claims, terms: Terms) -> Clustering:
    """Return the clustering that proposed links make under these terms.

    Vetoes come first, then constraints, then the quarantine: what a reader learns of a refused link is the
    most particular reason. At last what the terms leave out of the whole: transactions, or all that is no
    part of the lower bound.
    """
    base = replace(terms, is_lower_bound=False, without=())
    kinds = [about(rule).kind for rule in terms.rules]
    refusing = vetoes(ledger, terms.veto, has_change=Kind.CHANGE in kinds)
    claims = Claims.together([proposed, same_owner(places, terms.decisions)])
    claims = claims.ordered(terms.ranks(claims))
    sieve = _Sieve(claims, terms.ranks(claims))
    sieve.veto(refusing)
    certain, _ = sieve.left(up_to=_CERTAIN)
    refuse_contradictions(places, certain, terms.decisions)
    constraints = _constraints(ledger, places, sieve, terms)
    left, rows = sieve.left()
    is_certain, is_change = sieve.ranks[rows] <= _CERTAIN, sieve.ranks[rows] == JOINING.index(Kind.CHANGE)
    sieve.refuse(
        rows, "constraint", refusals(places, left, constraints, certain=is_certain, change=is_change)
    )
    if terms.quarantine is not None:
        left, rows = sieve.left()
        is_certain = sieve.ranks[rows] <= _CERTAIN
        bad = quarantined(left, len(places), least=terms.quarantine, certain=is_certain)
        sieve.refuse(rows, "quarantine", bad)
    used, _ = sieve.left()
    whole = Clustering(
        ledger=ledger,
        places=places,
        used=used,
        unused=claims.only(~sieve.keep),
        refused=sieve.refused(),
        roots=roots_of(len(places), used.a, used.b),
        recipe=Recipe("cluster", base.parameters(refusing.recipe), inputs=[ledger.digest]),
        terms=base,
        constraints=constraints,
    )
    return restricted(whole, terms)


def _constraints(ledger: Ledger, places: Places, sieve: _Sieve, terms: Terms) -> Constraints:
    """Return what keeps places apart, of all sources that the terms name."""
    change, _ = sieve.left(only=JOINING.index(Kind.CHANGE))
    return Constraints(
        of_decisions(places, terms.decisions, terms.apart),
        payments_of(ledger, places, change) if terms.known_payments else {},
        of_tags(places, terms.tags, min_confidence=terms.min_confidence),
    )


class _Sieve:
    """Ordered claims, and which of them are refused so far, by what and why."""

    def __init__(self, claims: Claims, ranks: Ints) -> None:
        self.claims, self.ranks = claims, ranks
        self.keep: Bools = np.ones(claims.table.num_rows, dtype=np.bool_)
        self.why: dict[int, tuple[str, str]] = {}

    def left(self, *, up_to: int | None = None, only: int | None = None) -> tuple[Claims, Ints]:
        """Return the claims that are not refused, and their rows; of some ranks where asked."""
        mask = self.keep.copy()
        if up_to is not None:
            mask &= self.ranks <= up_to
        if only is not None:
            mask &= self.ranks == only
        return self.claims.only(mask), np.flatnonzero(mask)

    def veto(self, refusing: Vetoes) -> None:
        """Refuse the links of vetoed transactions."""
        rows = np.flatnonzero(refusing.refused(self.claims.table, self.ranks))
        txids = self.claims.table["txid"].take(pa.array(rows)).to_pylist()
        ranks = self.ranks[rows].tolist()
        for row, txid, rank in zip(rows.tolist(), txids, ranks, strict=True):
            self.why[row] = refusing.why(txid, JOINING[rank])
        self.keep[rows] = False

    def refuse(self, rows: Ints, by: str, reasons: dict[int, str]) -> None:
        """Refuse links; `reasons` are by place among `rows`."""
        for place, reason in reasons.items():
            self.why[int(rows[place])] = (by, reason)
            self.keep[rows[place]] = False

    def refused(self) -> pa.Table:
        """Return the refused links with what refused them and why."""
        table = self.claims.table.filter(pa.array(~self.keep))
        why = [self.why[row] for row in sorted(self.why)]
        columns = [pa.array([entry[part] for entry in why], pa.string()) for part in (0, 1)]
        return pa.Table.from_arrays([*table.columns, *columns], schema=REFUSED)
