"""The walk behind a trace: each transaction once, in the chain's order, with all that taint enters by.

Forward, the tainted inputs of a transaction are spent into its outputs and its fee; backward, its
tainted outputs are spent back into its inputs by the same rule. What arrives at an output either ends
there, with a reason, or is carried on.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping
from operator import gt
from typing import NamedTuple

from chainflow.errors import PluginError
from chainflow.model import EndReason, Outpoint
from chainflow.progress import Progress
from chainflow.tracing.asset import Asset
from chainflow.tracing.largest import largest_first
from chainflow.tracing.policies import Coin, Policy, Seniority, Tiho, Tilo
from chainflow.tracing.register import Register, parted
from chainflow.tracing.route import FEE, Route, Side
from chainflow.tracing.stops import Stops

__all__ = ["Mark", "Move", "Walk"]


class Mark(NamedTuple):
    """Taint at an output row, or at the fee (row `FEE`) of `tx`, the row of the transaction that paid it.

    `shares` are (label, base units), their sum is `tainted_sat`.
    """

    tx: int
    row: int
    value_sat: int
    tainted_sat: int
    hop: int
    reason: EndReason | None
    shares: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, tx: int, row: int, coin: Coin, hop: int, reason: EndReason | None = None) -> Mark:
        """Return the mark of a coin."""
        shares = tuple(sorted(coin.by_label.items()))
        return cls(tx, row, coin.value_sat, coin.tainted_sat, hop, reason, shares)


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
    register : Register
        Who claims what of which output row.
    policy : Policy
    asset : Asset
    stops : Stops
    coinjoins : container of str
        Txids that no rule sees through.
    converted : mapping of int to int
        Output row → base units of it that went on as another asset; the rest goes its way.
    begin : int or None
        When the trace began, Unix seconds; `None`: not known.

    Attributes
    ----------
    marks, ends : list of Mark
        Every output that taint arrived at, in the order of the walk; and where it ended, fees included.
    """

    def __init__(
        self,
        route: Route,
        register: Register,
        policy: Policy,
        *,
        asset: Asset,
        stops: Stops,
        coinjoins: Container[str] = (),
        converted: Mapping[int, int] | None = None,
        begin: int | None = None,
    ) -> None:
        self.route, self.register, self.policy, self.stops = route, register, policy, stops
        self._coinjoins, self._converted, self._begin = coinjoins, converted or {}, begin
        self.asset = asset
        self._chosen: Container[int] | None = None
        self.report: Progress = lambda done, left, what: None
        self._clear()

    def _clear(self) -> None:
        self.marks: list[Mark] = []
        self.ends: list[Mark] = []
        self.register.clear()
        self.carried: dict[int, Coin] = {}
        self.hops: dict[int, int] = {}
        self._walked: list[int] = []
        self._waiting: list[int] = []
        self._queued: set[int] = set()

    def run(self) -> None:
        """Walk until everything has ended; where there are too many transactions, through the largest."""
        self._run()
        if len(self._walked) > self.stops.limits.max_txs:
            self._chosen = largest_first(self, self.stops.limits.max_txs)
            self._clear()
            self._run()

    def _run(self) -> None:
        for row in sorted(self.register.places):
            if self.route.before[row] < 0:
                self._arrive(row, Coin(self.route.values[row]), 0)
            else:
                self._queue(self.route.before[row])
        most = self.stops.limits.max_txs
        while self._waiting and (self._chosen is not None or len(self._walked) <= most):
            self._visit(abs(heapq.heappop(self._waiting)))
            self.report(len(self._walked), len(self._waiting), "transactions")

    def _queue(self, tx: int) -> None:
        """Put a transaction in line; rows are in spending order, so all that leads to it comes before."""
        if tx not in self._queued:
            self._queued.add(tx)
            heapq.heappush(self._waiting, tx if self.route.forward else -tx)

    def _visit(self, tx: int) -> None:
        """Spend what was carried to a transaction, and claim the seeds on its far side."""
        sources, targets = self.route.sides(tx)
        carried = [row for row, _ in sources if row in self.carried]
        if carried and self._chosen is not None and tx not in self._chosen:
            for row in carried:
                self._end(row, self.carried.pop(row), self.hops[row], EndReason.LIMIT)
            carried = []
        coins, hop = [Coin(value) for _, value in targets], 0
        if carried:
            self._walked.append(tx)
            hop = 1 + min(self.hops[row] for row in carried)
            coins = self.spend(tx, sources, targets, self.carried)
        for (row, _), coin in zip(targets, coins, strict=True):
            if row != FEE:
                self._arrive(row, coin, hop)
            elif coin.slices:
                self._end(FEE, coin, hop, EndReason.FEE, tx=tx)

    def _arrive(self, row: int, coin: Coin, hop: int) -> None:
        """Note what arrived at an output, and either end there or carry it on."""
        if row in self.register.places:
            coin, hop = self.register.claim(row, coin, self.asset, hop)
        if not coin.slices:
            return
        self.marks.append(Mark.of(self.route.makers[row], row, coin, hop))
        gone, coin = self.parted(row, coin)
        if gone.slices:
            self._end(row, gone, hop, EndReason.CONVERTED)
        if not coin.slices:
            return
        reason = self.reason(row, coin.tainted_sat, hop)
        if reason is not None:
            self._end(row, coin, hop, reason)
            return
        self.carried[row], self.hops[row] = coin, hop
        self._queue(self.route.after[row])

    def parted(self, row: int, coin: Coin) -> tuple[Coin, Coin]:
        """Return what of an output was converted, and what was not."""
        return parted(coin, self._converted.get(row, 0))

    def reason(self, row: int, tainted_sat: int, hop: int) -> EndReason | None:
        """Return why a trace ends at an output, the first reason that holds; None: it goes on."""
        route = self.route
        found = None if row in self.register.own else self.stops.at(route.index.label_of(row))
        found = found or route.final(row)
        if found is EndReason.UNKNOWN and self._is_far(row, hop):
            return EndReason.LIMIT
        if found is not None:
            return found
        after = route.after[row]
        if route.index.txids[after] in self._coinjoins:
            return EndReason.COINJOIN
        seconds = route.seconds(self._begin, after)
        return self.stops.limits.ends(route.values[row], tainted_sat, hop, seconds)

    def _is_far(self, row: int, hop: int) -> bool:
        """Return whether the limit of hops is reached at an output that is known to go on: then it is the limit."""
        most = self.stops.limits.max_hops
        is_known = not self.route.forward or self.route.index.states[row] == "spent"
        return most is not None and hop >= most and is_known

    def _end(self, row: int, coin: Coin, hop: int, reason: EndReason, *, tx: int | None = None) -> None:
        place = self.route.makers[row] if tx is None else tx
        self.ends.append(Mark.of(place, row, coin, hop, reason))

    def spend(
        self,
        tx: int,
        sources: Side,
        targets: Side,
        carried: Mapping[int, Coin],
        policy: Policy | None = None,
    ) -> list[Coin]:
        """Apply the policy to one transaction and check that its answer adds up."""
        policy = policy or self.policy
        coins = [carried.get(row) or Coin(value) for row, value in sources]
        values = [value for _, value in targets]
        # a rule may take the last of the values for the fee: backward there is none on this side
        fee = [] if self.route.forward else [0]
        made = policy.spend(coins, values + fee)[: len(values)]
        tainted = [coin.tainted_sat for coin in made]
        if [coin.value_sat for coin in made] != values or any(map(gt, tainted, values)):
            raise self._broken(tx, "answers with other values than it was given")
        if self.policy.conserves and sum(tainted) != sum(coin.tainted_sat for coin in coins):
            raise self._broken(tx, "says that it conserves but lets taint appear or vanish")
        return made

    def _broken(self, tx: int, why: str) -> PluginError:
        return PluginError(
            f"the policy {self.policy.name!r} {why} at {self.route.index.txids[tx]}",
            hint="nothing of this trace was used; report it to the policy's author",
        )

    def ended(self) -> Iterator[tuple[Asset, Mark]]:
        """Yield each end with what is counted there."""
        return ((self.asset, mark) for mark in self.ends)

    def flows(self) -> dict[int, list[tuple[int, int, int]]]:
        """Return transaction row → (row that paid, row or `FEE` that was paid, base units), as the walk went.

        Found by spending again with labels that tell the carried coins apart, so it is as exact as the policy.
        """
        return {tx: [*self._flows_of(tx)] for tx in self._walked}

    def _flows_of(self, tx: int) -> Iterator[tuple[int, int, int]]:
        sources, targets = self.route.sides(tx)
        told = [
            (row, label) for row, _ in sources if row in self.carried for label in self.carried[row].by_label
        ]
        numbers = {pair: number for number, pair in enumerate(told)}
        carried = {
            row: Coin(
                coin.value_sat,
                tuple(piece._replace(label=numbers[row, piece.label]) for piece in coin.slices),
            )
            for row, coin in ((row, self.carried[row]) for row, _ in sources if row in self.carried)
        }
        policy = self.policy
        if isinstance(policy, Seniority | Tiho | Tilo):
            sources, carried, told = self._by_label(sources, told)
            policy = Seniority() if isinstance(policy, Seniority) else policy
        made = self.spend(tx, sources, targets, carried, policy)
        for (target, _), coin in zip(targets, made, strict=True):
            sums: dict[int, int] = {}
            for number, amount in sorted(coin.by_label.items()):
                row = told[number][0]
                sums[row] = sums.get(row, 0) + amount
            yield from ((row, target, amount) for row, amount in sums.items())

    def _by_label(
        self, sources: Side, told: list[tuple[int, int]]
    ) -> tuple[Side, dict[int, Coin], list[tuple[int, int]]]:
        """Return the inputs sorted by label, one coin for each input and label: some rules fill label by label."""
        first = list(dict.fromkeys(label for _, label in told))
        rank = self.policy.rank if isinstance(self.policy, Seniority) else first.index
        told = sorted(told, key=lambda pair: rank(pair[1]))
        amounts = [self.carried[row].by_label[label] for row, label in told]
        clean = sum(value for _, value in sources) - sum(amounts)
        coins = {number: Coin.of(amount, {number: amount}) for number, amount in enumerate(amounts)}
        return [*enumerate(amounts), (len(told), clean)], coins, told

    def moves(self) -> Iterator[Move]:
        """Yield what each transaction took from which tainted input to which output, in walking order."""
        for tx, flows in self.flows().items():
            for source, target, amount in flows:
                yield self._move(tx, source, target, amount)

    def _move(self, tx: int, source: int, target: int, tainted_sat: int) -> Move:
        payer, payee = (source, target) if self.route.forward else (target, source)
        outpoint, address = (None, None) if payee == FEE else self._place(payee)
        return Move(self.route.index.txids[tx], *self._place(payer), outpoint, address, tainted_sat)

    def _place(self, row: int) -> tuple[Outpoint, str]:
        index = self.route.index
        return Outpoint(index.outpoint_txids[row], int(index.vout[row])), index.label_of(row)
