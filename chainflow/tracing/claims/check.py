"""`check_claims`: audit somebody else's list of hops and amounts against a ledger."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chainflow.errors import BadInput
from chainflow.model import Recipe, digest_of
from chainflow.patterns import coinjoins as find_coinjoins
from chainflow.registry import plugins
from chainflow.tags import Tags
from chainflow.tracing.claims.accounts import AccountEvidence
from chainflow.tracing.claims.facts import judge
from chainflow.tracing.claims.judged import Judged
from chainflow.tracing.claims.links import Seeded, link_all
from chainflow.tracing.claims.lookup import find
from chainflow.tracing.claims.outputs import OutputEvidence
from chainflow.tracing.claims.result import ClaimCheck, checked
from chainflow.tracing.claims.rows import List, read_claims
from chainflow.tracing.claims.rule import Rules, check_rule, seeds_of
from chainflow.tracing.claims.seen import Evidence
from chainflow.tracing.claims.sums import check_continuity, check_sums
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.policies import AccountPolicy, Policy, declared_name, policy_named
from chainflow.tracing.seeds import Seeds, as_given, labelled
from chainflow.tracing.stops import Stops, collection

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["check_claims"]

_UNITS = ("coins", "base")


def check_claims(
    ledger: Ledger,
    claims: str | os.PathLike[str] | Iterable[Mapping[str, object]],
    policy: str | Policy | AccountPolicy | None = None,
    *,
    seeds: Seeds | None = None,
    stop: Tags | Collection[str] | None = None,
    coinjoins: Collection[str] | None = None,
    conversions: Conversions | None = None,
    unit: str = "coins",
) -> ClaimCheck:
    """Say of every row of somebody's list of hops whether it holds, fails and why, or cannot be said.

    Facts first: the transaction, who paid whom how much, when. Then row to row: whether each hop spends what
    the hop before paid, in time, without more going out than came in. Last the traced amounts under a rule.
    What is not in evidence is never held against the list.

    Parameters
    ----------
    ledger : Ledger
    claims : str, path or iterable of mappings
        A CSV or JSON file, or its rows; columns in `chainflow.tracing.claims.rows.COLUMNS`, any of them may
        be missing. Amounts as decimal text; hops are numbered in the direction of the money.
    policy : str, Policy or AccountPolicy, optional
        The rule that the list declares. By default the one in its column `policy`; where it declares none,
        each row is told which installed rules give its traced amount.
    seeds : as for `trace`, optional
        Where the trail begins; by default with what the first hop of each path paid, as far as it is said
        to be traced.
    stop : Tags or collection of str, optional
        Addresses of services: to go on from one is a fault where the column `through` does not say so.
    coinjoins : collection of str, optional
        Txids that no rule sees through, by default what `patterns.coinjoins` finds.
    conversions : Conversions, optional
        Evidence of changes of asset.
    unit : {"coins", "base"}
        What amounts count where neither the column nor the cell says.

    Returns
    -------
    ClaimCheck

    Raises
    ------
    BadInput
        If the list cannot be read as a whole, or the rule, unit or seeds are none.
    BadResponse
        If the file is no table.

    Examples
    --------
    >>> from chainflow import samples
    >>> from chainflow.tracing.claims import claims_of
    >>> from chainflow.tracing import trace
    >>> lesson = samples.peel_chain(length=2)
    >>> rows = claims_of(trace(lesson.ledger, lesson.seed))
    >>> check_claims(lesson.ledger, rows, "fifo", seeds=lesson.seed).holds
    True
    """
    if unit not in _UNITS:
        raise BadInput(f"no unit {unit!r}", hint=f"one of {', '.join(_UNITS)}")
    read = read_claims(claims, unit)
    rows = [Judged(hop) for hop in read.hops]
    declared = _declared(rows, policy)
    options = {"stop": stop, "coinjoins": coinjoins, "conversions": conversions}
    evidences = _evidences(ledger)
    for row in rows:
        find(row, evidences)
        judge(row, ledger)
    seeded = _seeded(evidences, seeds)
    _check_order(rows, ledger, seeded, options)
    if _conserves(declared):
        check_continuity(rows, ledger, seeded)
    check_sums(rows, ledger)
    _check_rules(rows, ledger, evidences, declared, seeds, options)
    recipe = _recipe(ledger, read, declared, seeds, {"unit": unit, **options})
    name = "" if declared is None else declared_name(declared)
    return ClaimCheck(tuple(checked(row, ledger) for row in rows), name, read.unread, recipe, ledger)


def _check_order(
    rows: list[Judged], ledger: Ledger, seeded: Seeded | None, options: Mapping[str, Any]
) -> None:
    """Check the rows against each other: what goes on from what, and what it goes through."""
    joined, stop = options["coinjoins"], options["stop"]
    link_all(
        rows,
        ledger,
        seeded,
        stops={chain: Stops.of(chain, stop, {}) for chain in ledger.chains},
        coinjoins=find_coinjoins(ledger) if joined is None else set(collection(joined)),
        conversions=options["conversions"],
    )


def _evidences(ledger: Ledger) -> dict[str, Evidence]:
    accounts = set(ledger.transfers["chain"].unique().to_pylist())
    return {
        chain: AccountEvidence(ledger, chain) if chain in accounts else OutputEvidence(ledger, chain)
        for chain in ledger.chains
    }


def _declared(
    rows: list[Judged], policy: str | Policy | AccountPolicy | None
) -> str | Policy | AccountPolicy | None:
    """Return the rule that is declared, and note the rows that declare another one."""
    declared = policy
    for row in rows:
        named = row.hop.policy
        if not named:
            continue
        if declared is None:
            declared = named
        elif named != (declared if isinstance(declared, str) else declared.name):
            name = declared if isinstance(declared, str) else declared.name
            row.fail("rule-changed", f"declares {named}, where {name} is declared for the list")
    if declared is not None:
        declared_name(declared)
    return declared


def _conserves(declared: str | Policy | AccountPolicy | None) -> bool:
    """Return whether traced value may not grow: under every rule but one that says otherwise."""
    if declared is None:
        return True
    name = declared if isinstance(declared, str) else declared.name
    if not isinstance(declared, str) or name.partition("[")[0] not in plugins("chainflow.policies"):
        return bool(getattr(declared, "conserves", True))
    return policy_named(declared).conserves


def _seeded(evidences: Mapping[str, Evidence], seeds: Seeds | None) -> Seeded | None:
    if seeds is None:
        return None
    claims = [claim for some in labelled(seeds).values() for claim in some]
    return {chain: one.seeds(claims) for chain, one in evidences.items()}


def _check_rules(
    rows: list[Judged],
    ledger: Ledger,
    evidences: Mapping[str, Evidence],
    declared: str | Policy | AccountPolicy | None,
    seeds: Seeds | None,
    options: Mapping[str, Any],
) -> None:
    """Compare traced amounts with rules, chain by chain."""
    for chain in evidences:
        here = [row for row in rows if row.evidence is not None and row.evidence.chain == chain]
        begun: tuple[Seeds, bool] = (seeds, False) if seeds is not None else seeds_of(here)
        if begun[0]:
            rules = Rules(ledger, chain, begun[0], options=options)
            check_rule(here, ledger, rules, declared, is_open=begun[1])
        else:
            for row in here:
                if row.carried is not None:
                    row.lack("rule", "where the trail begins is not known: name the seeds")


def _recipe(
    ledger: Ledger,
    read: List,
    declared: str | Policy | AccountPolicy | None,
    seeds: Seeds | None,
    options: Mapping[str, Any],
) -> Recipe:
    stop, joined, conversions = options["stop"], options["coinjoins"], options["conversions"]
    asked = {
        "file": read.name,
        "sha256": read.sha256,
        "rows": digest_of([hop.text for hop in read.hops]),
        "policy": None if declared is None else declared_name(declared),
        "seeds": None if seeds is None else as_given(labelled(seeds)),
        "stop": stop.digest if isinstance(stop, Tags) else sorted(map(str, collection(stop or ()))),
        "coinjoins": None if joined is None else sorted(collection(joined)),
        "conversions": None if conversions is None else conversions.digest,
        "unit": options["unit"],
    }
    return Recipe("check_claims", asked, inputs=[ledger.digest])
