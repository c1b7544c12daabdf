"""The walk behind a trace: each transaction once, in the chain's order, with all that taint enters by.

Forward, the tainted inputs of a transaction are spent into its outputs and its fee; backward, its
tainted outputs are spent back into its inputs by the same rule. What arrives at an output either ends
there, with a reason, or is carried on.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping, Sequence
from operator import gt
from typing import NamedTuple, Protocol

from chainflow.errors import PluginError
from chainflow.model import EndReason, Outpoint
from chainflow.tracing.policies import Coin, Slice
from chainflow.tracing.route import FEE, Route, Side

__all__ = ["Mark", "Move", "Policy", "Stops", "Walk"]


class Policy(Protocol):
    """A rule that says which part of an output comes from which input.

    Register one under the entry-point group `chainflow.policies`. It has no state: the same coins give
    the same answer, whatever was traced before.
    """

    @property
    def name(self) -> str:
        """What it is called; includes every parameter that changes its answers."""

    @property
    def conserves(self) -> bool:
        """Whether the taint that leaves a transaction always equals the taint that enters it."""

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Return one coin for each of `values`, in that order, tainted by `inputs`.

        Both sides have one sum. Forward, `inputs` are in input order and `values` are the outputs and,
        last, the fee; backward, `inputs` are the outputs and the fee, `values` those of the inputs.
        Where the policy conserves, it conserves each label by itself.
        """


class Stops(NamedTuple):
    """Where a walk ends before the evidence does; see `trace`."""

    services: Container[str]
    coinjoins: Container[str]
    max_hops: int | None
    max_txs: int
    dust_sat: int


class Mark(NamedTuple):
    """Taint at an output row, or at the fee (row `FEE`) of `tx`, the row of the transaction that paid it."""

    tx: int
    row: int
    value_sat: int
    tainted_sat: int
    hop: int
    reason: EndReason | None


class Move(NamedTuple):
    """Tainted base units that one transaction took from one of its inputs to one of its outputs.

    `to_outpoint` and `to_address` are None for its fee. An address is `script:<hex>` where a script has
    none.
    """

    txid: str
    from_outpoint: Outpoint
    from_address: str
    to_outpoint: Outpoint | None
    to_address: str | None
    tainted_sat: int


