"""Kernels that choose which transactions a trace with a limit goes through: the largest taint first.

The fast twins of `tracing.largest.largest_first`: always the transaction next at which the most taint waits,
of equal ones the earlier. They only choose; the walk through the chosen, in the chain's order, is what counts.
Whoever comes to a chosen transaction later is not sent on here.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np
from numba import types
from numba.typed import Dict

from chainflow.tracing.whole_chain import lines, shares
from chainflow.tracing.whole_chain.columns import LAST
from chainflow.tracing.whole_chain.machine import compiled, inlined

__all__ = ["choose_lines", "choose_shares"]

_CHOSEN = -1


@inlined
def _ascending(chosen: Any) -> Any:
    chosen.append(np.int64(LAST))
    return np.sort(np.array(chosen))


@inlined
def _split(rule: int, tainted: Any, whole: Any, value: Any, first: Any, last: Any, parts: Any) -> None:
    """Fill `parts` with what each output gets."""
    if rule >= shares.TIHO:
        shares.fill(tainted, value, first, last, rule == shares.TIHO, parts)
        return
    rate = np.float64(tainted) / np.float64(max(whole, np.int64(1)))
    seen, before = np.int64(0), np.int64(0)
    for row in range(first, last):
        seen += value[row]
        after = shares.upto(tainted, seen, whole, rate) if rule == shares.HAIRCUT else seen
        parts[row - first] = after - before
        before = after


@compiled
def choose_shares(
    rule: int, columns: Any, whole: Any, seeds: Any, floor: int, most: int, tainted_at: Any, parts: Any
) -> Any:
    """Return up to `most` transactions, ascending, `LAST` after the last; for rules that need sums only.

    The parameters are those of `shares.spread`; `tainted_at` is all 0 before and after.
    """
    out_ptr, value, spent_by = columns.out_ptr, columns.value, columns.spent_by
    heap = [(np.int64(0), np.int64(0)) for _ in range(0)]
    chosen, touched = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    for row in seeds[:-1]:
        if value[row] >= max(floor, 1) and spent_by[row] >= 0:
            tx = np.int64(spent_by[row])
            tainted_at[tx] += value[row]
            touched.append(tx)
            heappush(heap, (-tainted_at[tx], tx))
    while len(heap) > 0 and len(chosen) < most:
        amount, tx = heappop(heap)
        if tainted_at[tx] != -amount:
            continue  # more came since, or it was chosen
        tainted_at[tx] = _CHOSEN
        chosen.append(tx)
        first, last = out_ptr[tx], out_ptr[tx + 1]
        _split(rule, -amount, whole[tx], value, first, last, parts)
        at = np.searchsorted(seeds, first)
        for row in range(first, last):
            spender = np.int64(spent_by[row])
            if row == seeds[at]:
                at += 1
            elif parts[row - first] >= max(floor, 1) and spender >= 0 and tainted_at[spender] != _CHOSEN:
                tainted_at[spender] += parts[row - first]
                touched.append(spender)
                heappush(heap, (-tainted_at[spender], spender))
    for tx in touched:
        tainted_at[tx] = 0
    return _ascending(chosen)


@inlined
def _room(array: Any, size: Any) -> Any:
    """Return an array at least so long that begins with what this one holds."""
    if size <= array.size:
        return array
    longer = np.empty(2 * size, array.dtype)
    longer[: array.size] = array
    return longer


@inlined
def _of(numbers: Any, key: Any, otherwise: int) -> Any:
    # not `get`, whose answer may be nothing at all for numba
    return numbers[key] if key in numbers else np.int64(otherwise)


@compiled
def choose_lines(
    rule: int, columns: Any, seeds: Any, names: Any, ranks: Any, floor: int, most: int, places: Any
) -> Any:
    """Return the same for rules that follow every base unit; the parameters are those of `lines.lay`.

    An output that taint came to has a place in the order in which it was reached; its pieces lie together.
    """
    in_ptr, source, out_ptr, value, spent_by = columns
    least = max(np.int64(floor), np.int64(1))
    place_of = Dict.empty(types.int64, types.int64)
    waiting = Dict.empty(types.int64, types.int64)
    begins, labels, lengths = np.zeros(64, np.int64), np.zeros(64, np.int32), np.zeros(64, np.int64)
    line = np.zeros((2, 64), np.int64)
    heap = [(np.int64(0), np.int64(0)) for _ in range(0)]
    chosen = [np.int64(0) for _ in range(0)]
    count, end = np.int64(0), np.int64(0)
    for turn in range(seeds.size - 1):
        row = seeds[turn]
        tx = np.int64(spent_by[row])
        place_of[row] = np.int64(-1)
        if value[row] >= least and tx >= 0:
            begins, labels, lengths = (
                _room(begins, count + 2),
                _room(labels, end + 1),
                _room(lengths, end + 1),
            )
            labels[end], lengths[end] = names[turn], value[row]
            place_of[row] = count
            count, end = count + 1, end + 1
            begins[count] = end
            waiting[tx] = _of(waiting, tx, 0) + value[row]
            heappush(heap, (-waiting[tx], tx))
    while len(heap) > 0 and len(chosen) < most:
        amount, tx = heappop(heap)
        if waiting[tx] != -amount:
            continue
        waiting[tx] = np.int64(_CHOSEN)
        chosen.append(tx)
        first, last, start, stop = out_ptr[tx], out_ptr[tx + 1], in_ptr[tx], in_ptr[tx + 1]
        pieces, low, high = stop - start, stop - start, np.int64(0)
        for number in range(stop - start):
            place = _of(place_of, np.int64(source[start + number]), -1)
            places[number] = place
            if place >= 0:
                pieces += begins[place + 1] - begins[place]
                low, high = min(low, np.int64(number)), np.int64(number + 1)
        if pieces > line.shape[1]:
            line = np.zeros((2, 2 * pieces), np.int64)
        room = end + pieces + 2 * (last - first)
        labels, lengths = _room(labels, room), _room(lengths, room)
        begins = _room(begins, count + 2 + last - first)
        bounds = (low, stop - start) if rule == lines.LIFO else (np.int64(0), high)
        length = lines.join(
            rule, source, value, start, bounds[0], bounds[1], places, begins, labels, lengths, line
        )
        if rule == lines.SENIORITY:
            length = lines.sort(line, length, ranks)
        cursor = np.int64(0)
        for row in range(first, last):
            begin, spender = end, np.int64(spent_by[row])
            cursor, end, missing = lines.cut(line, cursor, length, value[row], labels, lengths, end)
            part = lines.tainted(labels, lengths, begin, end)
            if part < least or spender < 0 or np.int64(row) in place_of:
                end = begin
                continue
            if missing > 0:
                labels[end], lengths[end] = lines.CLEAN, missing
                end += 1
            place_of[np.int64(row)] = count
            count += 1
            begins[count] = end
            before = _of(waiting, spender, 0)
            if before != _CHOSEN:
                waiting[spender] = before + part
                heappush(heap, (-waiting[spender], spender))
    return _ascending(chosen)
