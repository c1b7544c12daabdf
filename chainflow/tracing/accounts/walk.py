"""The walk of a trace over accounts, forward: each transfer once, in order, with a book per account and asset."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainflow.model import EndReason, TransferKind
from chainflow.progress import Progress
from chainflow.tracing.accounts.events import Event, Events, Holding
from chainflow.tracing.asset import Asset
from chainflow.tracing.largest import Step, largest_steps
from chainflow.tracing.policies import AccountPolicy, Book, Coin
from chainflow.tracing.register import Register, Some, parted
from chainflow.tracing.stops import Stops

__all__ = ["AccountMark", "AccountMove", "AccountWalk", "Shares"]

Shares = tuple[tuple[int, int], ...]
"""(label, base units), by label."""

NOWHERE = -1
"""Stands where an event's number would, for what is held and was not received in the evidence."""


class AccountMark(NamedTuple):
    """Taint that an event brought to an account, or where it ended; `address` is `None` for a fee or a burn."""

    event: int
    holding: Holding
    address: str | None
    value_raw: int
    tainted_raw: int
    hop: int
    reason: EndReason | None
    shares: Shares


class AccountMove(NamedTuple):
    """Tainted base units that one transfer took from one account to another; `to_address` `None`: to nobody."""

    event: int
    txid: str
    place: str
    holding: Holding
    from_address: str
    to_address: str | None
    tainted_raw: int
    shares: Shares

    @property
    def payee(self) -> Holding | None:
        """Who was paid; `None`: nobody."""
        return None if self.to_address is None else Holding(self.holding.asset, self.to_address)


@dataclass(slots=True)
class _Tracked:
    """A book that taint came to: how far it is entered, from how near a seed, where its last taint came from."""

    book: Book
    hop: int
    last: int


