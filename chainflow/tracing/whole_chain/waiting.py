"""Which transactions wait for a visit: a set of numbers that gives back its smallest member fast.

A tree of bits, 64 to a word: a bit says that something is set below it. Putting in and taking out touch
one word a level, at most four for a chain of ten million transactions, so the same set serves a trace of
five transactions and one of all. It needs an eighth of a byte per transaction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainflow.tracing.whole_chain.columns import Ints
from chainflow.tracing.whole_chain.machine import inlined, lowest

__all__ = ["Waiting", "drop", "enter", "following", "make_waiting", "put"]


class Waiting(NamedTuple):
    """The words of all levels, leaves first, and where each level begins; the last number ends the words.

    A spare word before the first takes in the number −1, so that nobody has to ask for it.
    """

    words: Ints
    starts: Ints


def make_waiting(members: int) -> Waiting:
    """Return an empty set for the numbers from 0 to `members - 1`."""
    starts, size = [1], max(members, 1)
    while size > 1 or len(starts) == 1:
        size = (size + 63) // 64
        starts.append(starts[-1] + size)
    words = np.zeros(starts[-1], np.int64)
    words[0] = -1
    return Waiting(words, np.array(starts))


@inlined
def put(words: Any, starts: Any, member: Any) -> None:
    """Put a number in; −1 is lost."""
    place = member
    for level in range(starts.size - 1):
        at = starts[level] + (place >> 6)
        before = words[at]
        words[at] = before | (np.int64(1) << (place & 63))
        if before != 0:
            return
        place >>= 6


@inlined
def drop(words: Any, starts: Any, member: Any) -> None:
    """Take a number out that is in."""
    place = member
    for level in range(starts.size - 1):
        at = starts[level] + (place >> 6)
        words[at] &= ~(np.int64(1) << (place & 63))
        if words[at] != 0:
            return
        place >>= 6


@inlined
def following(words: Any, starts: Any, least: Any) -> Any:
    """Return the smallest number in the set that is not below `least`; −1 if there is none."""
    place = np.int64(least)
    for level in range(starts.size - 1):
        at = starts[level] + (place >> 6)
        if at >= starts[level + 1]:
            return np.int64(-1)
        rest = words[at] & (np.int64(-1) << (place & 63))
        if rest != 0:
            place = (place & ~63) + lowest(rest)
            for below in range(level - 1, -1, -1):
                place = (place << 6) + lowest(words[starts[below] + place])
            return place
        place = (place >> 6) + 1
    return np.int64(-1)


@inlined
def enter(seeds: Any, out_ptr: Any, shift: Any, words: Any, starts: Any) -> None:
    """Let the transactions that made the seeds (by 2 to the `shift`) wait; the last seed is `LAST`."""
    for place in range(seeds.size - 1):
        low, high = np.int64(0), np.int64(out_ptr.size)
        while low < high:
            middle = (low + high) >> 1
            if out_ptr[middle] <= seeds[place]:
                low = middle + 1
            else:
                high = middle
        put(words, starts, (low - 1) >> shift)
