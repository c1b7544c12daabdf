"""The walk of a trace over accounts, backward: each payment is taken apart into the receipts that it was paid from.

What a payment was paid from is what the forward rule says: every receipt of the account is entered under a
label of its own, and the labels of the payment are read.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from chainflow import units
from chainflow.errors import BadInput
from chainflow.model import EndReason
from chainflow.progress import Progress
from chainflow.tracing.accounts.events import Event, Events, Holding
from chainflow.tracing.accounts.walk import NOWHERE, AccountMark, AccountMove
from chainflow.tracing.asset import Asset
from chainflow.tracing.largest import Step, largest_steps
from chainflow.tracing.policies import (
    AccountFifo,
    AccountHaircut,
    AccountLifo,
    AccountPoison,
    AccountPolicy,
    Coin,
    Slice,
)
from chainflow.tracing.register import Register, Some, parted
from chainflow.tracing.stops import Stops

__all__ = ["AccountBack"]

_ONE_WAY = "{name} says what becomes of one claim, not what every payment was paid from"


class _Piece(NamedTuple):
    """A stretch of a payment and the receipt (an event, or `NOWHERE`) and units that it was paid from."""

    start: int
    length: int
    receipt: int
    first: int


class AccountBack:
    """One walk over the events of a chain, from its seeds back to where their value came from.

    Parameters and attributes as for `AccountWalk`; a mark stands at a receipt, an end at who paid it.

    Raises
    ------
    BadInput
        If the policy says nothing of where a payment came from.
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
        if not isinstance(policy, AccountFifo | AccountLifo | AccountHaircut | AccountPoison):
            raise BadInput(
                _ONE_WAY.format(name=policy.name),
                hint="backward over accounts: fifo, lifo, haircut or poison",
            )
        self.events, self.register, self.openings = events, register, openings
        self.policy, self.stops, self._begin = policy, stops, begin
        self.contracts, self.converted = contracts, converted or {}
        self.report: Progress = lambda done, left, what: None
        self._paid_from: dict[Holding, Mapping[int, list[_Piece]]] = {}
        self._clear()

    def _clear(self) -> None:
        self.marks: list[AccountMark] = []
        self.ends: list[AccountMark] = []
        self.moves: list[AccountMove] = []
        self.register.clear()
        self._carried: dict[int, list[Slice]] = {}
        self._hops: dict[int, int] = {}
        self._walked: set[str] = set()
        self._heap: list[tuple[int, int]] = []

    def run(self) -> None:
        """Walk back until everything has ended; where there are too many transactions, through the largest."""
        self._run(None)
        if len(self._walked) > self.stops.limits.max_txs:
            starts = [
                holding
                for number in self.register.places
                if (holding := self.events[number].holdings()[1]) is not None
            ]
            steps = [
                Step(-one.event, one.txid, one.payee, one.holding, one.tainted_raw)
                for one in self.moves
                if one.payee is not None
            ]
            self._run(largest_steps(starts, steps, self.stops.limits.max_txs))

    def _run(self, chosen: Container[str] | None) -> None:
        self._clear()
        self._chosen = chosen
        for holding, some in sorted(self.openings.items(), key=lambda item: str(item[0])):
            coin = self.register.take(NOWHERE, Coin(self.events.opening(holding)), holding.asset, some)
            self._note(self.marks, NOWHERE, holding, holding.address, coin, 0, None)
            self._note(self.ends, NOWHERE, holding, holding.address, coin, 0, EndReason.UNKNOWN)
        for number in self.register.places:
            heapq.heappush(self._heap, (-number, number))
        last = NOWHERE
        while self._heap:
            _, number = heapq.heappop(self._heap)
            if number != last:
                last = number
                self._visit(number, self.events[number])
                self.report(len(self._walked), len(self._heap), "transfers")

    def _visit(self, number: int, event: Event) -> None:
        """Note what is claimed of a receipt, and go back to who paid it or end there."""
        payer, payee = event.holdings()
        if payee is None:
            return
        carried, hop = self._carried.pop(number, []), self._hops.get(number, 0)
        coin = self._merged(event.value, carried)
        if number in self.register.places:
            coin, hop = self.register.claim(number, coin, payee.asset, hop)
        if not coin.slices:
            return
        self._note(self.marks, number, payee, payee.address, coin, hop, None)
        gone, coin = parted(coin, self.converted.get(number, 0))
        if gone.slices:
            self._note(self.ends, number, payee, event.sender, gone, hop + 1, EndReason.CONVERTED)
        if not coin.slices:
            return
        reason = self.reason(number, event, coin, hop + 1)
        if reason is not None or payer is None:
            self._note(self.ends, number, payee, event.sender, coin, hop + 1, reason or EndReason.COINBASE)
            return
        self._walked.add(event.txid)
        self.moves.append(
            AccountMove(
                number,
                event.txid,
                event.place,
                payer,
                payer.address,
                event.recipient,
                coin.tainted_sat,
                tuple(sorted(coin.by_label.items())),
            )
        )
        self._take_apart(number, payer, coin, hop + 1)

    def _take_apart(self, number: int, payer: Holding, coin: Coin, hop: int) -> None:
        """Carry what is claimed of a payment to the receipts that it was paid from."""
        if isinstance(self.policy, AccountPoison):
            before = self._before(payer, number)
            parts = [(one, [*_weighed(one.length, coin.slices).slices]) for one in before]
        elif isinstance(self.policy, AccountHaircut):
            parts = list(_shared(self._pieces(payer)[number], coin))
        else:
            is_last = isinstance(self.policy, AccountLifo)
            parts = [(one, [*_cut(one, coin, is_last)]) for one in self._pieces(payer)[number]]
        for piece, slices in parts:
            slices = [one for one in slices if one.length]
            if slices and piece.receipt == NOWHERE:
                gone = _laid(self.events.opening(payer), slices)
                self._note(self.ends, NOWHERE, payer, payer.address, gone, hop, EndReason.UNKNOWN)
            elif slices:
                self._carried.setdefault(piece.receipt, []).extend(slices)
                self._hops[piece.receipt] = min(hop, self._hops.get(piece.receipt, hop))
                heapq.heappush(self._heap, (-piece.receipt, piece.receipt))

    def _merged(self, value: int, slices: Sequence[Slice]) -> Coin:
        """Return a receipt with what all payments claim of it; under poison they divide it among them."""
        is_poison = isinstance(self.policy, AccountPoison)
        return _weighed(value, slices) if is_poison else _laid(value, slices)

    def _before(self, holding: Holding, number: int) -> list[_Piece]:
        """Return all that an account had received before a payment, whole: what poison says it was paid from."""
        changes = {one: self.events.change(holding, one) for one in self.events.of[holding] if one < number}
        changes[NOWHERE] = self.events.opening(holding)
        return [_Piece(0, change, one, 0) for one, change in sorted(changes.items()) if change > 0]

    def _pieces(self, holding: Holding) -> Mapping[int, list[_Piece]]:
        """Return payment → what it was paid from, for one account and asset."""
        if holding not in self._paid_from:
            self._paid_from[holding] = dict(self._enter_all(holding))
        return self._paid_from[holding]

    def _enter_all(self, holding: Holding) -> Iterator[tuple[int, list[_Piece]]]:
        book, used = self.policy.open(), dict[int, int]()
        values = {NOWHERE: self.events.opening(holding)}
        if values[NOWHERE]:
            book.receive(Coin(values[NOWHERE], (Slice(0, values[NOWHERE], NOWHERE),)))
        for number in self.events.of[holding]:
            change = self.events.change(holding, number)
            if change > 0:
                values[number] = change
                book.receive(Coin(change, (Slice(0, change, number),)))
            elif change < 0:
                yield number, [*self._numbered(book.pay(-change), used, values)]

    def _numbered(self, coin: Coin, used: dict[int, int], values: dict[int, int]) -> Iterator[_Piece]:
        """Yield which units of each receipt a payment took: the first that are left, the last under LIFO."""
        for start, length, receipt in coin.slices:
            before = used.get(receipt, 0)
            used[receipt] = before + length
            is_last = isinstance(self.policy, AccountLifo)
            first = values[receipt] - before - length if is_last else before
            yield _Piece(start, length, receipt, first)

    def reason(self, number: int, event: Event, coin: Coin, hop: int) -> EndReason | None:
        """Return why a trace ends at who paid a receipt, the first reason that holds; None: it goes on."""
        seconds = None if event.time is None or self._begin is None else self._begin - event.time
        if (late := self.stops.limits.late(seconds)) is not None:
            return late
        if event.sender is None:
            return EndReason.COINBASE
        found = self.stops.at(event.sender)
        if found is None and event.sender in self.contracts:
            found = EndReason.CONTRACT
        if found is not None:
            return found
        if event.is_disputed:
            return EndReason.DISPUTED
        if event.ok is None:
            return EndReason.UNKNOWN
        if self._chosen is not None and event.txid not in self._chosen:
            return EndReason.LIMIT
        return self.stops.limits.ends(event.value, coin.tainted_sat, hop - 1, seconds)

    def ended(self) -> Iterator[tuple[Asset, AccountMark]]:
        """Yield each end with what is counted there."""
        return ((mark.holding.asset, mark) for mark in self.ends)

    def _note(
        self,
        place: list[AccountMark],
        number: int,
        holding: Holding,
        address: str | None,
        coin: Coin,
        hop: int,
        reason: EndReason | None,
    ) -> None:
        shares = tuple(sorted(coin.by_label.items()))
        place.append(
            AccountMark(number, holding, address, coin.value_sat, coin.tainted_sat, hop, reason, shares)
        )


