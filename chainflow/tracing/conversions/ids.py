"""Conversions by an id that stands on both sides: THORChain's memos, and tables of order or event ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from chainflow.errors import BadInput
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.held import Held, HeldTx, Movement
from chainflow.tracing.conversions.memos import Memo, parse_memo, pushed_text
from chainflow.units import counted

__all__ = ["IdRow", "MemoRow", "by_ids", "by_memos"]

_SIDES = ("paid", "received")


class MemoRow(NamedTuple):
    """A memo that is not in the ledger, as of a router's log on an EVM chain; `place` names its movement."""

    chain: str
    txid: str
    text: str
    place: str = ""


class IdRow(NamedTuple):
    """One side (`paid` or `received`) of what somebody, `source`, says is one order, message or event."""

    id: str
    chain: str
    txid: str
    side: str
    source: str
    place: str = ""


class _Said(NamedTuple):
    tx: HeldTx
    memo: Memo
    place: str


def by_memos(held: Held, rows: Iterable[MemoRow], notes: list[str]) -> Iterator[Conversion]:
    """Yield each payout whose memo names the transaction that it answers, with that transaction's payment.

    Exact: the payout carries the txid. Which output or transfer of the two transactions is meant follows from
    who was paid (not change, not a router on the way) and from the destination that the first memo names; where
    several are left all are shown.
    """
    said = [one for one in _said(held, rows) if not one.tx.is_disputed]
    asked = {_bare(one.tx.txid): one for one in said if one.memo.action == "swap"}
    by_txid: dict[str, list[HeldTx]] = {}
    for tx in held.values():
        if not tx.is_disputed:
            by_txid.setdefault(_bare(tx.txid), []).append(tx)
    lost = 0
    for answer in said:
        if answer.memo.action == "swap":
            continue
        first = by_txid.get(answer.memo.txid, [])
        lost += not first
        request = asked.get(answer.memo.txid)
        for tx in first:
            yield from _joined(tx, answer, request)
    if lost:
        notes.append(f"{counted(lost, 'memo')}: the payment named is not in evidence, or is disputed.")


def _said(held: Held, rows: Iterable[MemoRow]) -> Iterator[_Said]:
    for tx in held.values():
        for script in tx.scripts:
            if memo := parse_memo(pushed_text(script)):
                yield _Said(tx, memo, "")
    for row in rows:
        known = held.get((row.chain, row.txid.lower()))
        if known and (memo := parse_memo(row.text)):
            yield _Said(known, memo, row.place)


def _joined(tx: HeldTx, answer: _Said, request: _Said | None) -> Iterator[Conversion]:
    paid = _legs_out(tx, request.place if request else "")
    received = _legs_in(answer.tx, answer.place)
    if request and answer.memo.action == "out":
        wanted = request.memo.destination.lower()
        received = [leg for leg in received if leg.address.lower() == wanted] or received
    reason = f"the memo of {answer.tx.txid} is {answer.memo.action.upper()}:{answer.memo.txid}"
    yield from _pairs(paid, received, reason, source="memo", is_refund=answer.memo.action == "refund")


def by_ids(held: Held, rows: Iterable[IdRow], notes: list[str]) -> Iterator[Conversion]:
    """Yield the payments and receipts that a table gives one id; each row's `source` is who says so.

    Raises
    ------
    BadInput
        If a row names another side than paid or received, no id, or nobody who says so.
    """
    sides: dict[tuple[str, str], dict[str, list[Leg]]] = {}
    lost = 0
    for row in sorted(set(rows)):
        if row.side not in _SIDES or not row.id or not row.source:
            raise BadInput(
                f"not a row of ids: {row!r:.120}", hint="an id, a side (paid or received), a source"
            )
        tx = held.get((row.chain, row.txid.lower()))
        if tx is None or tx.is_disputed:
            lost += 1
            continue
        legs = _legs_out(tx, row.place) if row.side == "paid" else _legs_in(tx, row.place)
        sides.setdefault((row.source, row.id), {name: [] for name in _SIDES})[row.side] += legs
    for (source, name), found in sorted(sides.items()):
        paid, received = (list(dict.fromkeys(found[side])) for side in _SIDES)
        yield from _pairs(paid, received, f"{source} gives both the id {name}", source=source)
    if lost:
        notes.append(f"{counted(lost, 'row')} of ids: the transaction is not in evidence, or is disputed.")


def _pairs(
    paid: list[Leg], received: list[Leg], reason: str, *, source: str, is_refund: bool = False
) -> Iterator[Conversion]:
    for one, other in product(paid, received):
        kind = "refund" if is_refund else "swap" if one.chain == other.chain else "bridge"
        yield Conversion(one, other, kind, "id", reason, source, max(len(paid), len(received)))


def _legs_out(tx: HeldTx, place: str) -> list[Leg]:
    """Return what a transaction can have paid into a service: outputs that are no change, or the signer's payments."""
    plain = [one for one in tx.movements if one.is_plain and place in ("", one.place)]
    if place:
        return [tx.leg([one]) for one in plain]
    if not tx.signer:
        return [tx.leg([one]) for one in plain if one.payee and one.payee not in one.payers]
    return _summed(tx, [one for one in plain if tx.signer in one.payers])


def _legs_in(tx: HeldTx, place: str) -> list[Leg]:
    """Return what a transaction can have paid out: outputs that are no change, or what stayed with its payee."""
    plain = [one for one in tx.movements if one.is_plain and place in ("", one.place)]
    if place:
        return [tx.leg([one]) for one in plain]
    payers = {payer for one in tx.movements for payer in one.payers}
    return [tx.leg([one]) for one in plain if one.payee and one.payee not in payers]


def _summed(tx: HeldTx, movements: Iterable[Movement]) -> list[Leg]:
    """Return one leg for each asset."""
    by_asset: dict[Asset, list[Movement]] = {}
    for one in movements:
        by_asset.setdefault(one.asset, []).append(one)
    return [tx.leg(same) for same in by_asset.values()]


def _bare(txid: str) -> str:
    return txid.removeprefix("0x")
