"""Blocks of one file put in their places: the height of each, and which of two rivals counts.

A node keeps blocks in the order in which they came, stale ones among them, and writes no heights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainflow.sources.mined import GENESIS, height_in
from chainflow.transactions import Block

__all__ = ["heights_of", "rivals_of"]


def heights_of(chain: str, blocks: Sequence[Block]) -> dict[str, int]:
    """Return block hash → height where it can be told: from its coinbase, the first block, or a neighbour.

    A block whose coinbase (BIP34) and neighbours say different heights keeps its coinbase's; see
    `chainflow.sources.mined.height_in` for when a coinbase is believed.
    """
    by_hash = {block.header.hash: block for block in blocks}
    order = _parents_first(by_hash)
    known: dict[str, int] = {}
    for name in order:
        said = 0 if name in GENESIS.get(chain, ()) else height_in(chain, by_hash[name])
        before = known.get(by_hash[name].header.prev_hash)
        height = said if said is not None else None if before is None else before + 1
        if height is not None:
            known[name] = height
    for name in reversed(order):
        parent = by_hash[name].header.prev_hash
        if known.get(name) and parent in by_hash:
            known.setdefault(parent, known[name] - 1)
    for name in order:
        parent = by_hash[name].header.prev_hash
        if parent in known:
            known.setdefault(name, known[parent] + 1)
    return known


def rivals_of(blocks: Sequence[Block], heights: Mapping[str, int]) -> dict[str, str]:
    """Return block hash → why it does not count: another block of the file stands at its height.

    Of rivals the one with most work on top of it, in this file, counts; of equals none does.
    """
    by_hash = {block.header.hash: block for block in blocks}
    order = _parents_first(by_hash)
    weight: dict[str, int] = dict.fromkeys(by_hash, 0)
    for name in reversed(order):
        weight[name] += by_hash[name].header.work
        before = by_hash[name].header.prev_hash
        if before in weight:
            weight[before] = max(weight[before], weight[name])
    places: dict[object, list[str]] = {}
    for name in order:
        places.setdefault(heights.get(name, by_hash[name].header.prev_hash), []).append(name)
    lost: dict[str, str] = {}
    for rivals in (names for names in places.values() if len(names) > 1):
        best = max(weight[name] for name in rivals)
        winners = [name for name in rivals if weight[name] == best]
        for name in rivals:
            if len(winners) > 1:
                lost[name] = (
                    f"{len(rivals)} blocks stand at its height, and the file does not tell which counts"
                )
            elif name != winners[0]:
                lost[name] = f"block {winners[0]} stands at its height, with more work on it"
    for name in order:
        if name not in lost and (before := by_hash[name].header.prev_hash) in lost:
            lost[name] = f"it stands on block {before}, which does not count"
    return lost


def _parents_first(by_hash: Mapping[str, Block]) -> list[str]:
    """Return the blocks so that each comes after the one it stands on."""
    children: dict[str, list[str]] = {}
    for name, block in by_hash.items():
        children.setdefault(block.header.prev_hash, []).append(name)
    order = [name for name, block in by_hash.items() if block.header.prev_hash not in by_hash]
    for name in order:
        order += children.get(name, ())
    return order