def _laid(value: int, slices: Sequence[Slice]) -> Coin:
    """Return a coin with slices in order."""
    return Coin(value, tuple(sorted(slices)))


def _weighed(value: int, slices: Sequence[Slice]) -> Coin:
    """Return a coin that is tainted whole, divided among labels as slices are; clean where there are none."""
    weights = dict(sorted(Coin(value, tuple(slices)).by_label.items()))
    parts = units.split(value if weights else 0, [*weights.values()])
    return Coin.of(value, dict(zip(weights, parts, strict=True)))


def _cut(piece: _Piece, coin: Coin, is_reversed: bool) -> Iterator[Slice]:  # noqa: FBT001
    """Yield which units of a receipt are claimed, where units keep their place."""
    for start, length, label in coin.slices:
        first, last = max(start, piece.start), min(start + length, piece.start + piece.length)
        if first < last:
            inside = piece.start + piece.length - last if is_reversed else first - piece.start
            yield Slice(piece.first + inside, last - first, label)


def _shared(pieces: Sequence[_Piece], coin: Coin) -> Iterator[tuple[_Piece, list[Slice]]]:
    """Divide what each label claims of a payment over its receipts, pro rata, side by side."""
    used = [0] * len(pieces)
    found: list[list[Slice]] = [[] for _ in pieces]
    room = [piece.length for piece in pieces]
    for label, claimed in coin.by_label.items():
        for at, part in enumerate(units.split(claimed, room)):
            found[at].append(Slice(pieces[at].first + used[at], part, label))
            used[at] += part
            room[at] -= part
    yield from zip(pieces, found, strict=True)
