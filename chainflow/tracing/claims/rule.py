"""The traced amounts of a list against a rule: the one that is declared, and which others give each figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainflow import registry
from chainflow.errors import BadInput
from chainflow.model import EndReason
from chainflow.tracing.accounts.result import AccountTrace
from chainflow.tracing.asset import amount_of
from chainflow.tracing.claims.judged import Judged
from chainflow.tracing.claims.outputs import fee_key
from chainflow.tracing.follow import trace
from chainflow.tracing.policies import AccountPolicy, Policy
from chainflow.tracing.result import Trace
from chainflow.tracing.route import FEE
from chainflow.tracing.seeds import Claim, Seeds

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Rules", "check_rule", "seeds_of"]

_OPEN = {EndReason.UNKNOWN, EndReason.DISPUTED, EndReason.UNCONFIRMED}


@dataclass(frozen=True, slots=True)
class _Expected:
    """What one rule gives: by payment, by (what was spent, payment), and what ended unknown after which place."""

    at: Mapping[int, int]
    parts: Mapping[tuple[str, int], int]
    unknown: Sequence[tuple[int, int]]

    def figures(self, row: Judged) -> list[int]:
        """Return what a row can mean: the part from what it says was spent, else all or the part of its path."""
        keys = [payment.key for payment in row.payments]
        if row.hop.spends is not None and self.parts:
            return [self._part({str(row.hop.spends)}, keys)]
        sources = {payment.name for before in row.before for payment in before.payments}
        whole = sum(self.at.get(key, 0) for key in keys)
        return [whole, *([self._part(sources, keys)] if sources and self.parts else [])]

    def _part(self, sources: Collection[str], keys: Sequence[int]) -> int:
        return sum(self.parts.get((source, key), 0) for source in sources for key in keys)

    def lost_before(self, row: Judged) -> int:
        """Return how much ended in what is not in evidence before a row: that may have come back to it."""
        return sum(amount for place, amount in self.unknown if place < row.payments[0].order[0])

    def fits(self, row: Judged) -> bool:
        """Return whether the figure of a row is one that the rule gives."""
        raw, slack = row.carried or (0, 0)
        return any(abs(figure - raw) <= slack for figure in self.figures(row))


class Rules:
    """What the installed rules give for a list, each traced once and only when it is asked for."""

    def __init__(self, ledger: Ledger, chain: str, seeds: Seeds, *, options: Mapping[str, Any]) -> None:
        self.ledger, self.chain, self.seeds, self.options = ledger, chain, seeds, options
        self._found: dict[str, _Expected | None] = {}

    def names(self, *, is_account: bool) -> list[str]:
        """Return the installed rules of this kind of chain."""
        return list(registry.plugins("chainflow.account_policies" if is_account else "chainflow.policies"))

    def expected(self, policy: str | Policy | AccountPolicy) -> _Expected | None:
        """Return what a rule gives, `None` where a name is of the other kind of chain."""
        name = policy if isinstance(policy, str) else policy.name
        if name not in self._found:
            trail = trace(self.ledger, self.seeds, policy, **self.options)
            legs = [leg for leg in (trail, *trail.legs) if leg.chain == self.chain]
            self._found[name] = _expected(legs[0]) if legs else None
        return self._found[name]


def _expected(trail: Trace) -> _Expected:
    walk = trail._walk
    is_account = isinstance(trail, AccountTrace)
    unknown = [
        (mark.event, mark.tainted_raw) if is_account else (mark.tx, mark.tainted_sat)
        for mark in walk.ends
        if mark.reason in _OPEN
    ]
    parts: dict[tuple[str, int], int] = {}
    if isinstance(trail, AccountTrace):
        at = {mark.event: mark.tainted_raw for mark in walk.marks}
        for move in trail.moves:
            at[move.event] = move.tainted_raw
        return _Expected(at, parts, unknown)
    at = {mark.row: mark.tainted_sat for mark in walk.marks}
    for tx, flows in walk.flows().items():
        for source, target, amount in flows:
            key = fee_key(tx) if target == FEE else target
            name = trail._name(source)
            parts[name, key] = parts.get((name, key), 0) + amount
            if target == FEE:
                at[key] = at.get(key, 0) + amount
    return _Expected(at, parts, unknown)


def seeds_of(rows: Sequence[Judged]) -> tuple[dict[str, list[Claim]], bool]:
    """Return what a list begins with, and whether it leaves open which units those are.

    That is the coin which the first hop of each path spends, where it names one; else what it paid, whole. A
    part of a payment says how much and not which units: other money came with it.
    """
    found: dict[str, list[Claim]] = {}
    taken: set[str] = set()
    is_open = False
    for row in rows:
        is_first = (
            not row.before and not row.hop.is_sum and not any(one.code == "link" for one in row.findings)
        )
        if not is_first or len(row.payments) != 1 or row.payments[0].is_fee:
            continue
        claim, is_part = _beginning(row)
        if claim is not None and claim.where not in taken:
            taken.add(claim.where)
            is_open |= is_part
            found.setdefault(row.hop.path or "the first hop", []).append(claim)
    return found, is_open


def _beginning(row: Judged) -> tuple[Claim | None, bool]:
    """Return what one first hop begins with, and whether that is a part of a payment."""
    payment = row.payments[0]
    if row.hop.spends is not None and row.evidence is not None and not row.evidence.is_account:
        return Claim(str(row.hop.spends)), False
    raw = payment.value if row.carried is None else min(payment.value, row.carried[0])
    is_whole = row.carried is None or abs(row.carried[0] - payment.value) <= row.carried[1]
    return (Claim(payment.name, None if is_whole else raw), not is_whole) if raw else (None, False)


def check_rule(
    rows: Sequence[Judged],
    ledger: Ledger,
    rules: Rules,
    policy: str | Policy | AccountPolicy | None,
    *,
    is_open: bool = False,
) -> None:
    """Compare what rows say is traced with what a rule gives; without a rule, say which ones fit each row.

    With `is_open` the list does not say which units it begins with: then no figure fails by a rule.
    """
    told = [row for row in rows if row.carried is not None]
    if not told:
        return
    is_account = told[0].evidence is not None and told[0].evidence.is_account
    if policy is not None:
        _declared(told, ledger, rules, policy, is_open=is_open)
    if policy is None or any(one.code == "rule" for row in told for one in row.findings):
        for row in told:
            row.fits = tuple(
                name for name in rules.names(is_account=is_account) if _is_given(rules, name, row)
            )
        if not is_open:
            _changed(told, is_declared=policy is not None)


def _is_given(rules: Rules, name: str, row: Judged) -> bool:
    try:
        found = rules.expected(name)
    except BadInput:  # a rule that needs parameters
        return False
    return found is not None and found.fits(row)


def _declared(
    told: Sequence[Judged],
    ledger: Ledger,
    rules: Rules,
    policy: str | Policy | AccountPolicy,
    *,
    is_open: bool,
) -> None:
    name = policy if isinstance(policy, str) else policy.name
    expected = rules.expected(policy)
    if expected is None:
        return
    for row in told:
        figures = expected.figures(row)
        row.traced = figures[0]
        raw, slack = row.carried or (0, 0)
        if any(abs(figure - raw) <= slack for figure in figures):
            if raw not in figures:
                row.notes.append(
                    f"the traced amount is rounded: {name} gives {_money(row, ledger, figures[0])}"
                )
            continue
        given = _money(row, ledger, figures[0])
        sentence = f"{_money(row, ledger, raw)} is said to be traced, {name} gives {given}"
        lost = expected.lost_before(row)
        if is_open:
            row.lack(
                "rule", f"{sentence} if the list begins with the first units of what was paid: name the seeds"
            )
        elif 0 < raw - slack - max(figures) <= lost:
            ended = _money(row, ledger, lost)
            row.lack(
                "rule", f"{sentence}; but {ended} ended in what is not in evidence and may have come here"
            )
        else:
            row.fail("rule", sentence)


def _money(row: Judged, ledger: Ledger, amount: int) -> str:
    return amount_of(ledger, row.payments[0].asset, amount)


def _changed(told: Sequence[Judged], *, is_declared: bool) -> None:
    """Name the first row that no rule gives together with the rows before it."""
    common: set[str] | None = None
    for row in told:
        if not row.fits:
            if not is_declared:
                row.lack("no-rule", "no rule is declared, and none that is installed gives the traced amount")
            continue
        if common is not None and not common & set(row.fits):
            before = ", ".join(sorted(common))
            row.fail("rule-changed", f"the rows before follow {before}; this one only {', '.join(row.fits)}")
            return
        common = set(row.fits) if common is None else common & set(row.fits)
