"""The transfers of one account chain as events in order, and what each account holds of each asset.

The order is (height, position, place in the transaction). Where heights are not told for all (tables that
state a time only), it is the block time; what has neither is in no block yet and comes last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from chainflow.addresses import label_on
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import TransferKind
from chainflow.tracing.asset import Asset
from chainflow.tracing.seeds import Claim, split_name

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Event", "Events", "Holding"]

_FAR = 2**62


class Holding(NamedTuple):
    """What one account holds of one asset."""

    asset: Asset
    address: str


class Event(NamedTuple):
    """One transfer. `sender` is `None` where it was newly made, `recipient` where nobody got it."""

    txid: str
    kind: str
    place: str
    number: int
    asset: Asset
    sender: str | None
    recipient: str | None
    value: int
    ok: bool | None
    height: int | None
    time: int | None
    is_placed: bool
    is_disputed: bool

    @property
    def name(self) -> str:
        """How a seed or a claim names it: `txid:place`, the txid where its source told no place."""
        return f"{self.txid}:{self.place}" if self.place else self.txid

    @property
    def moves(self) -> bool:
        """Whether value went, or may have gone, from one account to another."""
        return self.value > 0 and self.ok is not False and self.sender != self.recipient

    def holdings(self) -> tuple[Holding | None, Holding | None]:
        """Return who pays and who is paid; `None` for nobody."""
        ends = (self.sender, self.recipient)
        payer, payee = (None if one is None else Holding(self.asset, one) for one in ends)
        return payer, payee


class Events(Sequence[Event]):
    """All transfers of one chain of a ledger, in order; an event's number is its place here."""

    def __init__(self, ledger: Ledger, chain: str) -> None:
        self.ledger, self.chain = ledger, chain
        self._events = _ordered(ledger, chain)
        by_holding: dict[Holding, list[int]] = {}
        for number, event in enumerate(self._events):
            for holding in {*event.holdings()} - {None}:
                by_holding.setdefault(holding, []).append(number)  # type: ignore[arg-type]
        self.of = by_holding
        self._openings: dict[Holding, int] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, number: int) -> Event:  # type: ignore[override]
        return self._events[number]

    def change(self, holding: Holding, number: int) -> int:
        """Return by how much an event changes what is held: negative where it is paid out."""
        event = self._events[number]
        if not event.moves or event.is_disputed:
            return 0
        return event.value if event.recipient == holding.address else -event.value

    def opening(self, holding: Holding) -> int:
        """Return the least that was held before the evidence begins: with less, a payment could not be."""
        if holding not in self._openings:
            balance = least = 0
            for number in self.of.get(holding, ()):
                balance += self.change(holding, number)
                least = min(least, balance)
            self._openings[holding] = -least
        return self._openings[holding]

    def balance_before(self, holding: Holding, number: int) -> int:
        """Return what is held just before an event, with the least opening that the evidence demands."""
        balance = self.opening(holding)
        for earlier in self.of.get(holding, ()):
            if earlier >= number:
                break
            balance += self.change(holding, earlier)
        return balance

    @cached_property
    def known(self) -> dict[Holding, str]:
        """How far each balance is known: `complete`, `partial: why`, or that nobody asked."""
        frame = self.ledger.balances()
        columns = (frame[name] for name in ("chain", "address", "contract", "known"))
        rows = (row for row in zip(*columns, strict=True) if row[0] == self.chain)
        by_contract = {(contract, address): known for _, address, contract, known in rows}
        return {
            holding: by_contract.get((holding.asset.contract, holding.address), "history not asked")
            for holding in self.of
        }

    @cached_property
    def contracts(self) -> frozenset[str]:
        """Addresses that the evidence shows to be contracts: of tokens, and what made an internal transfer."""
        inside = {event.sender for event in self._events if event.kind == TransferKind.INTERNAL}
        tokens = {event.asset.contract for event in self._events}
        return frozenset(address for address in inside | tokens if address is not None)

    def same_block(self, numbers: Iterable[int]) -> int:
        """Count neighbours of two transactions in one block whose order no source told."""
        events = [self._events[number] for number in numbers]
        return sum(
            one.txid != other.txid and one.height == other.height and one.time == other.time
            for one, other in pairwise(events)
            if not (one.is_placed and other.is_placed)
        )

    def named(self, claim: Claim, assets: frozenset[str | None] | None) -> tuple[list[int], list[Holding]]:
        """Return the events, and the openings, that a seed names: of an account all that it received.

        Raises
        ------
        SeedUnknown
            If it is not in this ledger.
        AddressInvalid
            If it is no address and no transaction.
        BadInput
            If an amount is claimed of several events.
        """
        numbers = [number for number in self._found(claim.where) if self._counts(number, assets)]
        holdings = []
        if not self.of_txid(claim.where):
            address = label_on(claim.where, self.chain)
            held = (holding for holding in self.of if holding.address == address)
            wanted = (one for one in held if assets is None or one.asset.contract in assets)
            holdings = sorted((one for one in wanted if self.opening(one)), key=str)
        if not numbers and not holdings:
            raise SeedUnknown(
                f"{claim.where} received nothing in this ledger ({len(self):,} transfers of {self.chain})",
                hint="fetch it first, or name another asset; this says nothing about the chain itself",
            )
        if claim.amount is not None and len(numbers) + len(holdings) != 1:
            raise BadInput(
                f"{claim.where} names {len(numbers) + len(holdings):,} receipts, an amount goes with one",
                hint="name one transfer: txid:log:12",
            )
        values = [*(self._events[one].value for one in numbers), *map(self.opening, holdings)]
        if claim.amount is not None and claim.amount > values[0]:
            raise BadInput(
                f"{claim.where} brought {values[0]:,}, {claim.amount:,} is claimed of it",
                hint="claim at most what it brought, in base units",
            )
        return numbers, holdings

    def knows(self, where: str) -> bool:
        """Return whether a seed names a transaction or an account of this chain."""
        if self.of_txid(where):
            return True
        try:
            address = label_on(where, self.chain)
        except AddressInvalid:  # it may be one of another chain
            return False
        return any(holding.address == address for holding in self.of)

    def of_txid(self, where: str) -> list[int]:
        """Return the events of the transaction that a name begins with, however its digits are written."""
        return self._by_txid.get(split_name(where)[0].lower(), [])

    def at(self, txid: str, place: str, asset: Asset) -> list[int]:
        """Return what moved of an asset at a place of a transaction; where none is told, its own payment, else all.

        A fee is no part of what was paid to somebody.
        """
        moved = {
            number: event.place
            for number, event in ((one, self._events[one]) for one in self._by_txid.get(txid, ()))
            if event.asset == asset and event.moves and event.kind != TransferKind.FEE
        }
        found = [number for number, one in moved.items() if one == place]
        return found or ([] if place else [*moved])

    def _counts(self, number: int, assets: frozenset[str | None] | None) -> bool:
        event = self._events[number]
        return (
            event.moves
            and event.recipient is not None
            and event.kind != TransferKind.FEE
            and (assets is None or event.asset.contract in assets)
        )

    def _found(self, where: str) -> list[int]:
        found, place = self.of_txid(where), split_name(where)[1]
        if found:
            return [number for number in found if place in ("", self._events[number].place)]
        address = label_on(where, self.chain)
        return [
            number
            for holding, numbers in self.of.items()
            if holding.address == address
            for number in numbers
            if self._events[number].recipient == address
        ]

    @cached_property
    def _by_txid(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, event in enumerate(self._events):
            found.setdefault(event.txid, []).append(number)
        return found


def _ordered(ledger: Ledger, chain: str) -> list[Event]:
    table = ledger.transfers.filter(pc.equal(ledger.transfers["chain"], chain))
    names = ("txid", "kind", "place", "number", "contract", "token_id", "sender", "recipient", "value_raw")
    told = ("ok", "height", "position")
    columns = [table[name].to_pylist() for name in (*names, *told)]
    times = table["time"].cast(pa.int64()).to_pylist()
    rows: list[tuple[tuple[int, int], Event]] = []
    for (
        txid,
        kind,
        place,
        number,
        contract,
        token_id,
        sender,
        recipient,
        digits,
        ok,
        height,
        position,
        time,
    ) in zip(*columns, times, strict=True):
        if digits.startswith("-"):
            raise BadInput(
                f"{txid} moves {digits} base units",
                hint="nothing moves less than nothing: one of the sources is wrong, leave it out",
            )
        rank = (_far(height), _far(position))
        event = Event(
            txid,
            kind,
            place,
            number,
            Asset(chain, contract, token_id),
            sender,
            recipient,
            int(digits),
            ok,
            height,
            time,
            position is not None,
            (chain, txid) in ledger.disputed,
        )
        rows.append((rank, event))
    is_by_time = any(event.height is None and event.time is not None for _, event in rows)
    if is_by_time:  # block times of account chains never fall
        times_of = _times_of(event for _, event in rows)
        rows.sort(key=lambda row: (times_of(row[1]), row[0]))
    return [event for _, event in rows]


def _times_of(events: Iterable[Event]) -> Callable[[Event], int]:
    """Return a function of an event that says when it was: of a block without a time, not before the block below."""
    known = {
        event.height: event.time for event in events if event.height is not None and event.time is not None
    }
    heights = sorted(known)

    def time_of(event: Event) -> int:
        if event.time is not None or event.height is None:
            return _far(event.time)
        at = bisect_right(heights, event.height)
        return known[heights[at - 1]] if at else 0

    return time_of


def _far(number: int | None) -> int:
    return _FAR if number is None else number
