"""The figures of a row against the evidence: what was paid, and what of it is said to be of the trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainflow.errors import BadInput
from chainflow.tracing.asset import Asset, amount_of
from chainflow.tracing.claims.judged import Judged, decimals_of, is_fee, names_of
from chainflow.tracing.claims.seen import Payment, Seen
from chainflow.tracing.claims.stated import Amount
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["match_amount", "read_traced"]

_OTHER = {"payee", "place", "payer", "asset"}


def match_amount(judged: Judged, ledger: Ledger, seen: Seen, candidates: Sequence[Payment]) -> None:
    """Find which payments come to the amount, and say how: one, several, rounded."""
    hop = judged.hop
    is_told = bool(hop.place or hop.payees or (hop.payers and judged.evidence and judged.evidence.is_account))
    judged.payments = tuple(candidates) if is_told or len(candidates) == 1 else ()
    if not candidates and (hop.amounts or is_fee(hop)) and not judged.findings:
        judged.lack("amount", f"no such payment of {seen.txid} is in evidence")
    if not hop.amounts or not candidates:
        return
    by_asset: dict[Asset, list[Payment]] = {}
    for one in candidates:
        by_asset.setdefault(one.asset, []).append(one)
    for asset in sorted(by_asset, key=str):
        if _matched(judged, ledger, by_asset[asset], is_told=is_told):
            return
    judged.payments = () if len(by_asset) > 1 else judged.payments
    if not any(finding.code in _OTHER for finding in judged.findings):  # else another payment is meant
        _contradict(judged, ledger, seen, candidates)


def _matched(judged: Judged, ledger: Ledger, paid: Sequence[Payment], *, is_told: bool) -> bool:
    """Take the payments of one asset that come to the amounts stated; `False` where none do."""
    amounts, decimals = judged.hop.amounts, decimals_of(ledger, paid[0].asset)

    def fits(value: int) -> bool:
        fitting = {one.fits(value, decimals) for one in amounts}
        return True in fitting and False not in fitting

    single = [one for one in paid if fits(one.value)]
    single = [one for one in single if one.value == amounts[0].raw(decimals)] or single
    if len(judged.hop.payees) > 1 and len({one.payee for one in paid}) > 1:
        single = []  # what several got is what they got together
    if len(single) == 1 or (single and is_told):
        judged.payments, judged.choices = tuple(single[:1]), len(single)
        if len(single) > 1:
            judged.notes.append(f"{len(single)} payments fit; the first, {single[0].name}, is taken")
    elif len(paid) > 1 and fits(sum(one.value for one in paid)):
        judged.payments = tuple(paid)
        judged.notes.append(f"the amount is the sum of {counted(len(paid), 'payment')}")
    elif single:
        judged.notes.append(f"{len(single)} payments are of this amount: which is meant is not said")
        return True
    else:
        return False
    raws = {one.raw(decimals) for one in amounts}
    if None in raws:
        judged.lack("amount", f"nobody told the decimals of {paid[0].asset}: state base units")
    elif raws != {judged.value}:
        judged.notes.append(f"rounded to the digits given: the amount is {_paid(ledger, judged.payments)}")
    return True


def _paid(ledger: Ledger, payments: Sequence[Payment]) -> str:
    return amount_of(ledger, payments[0].asset, sum(one.value for one in payments))


def _contradict(judged: Judged, ledger: Ledger, seen: Seen, candidates: Sequence[Payment]) -> None:
    """Say what was paid instead of what is claimed, and which other figure of the transaction that is."""
    amounts, assets = judged.hop.amounts, {one.asset for one in candidates}
    claimed = " and ".join(str(one.number) for one in amounts)
    if len(assets) > 1:
        judged.fail(
            "amount", f"none of the {len(candidates)} payments in {seen.txid} that fit is of {claimed}"
        )
        return
    (asset,) = assets
    decimals = decimals_of(ledger, asset)
    if decimals is None and not any(one.is_base for one in amounts):
        judged.lack("amount", f"nobody told the decimals of {asset}: state base units")
        return
    try:
        for one in amounts:
            one.raw(decimals)
    except BadInput as error:
        judged.fail("amount", error.message)
        return
    several = f" in {counted(len(candidates), 'payment')}" if len(candidates) > 1 else ""
    observed = (
        f"{_paid(ledger, candidates)}{several} in {seen.txid}{_explained(ledger, seen, asset, amounts[0])}"
    )
    if seen.knows_payees or judged.hop.place:
        judged.fail("amount", f"{claimed} is claimed, paid is {observed}")
    else:
        judged.lack("amount", f"not all of {seen.txid} is in evidence; known is {observed}")


def _explained(ledger: Ledger, seen: Seen, asset: Asset, amount: Amount) -> str:
    """Return which other figure of the transaction an amount is, "" where it is none."""
    paid = [one for one in seen.payments if one.asset == asset]
    outputs = [one for one in paid if not one.is_fee]
    others = [one for one in outputs if one.payee not in seen.payers]
    figures = (
        ("all that the transaction pays, change included", outputs),
        ("all that it pays without what returns to payers", others),
        ("all that enters it, fee included", paid),
    )
    decimals = decimals_of(ledger, asset)
    for words, some in figures:
        if len(some) > 1 and amount.fits(sum(one.value for one in some), decimals):
            return f"; the figure claimed is {words}"
    one = next((one for one in outputs if amount.fits(one.value, decimals)), None)
    return "" if one is None else f"; the figure claimed is what {one.payee} got"


def read_traced(judged: Judged, ledger: Ledger) -> None:
    """Read what the row says it carries of the trail, and check that so much was paid at all."""
    stated, assets = judged.hop.traced_amounts, {one.asset for one in judged.payments}
    is_other = len(judged.payments) > 1 and any(finding.code in _OTHER for finding in judged.findings)
    if not stated or is_other:  # of a payment that was not made, no part is of the trail
        return
    if len(assets) != 1 or judged.choices > 1:
        judged.lack("traced", "which payment carries the traced amount is not said: state its place")
        return
    (asset,) = assets
    if others := {one.sign for one in stated} - names_of(ledger, asset) - {""}:
        judged.fail("asset", f"the traced amount is said to be in {', '.join(sorted(others))}: it is {asset}")
        return
    decimals = decimals_of(ledger, asset)
    try:
        read = [(raw, one.slack(decimals)) for one in stated if (raw := one.raw(decimals)) is not None]
    except BadInput as error:
        judged.fail("more-than-paid", error.message)
        return
    if len(read) < len(stated):
        judged.lack("traced", f"nobody told the decimals of {asset}: state base units")
        return
    raw, slack = judged.carried = read[0]
    if any(abs(raw - other) > slack + more for other, more in read):
        judged.fail("amount", "states two traced amounts that differ")
    if raw - slack > judged.value:
        claimed, paid = (amount_of(ledger, asset, one) for one in (raw, judged.value))
        judged.fail("more-than-paid", f"{claimed} is said to be traced, {paid} was paid")