class Walk:
    """One walk along a route, from its seeds to its ends.

    Parameters
    ----------
    route : Route
    seeds : mapping of int to int
        Output row → the label under which what is not yet tainted of it is claimed.
    policy : Policy
    stops : Stops

    Attributes
    ----------
    marks, ends : list of Mark
        Every output that taint arrived at, in the order of the walk; and where it ended, fees included.
    claimed : dict of int to int
        Label → base units that it was the first to claim.
    ended : dict of int to dict of EndReason to int
        Label → reason → base units.
    """

    def __init__(self, route: Route, seeds: Mapping[int, int], policy: Policy, *, stops: Stops) -> None:
        self.marks: list[Mark] = []
        self.ends: list[Mark] = []
        self.claimed: dict[int, int] = dict.fromkeys(seeds.values(), 0)
        self.ended: dict[int, dict[EndReason, int]] = {label: {} for label in self.claimed}
        self._route, self._seeds, self._policy, self._stops = route, seeds, policy, stops
        self._carried: dict[int, Coin] = {}
        self._hops: dict[int, int] = {}
        self._walked: list[int] = []
        self._waiting: list[int] = []
        self._queued: set[int] = set()

    def run(self) -> None:
        """Walk until everything has ended."""
        for row in sorted(self._seeds):
            if self._route.before[row] < 0:
                self._arrive(row, Coin(self._route.values[row]), 0)
            else:
                self._queue(self._route.before[row])
        while self._waiting:
            self._visit(abs(heapq.heappop(self._waiting)))

    def _queue(self, tx: int) -> None:
        """Put a transaction in line; rows are in spending order, so all that leads to it comes before."""
        if tx not in self._queued:
            self._queued.add(tx)
            heapq.heappush(self._waiting, tx if self._route.forward else -tx)

    def _visit(self, tx: int) -> None:
        """Spend what was carried to a transaction, and claim the seeds on its far side."""
        sources, targets = self._route.sides(tx)
        carried = [row for row, _ in sources if row in self._carried]
        if carried and len(self._walked) >= self._stops.max_txs:
            for row in carried:
                self._end(row, self._carried.pop(row), self._hops[row], EndReason.LIMIT)
            carried = []
        coins, hop = [Coin(value) for _, value in targets], 0
        if carried:
            self._walked.append(tx)
            hop = 1 + min(self._hops[row] for row in carried)
            coins = self._spend(tx, sources, targets, self._carried)
        for (row, _), coin in zip(targets, coins, strict=True):
            if row != FEE:
                self._arrive(row, coin, hop)
            elif coin.slices:
                self._end(FEE, coin, hop, EndReason.FEE, tx=tx)

    def _arrive(self, row: int, coin: Coin, hop: int) -> None:
        """Note what arrived at an output, and either end there or carry it on."""
        if row in self._seeds:
            coin, hop = self._claim(row, coin), 0
        if not coin.slices:
            return
        tainted = coin.tainted_sat
        self.marks.append(Mark(self._route.makers[row], row, coin.value_sat, tainted, hop, None))
        reason = self._reason(row, tainted, hop)
        if reason is not None:
            self._end(row, coin, hop, reason)
            return
        self._carried[row], self._hops[row] = coin, hop
        self._queue(self._route.after[row])

    def _claim(self, row: int, coin: Coin) -> Coin:
        """Fill what is not tainted of a seed: the first claim wins, no unit is claimed twice."""
        label, at, slices = self._seeds[row], 0, []
        for piece in (*coin.slices, Slice(coin.value_sat, 0, label)):
            if piece.start > at:
                slices.append(Slice(at, piece.start - at, label))
            if piece.length:
                slices.append(piece)
            at = piece.start + piece.length
        self.claimed[label] += coin.value_sat - coin.tainted_sat
        return Coin(coin.value_sat, tuple(slices))

    def _reason(self, row: int, tainted_sat: int, hop: int) -> EndReason | None:
        """Return why a trace ends at an output, the first reason that holds; None: it goes on."""
        stops, index = self._stops, self._route.index
        if row not in self._seeds and index.label_of(row) in stops.services:
            return EndReason.SERVICE
        final = self._route.final(row)
        if final is not None:
            return final
        if tainted_sat < stops.dust_sat:
            return EndReason.DUST
        if index.txids[self._route.after[row]] in stops.coinjoins:
            return EndReason.COINJOIN
        if stops.max_hops is not None and hop >= stops.max_hops:
            return EndReason.LIMIT
        return None

    def _end(self, row: int, coin: Coin, hop: int, reason: EndReason, *, tx: int | None = None) -> None:
        place = self._route.makers[row] if tx is None else tx
        self.ends.append(Mark(place, row, coin.value_sat, coin.tainted_sat, hop, reason))
        for label, amount in coin.by_label.items():
            book = self.ended.setdefault(label, {})
            book[reason] = book.get(reason, 0) + amount

    def _spend(self, tx: int, sources: Side, targets: Side, carried: Mapping[int, Coin]) -> list[Coin]:
        """Apply the policy to one transaction and check that its answer adds up."""
        coins = [carried.get(row) or Coin(value) for row, value in sources]
        values = [value for _, value in targets]
        made = self._policy.spend(coins, values)
        tainted = [coin.tainted_sat for coin in made]
        if [coin.value_sat for coin in made] != values or any(map(gt, tainted, values)):
            raise self._broken(tx, "answers with other values than it was given")
        if self._policy.conserves and sum(tainted) != sum(coin.tainted_sat for coin in coins):
            raise self._broken(tx, "says that it conserves but lets taint appear or vanish")
        return made

    def _broken(self, tx: int, why: str) -> PluginError:
        return PluginError(
            f"the policy {self._policy.name!r} {why} at {self._route.index.txids[tx]}",
            hint="nothing of this trace was used; report it to the policy's author",
        )

    def moves(self) -> Iterator[Move]:
        """Yield what each transaction took from which tainted input to which output, in walking order.

        Found by spending again with one label for each carried coin, so it is as exact as the policy.
        """
        for tx in self._walked:
            sources, targets = self._route.sides(tx)
            carried = {
                row: _relabelled(self._carried[row], number)
                for number, (row, _) in enumerate(sources)
                if row in self._carried
            }
            made = self._spend(tx, sources, targets, carried)
            for (target, _), coin in zip(targets, made, strict=True):
                for number, amount in sorted(coin.by_label.items()):
                    yield self._move(tx, sources[number][0], target, amount)

    def _move(self, tx: int, source: int, target: int, tainted_sat: int) -> Move:
        payer, payee = (source, target) if self._route.forward else (target, source)
        outpoint, address = (None, None) if payee == FEE else self._place(payee)
        return Move(self._route.index.txids[tx], *self._place(payer), outpoint, address, tainted_sat)

    def _place(self, row: int) -> tuple[Outpoint, str]:
        index = self._route.index
        return Outpoint(index.outpoint_txids[row], int(index.vout[row])), index.label_of(row)


def _relabelled(coin: Coin, label: int) -> Coin:
    return Coin(coin.value_sat, tuple(piece._replace(label=label) for piece in coin.slices))
