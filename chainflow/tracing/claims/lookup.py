"""Which transaction a row speaks of; where it names none, the only one in evidence that can be meant."""

from __future__ import annotations

from collections.abc import Mapping

from chainflow.networks import network_of
from chainflow.tracing.claims.judged import Judged, addresses_of
from chainflow.tracing.claims.rows import ClaimedHop
from chainflow.tracing.claims.seen import Evidence, Payment, Seen
from chainflow.tracing.claims.stated import Amount
from chainflow.units import counted

__all__ = ["find"]

_COINS = 8


def find(judged: Judged, evidences: Mapping[str, Evidence]) -> None:
    """Find the transaction that a row speaks of; where it names none, the only one that can be meant."""
    hop = judged.hop
    for fault in hop.faults:
        judged.lack("unread", fault)
    found = {} if hop.txid == "" else _holding(hop.txid, evidences)
    asked = {hop.chain: evidences[hop.chain]} if hop.chain in evidences else evidences
    here = {chain: seen for chain, seen in found.items() if hop.chain in ("", chain)}
    if not hop.txid and (not hop.chain or hop.chain in evidences):
        _search(judged, asked)
    elif len(here) == 1:
        ((chain, seen),) = here.items()
        judged.evidence, judged.seen = evidences[chain], seen
    elif here:
        judged.lack("txid", f"{hop.txid} is on {counted(len(here), 'chain')}: name the chain")
    elif hop.chain and hop.chain not in evidences:
        judged.lack("not-in-evidence", f"nothing of the chain {hop.chain} is in evidence{_elsewhere(found)}")
    else:
        judged.evidence = next(iter(asked.values())) if len(asked) == 1 else None
        judged.lack("not-in-evidence", f"{hop.txid} is not in evidence: fetch it{_elsewhere(found)}")


def _holding(txid: str, evidences: Mapping[str, Evidence]) -> dict[str, Seen]:
    """Return the chains that hold a txid; account chains write 0x before it, which lists may leave out."""
    other = txid.removeprefix("0x") if txid.startswith("0x") else f"0x{txid}"
    found = {chain: one.find(txid) or one.find(other) for chain, one in evidences.items()}
    return {chain: seen for chain, seen in found.items() if seen is not None}


def _elsewhere(found: Mapping[str, Seen]) -> str:
    return f"; it is a transaction of {', '.join(sorted(found))}" if found else ""


def _search(judged: Judged, asked: Mapping[str, Evidence]) -> None:
    hop = judged.hop
    if hop.faults and not hop.payees:
        return
    found = []
    for one in asked.values():
        for address in filter(None, addresses_of(judged, one.chain, "payee")):
            found += [
                (one, seen) for txid in one.paying(address) if (seen := one.find(txid)) and _may_be(hop, seen)
            ]
    if len(found) == 1:
        judged.evidence, judged.seen = found[0]
        judged.notes.append(f"names no transaction; {found[0][1].txid} is the only one in evidence that fits")
    else:
        fitting = f"{len(found):,} in evidence fit" if found else "none in evidence fits"
        judged.lack("txid", f"names no transaction; {fitting}")


def _may_be(hop: ClaimedHop, seen: Seen) -> bool:
    """Return whether amount, block and time leave a transaction possible for a row that names none."""
    fits = hop.amount is None or any(_fits(hop.amount, one) is not False for one in seen.payments)
    is_then = hop.moment is None or seen.seconds is None or not hop.moment.differs(seen.seconds)
    return fits and is_then and (hop.height is None or hop.height == seen.height)


def _fits(amount: Amount, payment: Payment) -> bool | None:
    is_coin = payment.asset.contract is None and network_of(payment.asset.chain) is None
    return amount.fits(payment.value, _COINS if is_coin else None)
