"""Spending order: which transaction stands before which, whatever was learnt first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from chainflow.errors import SourcesDisagree
from chainflow.model import TxRecord

__all__ = ["TxKey", "spending_order"]

TxKey = tuple[str, str]
"""(chain, txid)"""


def spending_order(txs: Mapping[TxKey, TxRecord], spending: Iterable[tuple[TxKey, TxKey]]) -> list[TxKey]:
    """Return transactions by (height, position, txid), parents always before their children.

    `spending` are (parent, child): the child spends an output of the parent.

    Block times are not monotonic and explorers rarely tell the position in a block, so the order inside
    a block comes from who spends whom (Kahn 1962).

    Raises
    ------
    SourcesDisagree
        If transactions spend each other in a circle.
    """
    parents: dict[TxKey, set[TxKey]] = {key: set() for key in txs}
    children: dict[TxKey, set[TxKey]] = {key: set() for key in txs}
    for parent, child in spending:
        if parent in txs and child in txs:
            parents[child].add(parent)
            children[parent].add(child)

    def rank(key: TxKey) -> tuple[object, ...]:
        tx = txs[key]
        far = 2**62
        return (far if tx.height is None else tx.height, far if tx.position is None else tx.position, key)

    ready = [(rank(key), key) for key, above in parents.items() if not above]
    heapq.heapify(ready)
    order: list[TxKey] = []
    while ready:
        _, key = heapq.heappop(ready)
        order.append(key)
        for heir in children[key]:
            parents[heir].discard(key)
            if not parents[heir]:
                heapq.heappush(ready, (rank(heir), heir))
    if len(order) < len(txs):
        stuck = sorted(set(txs) - set(order))[0]
        raise SourcesDisagree(
            f"transactions spend each other in a circle around {stuck[1]}",
            hint="one of the replies is false; remove that source and fetch again",
        )
    return order