class AccountWalk:
    """One walk over the events of a chain, from its seeds to its ends.

    Parameters
    ----------
    events : Events
    register : Register
        Who claims what of which event.
    openings : mapping of Holding to Some
        Who claims what an account held before the evidence begins.
    policy : AccountPolicy
    stops : Stops
    contracts : container of str
        Addresses whose code decides what becomes of what they get.
    converted : mapping of int to int
        Event → base units of it that went on as another asset; the rest goes its way.
    begin : int or None
        When the trace began, Unix seconds; `None`: not known.
    """

    def __init__(
        self,
        events: Events,
        register: Register,
        openings: Mapping[Holding, Some],
        policy: AccountPolicy,
        *,
        stops: Stops,
        contracts: Container[str] = (),
        converted: Mapping[int, int] | None = None,
        begin: int | None = None,
    ) -> None:
        self.events, self.register, self.openings = events, register, openings
        self.policy, self.stops, self._begin = policy, stops, begin
        self.contracts, self.converted = contracts, converted or {}
        self.report: Progress = lambda done, left, what: None
        self._clear()

    def _clear(self) -> None:
        self.marks: list[AccountMark] = []
        self.ends: list[AccountMark] = []
        self.moves: list[AccountMove] = []
        self.register.clear()
        self.tracked: dict[Holding, _Tracked] = {}
        self._walked: set[str] = set()
        self._heap: list[int] = []

    def run(self) -> None:
        """Walk until everything has ended; where there are too many transactions, through the largest."""
        self._run(None)
        if len(self._walked) > self.stops.limits.max_txs:
            seeds = (self.events[number].holdings()[1] for number in self.register.places)
            starts = [*self.openings, *(holding for holding in seeds if holding is not None)]
            steps = [Step(one.event, one.txid, one.holding, one.payee, one.tainted_raw) for one in self.moves]
            self._run(largest_steps(starts, steps, self.stops.limits.max_txs))

    def _run(self, chosen: Container[str] | None) -> None:
        self._clear()
        self._chosen = chosen
        for holding, some in sorted(self.openings.items(), key=lambda item: str(item[0])):
            self._open(holding, some)
        self._heap += sorted(self.register.places)
        heapq.heapify(self._heap)
        last = NOWHERE
        while self._heap:
            number = heapq.heappop(self._heap)
            if number != last:
                last = number
                self._enter(number, self.events[number])
                self.report(len(self._walked), len(self._heap), "transfers")
        for holding, tracked in sorted(self.tracked.items(), key=lambda item: (item[1].last, str(item[0]))):
            known = self.events.known[holding] == "complete"
            self._close(holding, tracked, EndReason.UNSPENT if known else EndReason.UNKNOWN)

    def _open(self, holding: Holding, some: Sequence[tuple[int, int | None]]) -> None:
        """Claim what an account held before the evidence begins."""
        coin = self.register.take(NOWHERE, Coin(self.events.opening(holding)), holding.asset, some)
        self.marks.append(self._mark(NOWHERE, holding, coin, 0))
        self._track(holding, coin, NOWHERE, 0)

    def _enter(self, number: int, event: Event) -> None:
        """Enter one event in the books of its two accounts."""
        payer, payee = event.holdings()
        paying = None if payer is None else self.tracked.get(payer)
        if event.is_disputed:
            if payer is not None and paying is not None:
                self._close(payer, paying, EndReason.DISPUTED, number)
            if number in self.register.places:
                self._arrive(number, event, payee, Coin(event.value), 0)
        elif event.moves:
            coin, hop = Coin(event.value), 0
            late = self.stops.limits.late(self._seconds(event))
            if payer is not None and paying is not None and late is not None:
                self._close(payer, paying, late, number)  # also what goes to a service, or as a fee
            elif payer is not None and paying is not None:
                coin, hop = self._pay(number, event, payer, paying), paying.hop + 1
            self._arrive(number, event, payee, coin, hop)
        for holding in (payer, payee):
            if holding in self.tracked:
                self._wait(holding, number)

    def _pay(self, number: int, event: Event, payer: Holding, paying: _Tracked) -> Coin:
        """Take a payment out of a book; what the rule loses by it ends here."""
        before = dict(paying.book.lost)
        coin = paying.book.pay(event.value)
        lost = {label: paying.book.lost[label] - before.get(label, 0) for label in paying.book.lost}
        gone = Coin.of(event.value, lost)
        if gone.slices:
            self.ends.append(self._mark(number, payer, gone, paying.hop + 1, EndReason.LOST))
        if coin.slices and event.txid not in self._walked:
            if self._chosen is not None and event.txid not in self._chosen:
                self.ends.append(self._mark(number, payer, coin, paying.hop, EndReason.LIMIT))
                return Coin(event.value)
            self._walked.add(event.txid)
        if coin.slices:
            shares = tuple(sorted(coin.by_label.items()))
            self.moves.append(
                AccountMove(
                    number,
                    event.txid,
                    event.place,
                    payer,
                    payer.address,
                    event.recipient,
                    coin.tainted_sat,
                    shares,
                )
            )
        return coin

    def _arrive(self, number: int, event: Event, payee: Holding | None, coin: Coin, hop: int) -> None:
        """Note what arrived, and either end there or enter it in the book of who received it."""
        if number in self.register.places and payee is not None:
            coin, hop = self.register.claim(number, coin, payee.asset, hop)
        tracked = None if payee is None else self.tracked.get(payee)
        place = payee or Holding(event.asset, event.sender or "")
        if coin.slices and payee is not None:
            self.marks.append(self._mark(number, payee, coin, hop))
        gone, coin = parted(coin, self.converted.get(number, 0))
        if gone.slices:
            self.ends.append(
                self._mark(number, place, gone, hop, EndReason.CONVERTED, address=event.recipient)
            )
        if coin.slices:
            reason = self.reason(number, event, coin, hop)
            if payee is None or reason is not None:
                fee = EndReason.FEE if event.kind == TransferKind.FEE else EndReason.BURNT
                self.ends.append(self._mark(number, place, coin, hop, reason or fee, address=event.recipient))
                coin = Coin(event.value)
        if tracked is not None and not event.is_disputed:  # what is in dispute is in no balance
            tracked.book.receive(coin)
            if coin.slices:
                tracked.hop, tracked.last = min(tracked.hop, hop), number
        elif coin.slices and payee is not None:
            self._track(payee, coin, number, hop)

    def reason(self, number: int, event: Event, coin: Coin, hop: int) -> EndReason | None:
        """Return why a trace ends at a receipt, the first reason that holds; None: it goes on."""
        if event.recipient is None:
            return None
        if number not in self.register.own:
            found = self.stops.at(event.recipient)
            if found is None and event.recipient in self.contracts:
                found = EndReason.CONTRACT
            if found is not None:
                return found
        if event.is_disputed:
            return EndReason.DISPUTED
        if event.ok is None:
            return EndReason.UNKNOWN
        if event.height is None and event.time is None:
            return EndReason.UNCONFIRMED
        return self.stops.limits.ends(event.value, coin.tainted_sat, hop, self._seconds(event))

    def _seconds(self, event: Event) -> int | None:
        return None if event.time is None or self._begin is None else event.time - self._begin

    def _track(self, holding: Holding, coin: Coin, number: int, hop: int) -> None:
        """Open a book at the moment that taint comes: what is held by then is clean, in whatever order."""
        book = self.policy.open()
        held = 0 if number == NOWHERE else self.events.balance_before(holding, number)
        if held:
            book.receive(Coin(held))
        book.receive(coin)
        self.tracked[holding] = _Tracked(book, hop, number)
        self._wait(holding, number)

    def _wait(self, holding: Holding, number: int) -> None:
        """Put the next event of an account in line."""
        numbers = self.events.of[holding]
        at = bisect_right(numbers, number)
        if at < len(numbers):
            heapq.heappush(self._heap, numbers[at])

    def _close(
        self, holding: Holding, tracked: _Tracked, reason: EndReason, number: int | None = None
    ) -> None:
        """End what an account still holds; where its events go on, the rest of them is clean."""
        coin = Coin.of(tracked.book.balance, tracked.book.claimed)
        if coin.slices:
            self.ends.append(self._mark(NOWHERE, holding, coin, tracked.hop, reason))
        if number is not None:
            del self.tracked[holding]

    def ended(self) -> Iterator[tuple[Asset, AccountMark]]:
        """Yield each end with what is counted there."""
        return ((mark.holding.asset, mark) for mark in self.ends)

    def _mark(
        self,
        number: int,
        holding: Holding,
        coin: Coin,
        hop: int,
        reason: EndReason | None = None,
        *,
        address: str | None = "",
    ) -> AccountMark:
        shares = tuple(sorted(coin.by_label.items()))
        place = holding.address if address == "" else address
        return AccountMark(number, holding, place, coin.value_sat, coin.tainted_sat, hop, reason, shares)
