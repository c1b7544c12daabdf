"""What is drawn: the raw transfers of a ledger or a trace, and the items that they run between.

A picture may only say what is true of time. So an address that is paid again after it has paid appears a
second time, further right: no flow runs right to left, and along every path each step comes after the one
before it. Only where that needs more room than there is (`strict` off) does an address stay one item, and
then it says so. Where many pay many in one transaction, nobody knows who paid whom: there the transaction
itself is an item, between those who paid and those who were paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from chainflow import units
from chainflow.figures.figure import Basis
from chainflow.ledger.graph import NOT_IN_EVIDENCE, transfers
from chainflow.model import EndReason, Outpoint

if TYPE_CHECKING:
    from chainflow.ledger import Ledger
    from chainflow.tracing import Trace
    from chainflow.tracing.walk import Move

__all__ = [
    "KNOT",
    "UNSEEN",
    "Appearance",
    "Share",
    "Stage",
    "Step",
    "ledger_ends",
    "ledger_steps",
    "trace_ends",
    "trace_seeds",
    "trace_steps",
]

UNSEEN = "unseen:"
"""Begins the name of a payer that is not in evidence; the txid follows."""

KNOT = "tx:"
"""Begins the name of a transaction that is an item of its own; the txid follows."""

_MAX_PAIRS = 12

Side = tuple["Appearance", "Appearance"]
Payers = dict[tuple[Outpoint | None, str], "Appearance"]


class Share(NamedTuple):
    """What one address paid another in a transaction, out of which coins (with their weight in it)."""

    payer: str
    coins: tuple[tuple[Outpoint, int], ...]
    payee: str
    value_sat: int


class Step(NamedTuple):
    """One transaction as it is drawn: its shares, the outputs it spends and makes (whose, how much).

    `shared` says that which payer's money went to which payee is arithmetic: the weight of a share's coins
    is then their value.
    """

    txid: str
    shares: tuple[Share, ...]
    spent: dict[Outpoint, tuple[str, int]]
    made: dict[Outpoint, tuple[str, int]]
    fee_sat: int
    shared: bool


@dataclass(slots=True, eq=False)
class Appearance:
    """An address or a cluster at one stretch of time, while the picture is made.

    `others` holds the appearances that were merged into it, see `chainflow.figures.fold`.
    """

    number: int
    key: str
    column: int
    addresses: dict[str, None] = field(default_factory=dict)
    others: tuple[Appearance, ...] = ()
    has_paid: bool = False
    is_unordered: bool = False
    received_sat: int = 0
    sent_sat: int = 0
    internal_sat: int = 0
    spent_sat: int | None = None
    seed: str = ""
    ends: list[tuple[str, int, str]] = field(default_factory=list)


def ledger_steps(ledger: Ledger) -> Iterator[Step]:
    """Yield every transaction of a ledger in spending order; the fee is 0 where it is not known."""
    index = ledger.index
    fees = ledger.txs["fee_sat"].to_pylist()
    for tx, txid in enumerate(index.txids):
        spent, made = (
            {
                Outpoint(index.outpoint_txids[row], int(index.vout[row])): (
                    index.label_of(row),
                    int(index.value[row]),
                )
                for row in rows.tolist()
            }
            for rows in (index.inputs_of(tx), index.outputs_of(tx))
        )
        coins: dict[str, list[tuple[Outpoint, int]]] = {}
        for coin, (address, value) in spent.items():
            coins.setdefault(address, []).append((coin, value))
        shares = (
            Share(
                f"{UNSEEN}{txid}" if payer == NOT_IN_EVIDENCE else payer,
                tuple(coins.get(payer, ())),
                payee,
                value,
            )
            for payer, payee, value, _ in transfers(ledger, tx)
        )
        yield Step(txid, tuple(shares), spent, made, fees[tx] or 0, shared=True)


def ledger_ends(ledger: Ledger) -> Iterator[tuple[Outpoint, str, int, str]]:
    """Yield the outputs that nothing in the ledger spends: outpoint, address, value and why it ends there."""
    index = ledger.index
    types = ledger.outputs["script_type"].to_pylist()
    for row in range(index.n_outputs):
        if index.created_by[row] < 0 or index.spent_by[row] >= 0 or index.value[row] == 0:
            continue
        reason = EndReason.UNSPENT if index.states[row] == "unspent" else EndReason.UNKNOWN
        reason = EndReason.BURNT if types[row] == "op_return" else reason
        place = Outpoint(index.outpoint_txids[row], int(index.vout[row]))
        yield place, index.label_of(row), int(index.value[row]), reason.value


def trace_steps(trace: Trace) -> Iterator[Step]:
    """Yield every transaction of a trace in the chain's order, with what is traced of each payment."""
    names = ("txid", "vout", "value_sat")
    values = {row[:2]: row[2] for row in zip(*(trace.outputs[name].tolist() for name in names), strict=True)}
    moves: dict[str, list[Move]] = {}
    for move in trace.moves:
        moves.setdefault(move.txid, []).append(move)
    for txid in moves if trace.direction == "forward" else reversed(list(moves)):
        shares: list[Share] = []
        made: dict[Outpoint, tuple[str, int]] = {}
        fee = 0
        for move in moves[txid]:
            if move.to_outpoint is None or move.to_address is None:
                fee += move.tainted_sat
                continue
            shares.append(
                Share(move.from_address, ((move.from_outpoint, 1),), move.to_address, move.tainted_sat)
            )
            made[move.to_outpoint] = (move.to_address, int(values[txid, move.to_outpoint.vout]))
        yield Step(txid, tuple(shares), {}, made, fee, shared=False)


