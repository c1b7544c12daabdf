"""What a row goes through that no rule sees through, and whether the row says so.

Only the column `through` says it, in the words of `THROUGH`: a label or a remark excuses nothing, as
"no exchange was involved" names one too.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from chainflow.model import EndReason
from chainflow.tracing.claims.judged import Judged
from chainflow.tracing.claims.seen import Finding, Payment
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.stops import Stops

__all__ = ["check_passages", "converted"]

_MIXES = frozenset({"mixer", "coinjoin"})  # tags hardly tell the two apart
_WORDS = {
    EndReason.MIXER: _MIXES,
    EndReason.BRIDGE: frozenset({"bridge"}),
    EndReason.SERVICE: frozenset({"service"}),
}
_CONVERTS = frozenset({"conversion", "bridge"})


def converted(
    row: Judged, before: Sequence[Payment], found: Finding, conversions: Conversions | None
) -> Finding | None:
    """Return what speaks against a change of asset: nothing where a conversion in evidence explains it."""
    row.met |= _CONVERTS
    own = row.hop.txid if row.seen is None else row.seen.txid
    paid = {payment.name.partition(":")[0] for payment in before} | {own}
    for one in () if conversions is None else conversions.followed:
        if one.paid.txid in paid and one.received.txid == own:
            row.notes.append(
                f"the asset changes by a conversion: {one.paid} → {one.received} ({one.evidence})"
            )
            return None
    if row.hop.through & _CONVERTS:
        return found._replace(
            sentence=f"{found.sentence}; a conversion is stated, evidence of it was not given", is_fault=False
        )
    return found._replace(sentence=f"{found.sentence}, and no conversion is stated")


def check_passages(
    row: Judged, stops: Mapping[str, Stops], coinjoins: Container[str], *, seeds: Container[int]
) -> None:
    """Note what no rule sees through and the row does not state, and what it states without evidence.

    Who names a payment as a seed begins there knowingly, whoever holds it.
    """
    hop, seen = row.hop, row.seen
    if seen is None:
        return
    if seen.txid in coinjoins and (row.before or hop.payers or hop.spends):
        sentence = f"{seen.txid} looks like a CoinJoin: no rule sees which input paid which output"
        _pass(row, "coinjoin", sentence, _MIXES)
    places = stops.get(seen.chain)
    before = (payment for one in row.before for payment in one.payments if payment.key not in seeds)
    passed = sorted({str(one.payee) for one in before if one.payee and _goes_on(row, one)})
    for address in passed if places else ():
        reason = places.at(address) if places else None
        if reason is not None:
            sentence = f"goes on from {address}, tagged as {reason}: inside, the chain does not lead"
            _pass(row, reason.value, sentence, _WORDS.get(reason, _WORDS[EndReason.SERVICE]))
    for word in sorted(hop.through - row.met):
        row.lack("through", f"it is said to go through a {word}; nothing in evidence shows one there")


def _goes_on(row: Judged, payment: Payment) -> bool:
    """Return whether a row goes on with a payment, not with another one of the hop before."""
    if row.evidence is None or row.seen is None:
        return False
    if not row.evidence.is_account:
        return row.evidence.spender(payment) == row.seen.txid
    return any(payment.payee in one.payers for one in row.payments or row.seen.payments)


def _pass(row: Judged, code: str, sentence: str, words: frozenset[str]) -> None:
    row.met |= words
    if row.hop.through & words:
        row.notes.append(f"{sentence}; the row says so")
    else:
        row.fail(code, sentence)
