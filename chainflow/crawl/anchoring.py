"""Asking for the headers between blocks and shipped checkpoints: as few as will do, and none twice."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from chainflow.checkpoints import CHECKPOINTS
from chainflow.crawl.asker import Asker
from chainflow.crawl.reading import Reading
from chainflow.ledger.headers import DEEP
from chainflow.sources import Source

__all__ = ["anchor"]

_MOST = 50
"""Requests that are sent where nobody set a budget: some 100,000 headers."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Headers that chain blocks to a checkpoint: the block of height `first`, its hash, and so on to `last`."""

    first: int
    last: int
    first_hash: str


def anchor(asker: Asker, source: Source, blocks: Mapping[int, str]) -> dict[str, str]:
    """Ask for the headers that chain these blocks (height → hash) to checkpoints; return what was not asked, and why.

    A block below a checkpoint needs all headers from its own up to the checkpoint. One above the newest needs
    those from the checkpoint to five on top of it. The lowest block of a stretch between two checkpoints (above
    the newest, the highest) brings the others. Where it is too far for the budget, the nearer ones are asked for.
    """
    known = CHECKPOINTS.get(source.chain, {})
    if not known or not blocks:
        return {"headers": f"no checkpoint of {source.chain} is shipped"} if blocks else {}
    newest = max(known)
    stretches: dict[int | None, list[int]] = {}
    for height in sorted(blocks):
        goal = min((checkpoint for checkpoint in known if checkpoint >= height), default=None)
        stretches.setdefault(goal, []).append(height)
    left = _too_new(asker, source, stretches.get(None, []))
    most = asker.asked + _MOST if asker.budget is None else asker.budget
    plans: list[tuple[int, list[_Run]]] = []
    for goal, heights in stretches.items():
        if goal is None:
            runs = [_Run(newest, height + DEEP - 1, known[newest]) for height in heights]
        else:
            runs = [_Run(height, goal, blocks[height]) for height in reversed(heights)]
        if runs:
            plans.append((_cost(asker, source, runs[-1]), runs))
    for cost, runs in sorted(plans, key=operator.itemgetter(0)):
        left |= _ask(asker, source, runs, cost, most - asker.asked)
    return left


def _too_new(asker: Asker, source: Source, heights: list[int]) -> dict[str, str]:
    """Take out the blocks that are not deep enough yet, and say so."""
    tip = asker.newest(source) if heights else None
    left: dict[str, str] = {}
    while tip is not None and heights and heights[-1] + DEEP - 1 > tip:
        height = heights.pop()
        left[f"block {height:,}"] = f"{tip - height} of {DEEP - 1} blocks are on top of it: ask again later"
    return left


def _ask(asker: Asker, source: Source, runs: list[_Run], cost: int, rest: int) -> dict[str, str]:
    """Ask for the longest of these runs (shortest first, each in the next) that takes at most `rest` requests."""
    count = len(runs) if cost <= rest else bisect_right(runs, rest, key=partial(_cost, asker, source))
    left: dict[str, str] = {}
    if count < len(runs):
        longest = runs[-1]
        left[f"headers {longest.first:,} to {longest.last:,}"] = (
            f"{cost:,} requests for {len(runs) - count:,} block(s), but {max(rest, 0):,} may be sent: "
            f"ask with a budget of {cost + 1:,}"
        )
    if count:
        run = runs[count - 1]
        if why := Reading(asker, source).headers(run.first, run.last, run.first_hash):
            left[f"headers {run.first:,} to {run.last:,}"] = why
    return left


def _cost(asker: Asker, source: Source, run: _Run) -> int:
    """Return how many requests a run takes; of those that go from hash to hash, only the first is known."""
    paths = source.header_paths(run.first, run.last, run.first_hash)
    return sum(not asker.is_known(source, path) for path in paths)
