"""What ledgers say to conversions: which they bear out, and why the others are not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.conversions import Conversions
from chainflow.tracing.conversions.held import Held, HeldTx, Movement, hold

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Checked", "Refusal", "Refused", "check"]


class Refusal(StrEnum):
    """Why a conversion is not used."""

    NOT_HELD = "not in evidence"
    DISPUTED = "disputed: sources disagree"
    FAILED = "the movement failed"
    UNKNOWN = "whether it moved is not known"
    ASSET = "another asset moved there"
    ADDRESS = "another address was paid there"
    AMOUNT = "another amount moved there"
    ORDER = "received before it was paid"
    USED_TWICE = "the receipt is used by another conversion too"


@dataclass(frozen=True, slots=True)
class Refused:
    """A conversion that is not used: `why`, and in words which thing is wrong."""

    conversion: Conversion
    why: Refusal
    reason: str


class Checked(NamedTuple):
    """The conversions that ledgers bear out, and those they do not."""

    accepted: Conversions
    refused: tuple[Refused, ...]


def check(conversions: Conversions, ledgers: Iterable[Ledger]) -> Checked:
    """Return conversions parted into those to use and those not to, nothing lost.

    Both movements must be held, have succeeded, and be of the stated asset, address and amount; on one chain the
    receipt must not stand in an earlier block. Of conversions that a trace may go through no two may end
    in one receipt: each would claim all of it, so neither is used. One payment may become several receipts.
    """
    txids = {leg.txid for one in conversions for leg in (one.paid, one.received)}
    held = hold(ledgers, txids=txids)
    shared = _shared(conversions)
    refused = [found for one in conversions if (found := _judge(one, held, shared))]
    wrong = {id(found.conversion) for found in refused}
    left = [one for one in conversions if id(one) not in wrong]
    twice = list(_used_twice(left))
    taken = {id(found.conversion) for found in twice}
    accepted = conversions.only(one for one in left if id(one) not in taken)
    return Checked(accepted, tuple(sorted([*refused, *twice], key=lambda found: found.conversion.order)))


def _shared(conversions: Iterable[Conversion]) -> Counter[tuple[object, ...]]:
    """Return the sum of what conversions state of one payment: several may each have taken a part of it."""
    sums: Counter[tuple[object, ...]] = Counter()
    for one in conversions:
        sums[one.paid.keys, one.paid.asset] += one.paid.amount_raw
    return sums


def _judge(conversion: Conversion, held: Held, shared: Mapping[tuple[object, ...], int]) -> Refused | None:
    for side, leg in (("paid", conversion.paid), ("received", conversion.received)):
        whole = shared[leg.keys, leg.asset] if side == "paid" else leg.amount_raw
        if found := _judge_leg(leg, held.get((leg.chain, leg.txid)), whole, is_paid=side == "paid"):
            return Refused(conversion, found[0], f"{side}: {found[1]}")
    paid, received = (held[leg.chain, leg.txid] for leg in (conversion.paid, conversion.received))
    if received.is_before(paid):
        words = f"paid in block {paid.height:,}, received in block {received.height:,}"
        return Refused(conversion, Refusal.ORDER, words)
    return None


def _judge_leg(leg: Leg, tx: HeldTx | None, whole: int, *, is_paid: bool) -> tuple[Refusal, str] | None:
    """Return what a transaction says against a leg; None where it bears it out.

    `whole` is what all conversions together state of this movement.
    """
    if tx is None:
        return Refusal.NOT_HELD, f"{leg.chain} {leg.txid} is in none of the ledgers"
    if tx.is_disputed:
        return Refusal.DISPUTED, leg.txid
    here = [one for one in tx.movements if one.place in leg.places]  # "": the transaction's own payment
    here = here or [one for one in tx.movements if not leg.place]
    if not here:
        return Refusal.NOT_HELD, f"no movement at {leg.place or 'any place'} of {leg.txid} is held"
    there = [one for one in here if one.asset == leg.asset]
    if not there:
        return Refusal.ASSET, f"{here[0].asset}, not {leg.asset}, in {leg.txid} {leg.place}"
    paid = [one for one in there if not leg.address or one.payee == leg.address]
    if not paid:
        return Refusal.ADDRESS, f"{there[0].payee or 'nobody'}, not {leg.address}, in {leg.txid} {leg.place}"
    moved = [one for one in paid if one.ok is not False]
    if not moved:
        return Refusal.FAILED, leg.txid
    amounts = set(_amounts(tx, moved, is_paid=is_paid))
    if not {leg.amount_raw, whole} & amounts:
        shown = ", ".join(f"{amount:,}" for amount in sorted(amounts)[:3])
        return Refusal.AMOUNT, f"{shown}, not {leg.amount_raw:,} base units in {leg.txid} {leg.place}"
    if any(one.ok is None for one in moved):
        return Refusal.UNKNOWN, leg.txid
    return None


def _amounts(tx: HeldTx, moved: list[Movement], *, is_paid: bool) -> Iterator[int]:
    """Yield the amounts that these movements can be stated as: one of them, all, all less what came back."""
    yield from (one.amount_raw for one in moved)
    yield sum(one.amount_raw for one in moved)
    holders = {one.payers if is_paid else (one.payee,) for one in moved}
    if len(holders) == 1 and not tx.spends:  # an output never comes back in its own transaction
        yield from (abs(tx.net(account, moved[0].asset)) for account in holders.pop() if account)


def _used_twice(conversions: list[Conversion]) -> Iterator[Refused]:
    uses = Counter(
        (key, one.received.asset) for one in conversions if one.is_followed for key in one.received.keys
    )
    for one in conversions:
        many = max(uses[key, one.received.asset] for key in one.received.keys)
        if one.is_followed and many > 1:
            reason = f"{one.received} is the receipt of {many} conversions: choose one"
            yield Refused(one, Refusal.USED_TWICE, reason)
