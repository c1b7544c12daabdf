"""Which transactions a trace with a limit goes through: best first, those that the most taint comes to."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chainflow.tracing.policies import Coin
from chainflow.tracing.route import FEE

if TYPE_CHECKING:
    from chainflow.tracing.walk import Walk

__all__ = ["Step", "largest_first", "largest_steps"]


class Step(NamedTuple):
    """Taint that a whole walk took from one account on to the next; ties go to the lower `order`."""

    order: int
    txid: str
    source: Hashable
    target: Hashable
    amount: int


def largest_steps(starts: Iterable[Hashable], steps: Sequence[Step], most: int) -> frozenset[str]:
    """Return up to `most` txids: always the one next that took the largest taint from what was reached so far.

    Like `largest_first` it only chooses: it goes by what a walk without a limit took. Amounts of two assets are
    compared as they stand, in base units.
    """
    leaving: dict[Hashable, list[Step]] = {}
    for step in steps:
        leaving.setdefault(step.source, []).append(step)
    waiting: dict[str, list[Step]] = {}
    heap: list[tuple[int, int, str]] = []
    chosen: set[str] = set()
    reached: set[Hashable] = set()

    def reach(places: list[Hashable]) -> None:
        while places:
            place = places.pop()
            for step in () if place in reached else leaving.get(place, ()):
                if step.txid in chosen:
                    places.append(step.target)
                else:
                    some = waiting.setdefault(step.txid, [])
                    some.append(step)
                    heapq.heappush(heap, (-sum(one.amount for one in some), some[0].order, step.txid))
            reached.add(place)

    reach([*starts])
    while heap and len(chosen) < most:
        _, _, txid = heapq.heappop(heap)
        if txid not in chosen:  # its largest sum was met first
            chosen.add(txid)
            reach([step.target for step in waiting[txid]])
    return frozenset(chosen)


def largest_first(walk: Walk, most: int) -> frozenset[int]:
    """Return up to `most` transaction rows: always the one next that the largest taint waits at.

    It only chooses: taint that comes to a transaction which was chosen already is not sent on here, and the
    walk through the chosen ones, in the chain's order, is what counts. Ties go to the earlier transaction
    (backward: the later one).
    """
    route = walk.route
    carried: dict[int, Coin] = {}
    hops: dict[int, int] = {}
    waiting_sat: dict[int, int] = {}
    heap: list[tuple[int, int, int]] = []
    chosen: set[int] = set()

    def arrive(row: int, coin: Coin, hop: int) -> None:
        _, coin = walk.parted(row, walk.register.filled(row, coin))
        tainted = coin.tainted_sat
        if not tainted or row in carried or walk.reason(row, tainted, hop) is not None:
            return
        tx = route.after[row]
        carried[row], hops[row] = coin, hop
        waiting_sat[tx] = waiting_sat.get(tx, 0) + tainted
        heapq.heappush(heap, (-waiting_sat[tx], tx if route.forward else -tx, tx))

    for row in sorted(walk.register.places):
        arrive(row, Coin(route.values[row]), 0)
    while heap and len(chosen) < most:
        amount, _, tx = heapq.heappop(heap)
        if tx in chosen or -amount != waiting_sat[tx]:
            continue
        chosen.add(tx)
        sources, targets = route.sides(tx)
        hop = 1 + min(hops[row] for row, _ in sources if row in carried)
        for (row, _), coin in zip(targets, walk.spend(tx, sources, targets, carried), strict=True):
            if row != FEE:
                arrive(row, coin, hop)
    return frozenset(chosen)
