"""One row of a list against the evidence: who paid whom, when, and how well that is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chainflow.ledger.balances import tokens_of
from chainflow.tracing.claims.amounts import match_amount, read_traced
from chainflow.tracing.claims.judged import NOBODY, Judged, addresses_of, is_fee, names_of
from chainflow.tracing.claims.seen import Payment, Seen

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["judge"]

_BURNT = "script:6a"


def judge(judged: Judged, ledger: Ledger) -> None:
    """Check what a row says of its own transaction."""
    seen = judged.seen
    if seen is None:
        return
    _standing(judged, seen)
    candidates = _of_asset(judged, ledger, seen)
    candidates = _payer(judged, seen, candidates)
    candidates = _payee(judged, seen, candidates)
    match_amount(judged, ledger, seen, candidates)
    _block(judged, seen)
    read_traced(judged, ledger)


def _standing(judged: Judged, seen: Seen) -> None:
    """Check how well the transaction is known, and that it happened."""
    said = judged.hop.standing
    if seen.disputes:
        sentence = f"sources disagree about {seen.txid}: {'; '.join(seen.disputes[:3])}"
        is_open = seen.is_disputed and "disputed" not in said
        judged.lack("disputed", sentence) if is_open else judged.notes.append(sentence)
    if seen.outcome is False:
        judged.fail("failed", f"{seen.txid} failed: nothing moved")
    elif seen.outcome is None and seen.level is not None:
        judged.lack("outcome", f"nobody said whether {seen.txid} succeeded")
    if seen.level is not None and not seen.is_confirmed:
        told = "is in no block yet" if seen.is_confirmed is False else "is in no known block"
        sentence = f"{seen.txid} {told}, as far as sources were asked"
        judged.notes.append(sentence) if "unconfirmed" in said else judged.lack("unconfirmed", sentence)


def _of_asset(judged: Judged, ledger: Ledger, seen: Seen) -> list[Payment]:
    """Return the payments in the asset that the row names, all of them where it names none."""
    hop = judged.hop
    wanted = {hop.asset.lower(), *(amount.sign for amount in hop.amounts)} - {NOBODY}
    payments = [one for one in seen.payments if one.is_fee == is_fee(hop)]
    found = [one for one in payments if wanted <= names_of(ledger, one.asset)]
    if not found and payments:
        assets = ", ".join(sorted({str(one.asset) for one in payments}))
        named = " and ".join(sorted(wanted))[:60]
        judged.fail("asset", f"nothing in {seen.txid} is in {named}: it moved {assets}")
    for one in sorted({one.asset for one in found if one.asset.contract is not None}, key=str):
        symbol, _ = tokens_of(ledger).get((one.chain, str(one.contract)), ("", None))
        if symbol and symbol.lower() in wanted:
            judged.notes.append(f"{symbol} is what a source calls the token {one.contract}")
    return found or payments


def _payer(judged: Judged, seen: Seen, candidates: list[Payment]) -> list[Payment]:
    """Check that those who are said to pay do, and return what they pay, which only accounts tell."""
    payers = addresses_of(judged, seen.chain, "payer")
    is_made = seen.knows_payers and any(not one.payers for one in seen.payments)
    for payer in payers:
        if payer in seen.payers or (payer == NOBODY and is_made):
            continue
        if seen.knows_payers:
            judged.fail("payer", f"{_name(payer)} does not pay in {seen.txid}: {_shown(seen.payers)} does")
        else:
            judged.lack("payer", f"not all who pay in {seen.txid} are in evidence")
    if not payers or judged.evidence is None or not judged.evidence.is_account:
        return candidates
    if judged.hop.spends is not None:
        judged.lack("link", "an account chain has no outputs: what the row says is spent cannot be")
    paid = [one for one in candidates if (one.payers or {NOBODY}).intersection(payers)]
    if not paid and candidates and not any(finding.code == "payer" for finding in judged.findings):
        judged.fail("payer", f"{_shown(payers)} pays none of what the row names in {seen.txid}")
    return paid or candidates


def _payee(judged: Judged, seen: Seen, candidates: list[Payment]) -> list[Payment]:
    """Check that those who are said to be paid are, at the place that is named, and return what they got."""
    place, payees = judged.hop.place, () if is_fee(judged.hop) else addresses_of(judged, seen.chain, "payee")
    if place:
        there = [one for one in candidates if one.place in (place, f"log:{place}")]
        if not there:
            known = (
                "has no such place" if seen.knows_payees else "is not whole in evidence, or has no such place"
            )
            (judged.fail if seen.knows_payees else judged.lack)("place", f"{place}: {seen.txid} {known}")
            return [one for one in candidates if _gets(one, payees)] or candidates
        candidates = there
    for payee in payees:
        if any(_gets(one, (payee,)) for one in candidates):
            continue
        where = f"{seen.txid}:{place}" if place else seen.txid
        if seen.knows_payees or (place and candidates):
            paid = _shown({one.payee for one in candidates if one.payee is not None})
            judged.fail("payee", f"{where} does not pay {_name(payee)}: it pays {paid}")
        else:
            judged.lack("payee", f"not all outputs of {seen.txid} are in evidence")
    return [one for one in candidates if _gets(one, payees)] or candidates


def _gets(payment: Payment, payees: Sequence[str]) -> bool:
    is_burnt = payment.payee is None or payment.payee.startswith(_BURNT)
    return payment.payee in payees or (is_burnt and NOBODY in payees)


def _block(judged: Judged, seen: Seen) -> None:
    hop = judged.hop
    if hop.height is not None and seen.height is None:
        judged.lack("height", f"the block of {seen.txid} is not known")
    elif hop.height is not None and hop.height != seen.height:
        judged.fail("height", f"block {hop.height:,} is claimed, {seen.txid} is in block {seen.height:,}")
    if hop.moment is None:
        return
    if seen.seconds is None:
        judged.lack("time", f"the time of {seen.txid} is not known")
    elif differs := hop.moment.differs(seen.seconds):
        judged.fail("time", f"the block of {seen.txid} is of {differs}")
    elif not hop.moment.is_zoned:
        judged.notes.append("the time names no zone and was read as UTC")


def _name(address: str) -> str:
    return address or "nobody"


def _shown(names: Iterable[str]) -> str:
    some = sorted(map(_name, names))
    more = f" and {len(some) - 3:,} more" if len(some) > 3 else ""
    return f"{', '.join(some[:3])}{more}" if some else "nobody that is known"