def trace_ends(trace: Trace) -> Iterator[tuple[Outpoint, str, int, str]]:
    """Yield where a trace ended: outpoint, address, traced value and why; fees are in the balance."""
    columns = (trace.ends[name].tolist() for name in ("txid", "vout", "address", "tainted_sat", "reason"))
    for txid, vout, address, value, reason in zip(*columns, strict=True):
        if isinstance(vout, int) and value:
            place = Outpoint(txid, vout)
            yield place, address if isinstance(address, str) else str(place), int(value), str(reason)


def trace_seeds(trace: Trace) -> Iterator[tuple[Outpoint, str]]:
    """Yield the outputs that a trace began at, and whose they are."""
    columns = (trace.outputs[name].tolist() for name in ("txid", "vout", "address", "hop"))
    for txid, vout, address, hop in zip(*columns, strict=True):
        if hop == 0:
            place = Outpoint(txid, vout)
            yield place, address if isinstance(address, str) else str(place)


@dataclass(slots=True)
class Stage:
    """The appearances and flows of a picture while its steps are played, in the chain's order.

    Parameters
    ----------
    owner_of : callable
        Address → the name of the item it belongs to: itself, or its cluster.
    in_time : bool
        Columns never go back in time: a transaction stands no further left than any before it.
    strict : bool
        An address that is paid after it has paid appears anew; otherwise only where a flow would run
        backwards, and what it pays itself is counted inside it.
    """

    owner_of: Callable[[str], str]
    in_time: bool = True
    strict: bool = True
    appearances: list[Appearance] = field(default_factory=list)
    flows: dict[Side, dict[str, int]] = field(default_factory=dict)
    txids: dict[str, None] = field(default_factory=dict)
    raw_sat: int = 0
    fee_sat: int = 0
    empty: int = 0
    _paid: dict[tuple[Appearance, str], int] = field(default_factory=dict)
    _together: dict[str, set[Appearance | str]] = field(default_factory=dict)
    _current: dict[str, Appearance] = field(default_factory=dict)
    _holder: dict[Outpoint, Appearance] = field(default_factory=dict)
    _floor: int = 0

    def play(self, steps: Iterable[Step]) -> None:
        """Take in all transactions."""
        for step in steps:
            self._play(step)

    def end(self, ends: Iterable[tuple[Outpoint, str, int, str]]) -> None:
        """Note on each item what goes no further, and why."""
        for place, address, value, reason in ends:
            holder = self._held(place, address) or self._open(address, 0)
            holder.ends.append((reason, value, str(place)))

    def begin(self, seeds: Iterable[tuple[Outpoint, str]], side: str) -> None:
        """Note the items that a trace begins at, and on which side of them ("in" or "out")."""
        for place, address in seeds:
            if (holder := self._held(place, address)) is not None:
                holder.seed = side

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max((appearance.column for appearance in self.appearances), default=-1) + 1

    def paid_to(self, side: Side, txid: str) -> int:
        """Return how much a transaction paid to the second of two appearances in all, whoever paid."""
        return sum(self._paid.get((payee, txid), 0) for payee in side[1].others or (side[1],))

    def basis_of(self, side: Side, txid: str) -> Basis:
        """Return what the amount from the first to the second of two appearances rests on."""
        together = self._together.get(txid)
        if together is None:
            return Basis.TRACED
        return Basis.OBSERVED if together <= set(side[0].others or side[:1]) else Basis.PRO_RATA

    def _play(self, step: Step) -> None:
        self.txids[step.txid] = None
        self.fee_sat += step.fee_sat
        self.raw_sat += step.fee_sat + sum(share.value_sat for share in step.shares)
        self.empty += sum(share.value_sat == 0 for share in step.shares)
        shares = [share for share in step.shares if share.value_sat]
        coins = {(coin, share.payer): None for share in shares for coin, _ in share.coins or ((None, 1),)}
        present = [held for coin, payer in coins if (held := self._held(coin, payer)) is not None]
        column = max([self._floor if self.in_time else 0, *(held.column for held in present)])
        self._floor = max(self._floor, column)
        payers = {place: self._held(*place) or self._open(place[1], column) for place in coins}
        for (coin, _), payer in payers.items():
            payer.has_paid = True
            if coin is not None:
                self._holder[coin] = payer
        for coin, (address, value) in step.spent.items():
            if (spender := self._held(coin, address)) is not None:
                spender.spent_sat = (spender.spent_sat or 0) + value
        sides = list(dict.fromkeys(payers.values()))
        keys = {self.owner_of(share.payee): share.payee for share in shares}
        if is_knot := step.shared and min(len(sides), len(keys)) > 1 and len(sides) * len(keys) > _MAX_PAIRS:
            column += 1
            sides = [self._knot(step, shares, payers, column)]
        if step.shared:
            self._together[step.txid] = set() if is_knot else {*sides, *self._unseen_payers(step, sides)}
        payees = {key: self._payee(address, column, sides) for key, address in keys.items()}
        for share in shares:
            self._share(step.txid, share, sides[0] if is_knot else payers, payees[self.owner_of(share.payee)])
        for place, (address, value) in step.made.items():
            if (payee := payees.get(self.owner_of(address))) is not None:
                self._holder[place] = payee
                self._paid[payee, step.txid] = self._paid.get((payee, step.txid), 0) + value

    def _unseen_payers(self, step: Step, sides: list[Appearance]) -> set[str]:
        """Return who put in too little for a share of anything, so that nothing is drawn from them."""
        paid = {s.payer for s in step.shares if not s.coins or any(value for _, value in s.coins)}
        return {self.owner_of(payer) for payer in paid} - {side.key for side in sides}

    def _knot(self, step: Step, shares: list[Share], payers: Payers, column: int) -> Appearance:
        """Return the transaction as an item, with what each payer put into it."""
        knot = Appearance(len(self.appearances), f"{KNOT}{step.txid}", column, has_paid=True)
        self.appearances.append(knot)
        put_in: dict[tuple[Outpoint | None, str], int] = {}
        for share in shares:
            for coin, value in share.coins:
                put_in[coin, share.payer] = value
            if not share.coins:
                put_in[None, share.payer] = put_in.get((None, share.payer), 0) + share.value_sat
        for place, value in put_in.items():
            self._flow(step.txid, payers[place], knot, value)
        self._paid[knot, step.txid] = sum(put_in.values())
        return knot

    def _held(self, coin: Outpoint | None, address: str) -> Appearance | None:
        """Return who holds a coin: who got it, or the owner as last seen where we do not know how."""
        holder = self._holder.get(coin) if coin is not None else None
        return holder if holder is not None else self._current.get(self.owner_of(address))

    def _open(self, address: str, column: int) -> Appearance:
        key = self.owner_of(address)
        opened = self._current[key] = Appearance(len(self.appearances), key, column, {address: None})
        self.appearances.append(opened)
        return opened

    def _payee(self, address: str, column: int, payers: list[Appearance]) -> Appearance:
        seen = self._current.get(self.owner_of(address))
        if seen is None:
            return self._open(address, column + 1)
        if not seen.has_paid:
            seen.column = max(seen.column, column + 1)
            return seen
        others = max((payer.column for payer in payers if payer is not seen), default=-1)
        if self.strict or seen.column <= others:
            return self._open(address, max(column, seen.column) + 1)
        seen.is_unordered = True
        return seen

    def _share(self, txid: str, share: Share, payers: Payers | Appearance, payee: Appearance) -> None:
        payee.addresses[share.payee] = None
        if isinstance(payers, Appearance):
            self._flow(txid, payers, payee, share.value_sat)
            return
        weights: dict[Appearance, int] = {}
        for coin, weight in share.coins or ((None, 1),):
            payer = payers[coin, share.payer]
            weights[payer] = weights.get(payer, 0) + weight
        for payer, value in zip(weights, units.split(share.value_sat, list(weights.values())), strict=True):
            payer.addresses[share.payer] = None
            self._flow(txid, payer, payee, value)

    def _flow(self, txid: str, payer: Appearance, payee: Appearance, value_sat: int) -> None:
        if payer is payee:
            payer.internal_sat += value_sat
        elif value_sat:
            payer.sent_sat += value_sat
            payee.received_sat += value_sat
            flow = self.flows.setdefault((payer, payee), {})
            flow[txid] = flow.get(txid, 0) + value_sat
