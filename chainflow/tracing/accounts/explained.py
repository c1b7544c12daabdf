"""How traced value came to an account: the books of the accounts on the way, as statements that add up."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chainflow.addresses import label_on
from chainflow.errors import BadInput
from chainflow.model import EndReason, Recipe, TransferKind
from chainflow.tracing.accounts.events import Events, Holding
from chainflow.tracing.accounts.walk import NOWHERE, AccountMark
from chainflow.tracing.explained import Entry, Explained, Step, through_of
from chainflow.tracing.seeds import split_name

if TYPE_CHECKING:
    from chainflow.tracing.accounts.result import AccountTrace

__all__ = ["explain_accounts"]


def explain_accounts(trail: AccountTrace, place: str) -> Explained:
    """Return how traced value came to an account or a transfer; see `Trace.explain`."""
    events: Events = trail._walk.events
    marks = _marks_at(trail, events, place)
    holding = marks[0].holding
    steps, wanted = _steps(trail, events, {mark.event for mark in marks})
    shares: dict[int, int] = {}
    for mark in marks:
        for label, amount in mark.shares:
            shares[label] = shares.get(label, 0) + amount
    numbers = {mark.event for mark in marks}
    ended = sorted(
        {end.reason.value for end in trail._walk.ends if end.event in numbers and end.reason is not None}
        if len(marks) == 1
        else {end.reason.value for end in trail._walk.ends if end.holding == holding and end.reason}
    )
    return Explained(
        place=place,
        address=holding.address,
        asset=holding.asset,
        value_raw=sum(mark.value_raw for mark in marks),
        tainted_raw=sum(mark.tainted_raw for mark in marks),
        shares=tuple((trail.seeds[label], amount) for label, amount in sorted(shares.items())),
        hop=min(mark.hop for mark in marks),
        ended="; ".join(ended),
        steps=steps,
        policy=trail.policy,
        direction=trail.direction,
        recipe=Recipe("explain", {"place": place}, inputs=[trail.recipe.digest]),
        ledger=trail.ledger,
        through=through_of(trail, wanted),
    )


def _marks_at(trail: AccountTrace, events: Events, place: str) -> list[AccountMark]:
    """Return the receipts of a trace that a place names, all of one account and asset."""
    numbers = {*events.of_txid(place)}
    txid, inside = split_name(place)
    name = f"{txid.lower()}:{inside}".removesuffix(":")
    address = "" if numbers else label_on(place, trail.chain)
    found = [
        mark
        for mark in trail._walk.marks
        if mark.holding.address == address
        or (mark.event in numbers and name in (events[mark.event].name, events[mark.event].txid))
    ]
    holdings = sorted({mark.holding for mark in found}, key=str)
    if not found:
        raise BadInput(
            f"nothing of this trace is at {place}",
            hint="trail.outputs lists what was reached; under another policy it may be reached",
        )
    if len(holdings) > 1:
        names = ", ".join(
            f"{events[mark.event].name if mark.event >= 0 else mark.holding.asset}" for mark in found
        )
        raise BadInput(
            f"{place} names {len(found)} receipts in {len(holdings)} accounts or assets: {names}",
            hint="explain one transfer",
        )
    return found


def _steps(trail: AccountTrace, events: Events, asked: set[int]) -> tuple[tuple[Step, ...], set[int]]:
    """Return the statements of the accounts on the way, each up to its last payment on it, and the events on it."""
    forward = trail.direction == "forward"
    moved = {move.event: move.tainted_raw for move in trail.moves}
    received: dict[Holding, list[int]] = {}
    for mark in trail._walk.marks:
        received.setdefault(mark.holding, []).append(mark.event)
    wanted, last = set(asked), dict[Holding, int]()
    waiting = [-number if forward else number for number in asked if number != NOWHERE]
    heapq.heapify(waiting)
    while waiting:
        number = abs(heapq.heappop(waiting))
        holding = events[number].holdings()[not forward]
        if holding is None or (forward and number not in moved):
            continue
        if forward:
            last[holding] = max(number, last.get(holding, NOWHERE))
            more = [one for one in received.get(holding, ()) if NOWHERE < one < number]
        else:
            more = [one for one in events.of[holding] if one > number and one in moved]
            more = [one for one in more if events[one].holdings()[0] == holding]
            last.update({holding: max([last.get(holding, NOWHERE), *more])} if more else {})
        for one in set(more) - wanted:
            wanted.add(one)
            heapq.heappush(waiting, -one if forward else one)
    tainted = {mark.event: mark.tainted_raw for mark in trail._walk.marks if mark.event != NOWHERE}
    steps = []
    for holding in sorted(last, key=lambda one: (last[one], str(one))):
        taint = {"in": tainted, "out": {**moved, **_left_at(trail, holding)}}
        claimed = sum(
            mark.tainted_raw
            for mark in trail._walk.marks
            if mark.event == NOWHERE and mark.holding == holding
        )
        steps.append(_statement(events, holding, last[holding], taint, wanted, claimed))
    return tuple(steps), wanted


def _left_at(trail: AccountTrace, holding: Holding) -> dict[int, int]:
    """Return payment → base units that left an account with it and were followed no further."""
    left: dict[int, int] = {}
    for end in trail._walk.ends:
        if end.holding == holding and end.reason is EndReason.LOST:
            left[end.event] = left.get(end.event, 0) + end.tainted_raw
    return left


def _statement(
    events: Events,
    holding: Holding,
    upto: int,
    taint: Mapping[str, Mapping[int, int]],
    wanted: set[int],
    claimed: int,
) -> Step:
    """Return the book of one account up to a payment: opening and receipts equal payments and what is held."""
    entries, balance = [], events.opening(holding)
    sums = {"in": 0, "out": 0}
    for number in events.of[holding]:
        change = events.change(holding, number)
        if number > upto or not change:
            continue
        side = "in" if change > 0 else "out"
        event, part = events[number], taint[side].get(number, 0)
        is_fee = event.kind == TransferKind.FEE
        other = event.sender if change > 0 else event.recipient
        sums[side] += part
        balance += change
        entries.append(
            Entry(
                EndReason.FEE.value if is_fee else side,
                event.name,
                other or ("(fee)" if is_fee else "(nobody)"),
                abs(change),
                part,
                number in wanted,
            )
        )
    opening, held = events.opening(holding), claimed + sums["in"] - sums["out"]
    traced = claimed + max(0, -held)  # backward: what of the payments was held before
    before = Entry("in", "held before the evidence", holding.address, opening, traced, False)
    # a receipt at which a branch ended counts as clean in the book; backward, a seed is claimed, not held
    name = "held afterwards" if held <= balance else "held afterwards, or traced no further"
    after = Entry("held", name, holding.address, balance, max(0, held), False)
    if opening or traced:
        entries.insert(0, before)
    if balance or held > 0:
        entries.append(after)
    event = events[upto]
    return Step(f"{holding.address}, book of {holding.asset}", event.height, event.time, tuple(entries))
