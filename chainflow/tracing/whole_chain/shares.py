"""Kernels for rules that need only how much taint enters a transaction: haircut, poison, TIHO and TILO.

What is kept per transaction is one number, the tainted base units waiting at its inputs, so inputs that
carry none are never touched; what has been visited is nothing again, so the numbers serve the next trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainflow.tracing.whole_chain.columns import LAST
from chainflow.tracing.whole_chain.machine import compiled, fetch, inlined
from chainflow.tracing.whole_chain.waiting import drop, enter, following, put

__all__ = ["BLOCK", "RULES", "fill", "read_inputs", "spread", "upto"]

HAIRCUT, POISON, TIHO, TILO = range(4)
RULES = {"haircut": HAIRCUT, "poison": POISON, "tiho": TIHO, "tilo": TILO}
_CLAIMED, _UNSPENT, _FEE, _DUST, _LIMIT, _VISITED, _ROWS, _SEEDS, _BEGUN, _SCAN = range(10)
_AHEAD = 64
"""Rows between asking the memory for a number and using it."""
_DENSE = 1 << 10
"""When so many more blocks follow one another than nine tenths, nobody asks any more which ones wait."""
_MOST = 2**52
"""Below it float64 finds every quotient that a split needs; 21 million coins are less than half of it."""
_FEW = 32
"""Up to so many outputs are sorted by insertion."""
BLOCK = 3
"""A bit says that one of 2³ transactions waits: their tainted sums lie in one line of the cache."""


@compiled
def read_inputs(columns: Any, whole: Any) -> Any:
    """Fill `whole` with what the inputs of each transaction hold; return −1 or the first impossible one.

    Impossible are: pointers or rows out of range, an output spent before it is made or by another than the
    one that names it, a negative value, and outputs of more than the inputs where there are inputs.
    """
    in_ptr, source, out_ptr, value, spent_by = columns
    if in_ptr[0] != 0 or out_ptr[0] != 0:
        return np.int64(0)
    for tx in range(whole.size):
        first, last, begin, end = out_ptr[tx], out_ptr[tx + 1], in_ptr[tx], in_ptr[tx + 1]
        if last < first or last > value.size or end < begin or end > source.size:
            return np.int64(tx)
        total, paid = np.int64(0), np.int64(0)
        for place in range(begin, end):
            if place + _AHEAD < source.size:
                fetch(value, source[place + _AHEAD])
                fetch(spent_by, source[place + _AHEAD])
            row = source[place]
            if row < 0 or row >= value.size or spent_by[row] != tx:
                return np.int64(tx)
            total += value[row]
            if total >= _MOST:
                return np.int64(tx)
        for row in range(first, last):
            is_later = tx < spent_by[row] < whole.size or spent_by[row] == -1
            paid += value[row]
            if value[row] < 0 or value[row] >= _MOST or not is_later or (end > begin and paid > total):
                return np.int64(tx)
        whole[tx] = total
    return np.int64(-1)


@inlined
def _ranked(value: Any, first: Any, last: Any, largest: Any) -> Any:
    """Return the outputs from the largest (or smallest) on; of equal ones the earlier comes first."""
    keys = -value[first:last] if largest else value[first:last].copy()
    if keys.size > _FEW:
        return np.argsort(keys, kind="mergesort")
    order = np.arange(keys.size)
    for place in range(1, keys.size):
        one, at = order[place], place
        while at and keys[order[at - 1]] > keys[one]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = one
    return order


@inlined
def upto(tainted: Any, seen: Any, whole: Any, rate: Any) -> Any:
    """Return floor(tainted · seen / whole), as in `units.split`, without 128-bit numbers.

    `rate` is tainted / whole. tainted ≤ whole, seen ≤ whole < 2⁵², so each is exact as a float and there are
    two roundings, of at most one part in 2⁵³ each: the estimate is off the true quotient q ≤ tainted by less
    than 1, and cut to a whole number it is floor(q) − 1, floor(q) or floor(q) + 1. Then the rest
    tainted · seen − found · whole is at least −whole and less than 2 · whole, within ±2⁵³. Both products
    wrap, but int64 is exact modulo 2⁶⁴, so their difference is the true rest, and says which of the three.
    """
    found = np.int64(rate * np.float64(seen))
    rest = tainted * seen - found * whole
    return found + np.int64(rest >= whole) - np.int64(rest < 0)


@inlined
def fill(tainted: Any, value: Any, first: Any, last: Any, largest: Any, parts: Any) -> Any:
    """Fill outputs with `tainted` by size; return what is left for the fee."""
    for place in _ranked(value, first, last, largest):
        parts[place] = min(tainted, value[first + place])
        tainted -= parts[place]
    return tainted


# Arrays are passed one by one: one that is taken out of a tuple in a function is counted in and out of memory
# at each call, which costs more than a transaction does.
@inlined
def _visit(
    rule: int,
    in_all: Any,
    first: Any,
    last: Any,
    tainted: Any,
    whole: Any,
    least: Any,
    seed: Any,
    value: Any,
    spent_by: Any,
    seeds: Any,
    tainted_at: Any,
    parts: Any,
    words: Any,
    starts: Any,
    rows: Any,
    amounts: Any,
    count: Any,
    sums: Any,
    out_ptr: Any,
    sizes: Any,
) -> Any:
    """Send what is tainted of one transaction on to its outputs, and claim the seeds among them.

    Return how many rows are found now, the next seed, and what the outputs got. With `in_all` nobody asks
    which transactions wait, so none is put down.
    """
    divisor = max(whole, np.int64(1))
    rate = np.float64(tainted) / np.float64(divisor)
    seen, before = np.int64(0), np.int64(0)
    for row in range(first, last):
        if in_all and row + _AHEAD < spent_by.size:
            fetch(tainted_at, spent_by[row + _AHEAD])
        seen += value[row]
        if rule == HAIRCUT:
            after = upto(tainted, seen, divisor, rate)
        elif rule == POISON:
            after = seen if tainted > 0 else np.int64(0)
        else:
            after = before + parts[row - first]
        part = after - before
        before = after
        if row == seed:
            sums[_CLAIMED] += value[row] - part
            part = value[row]
            sums[_SEEDS] += 1
            seed = seeds[sums[_SEEDS]]
        # Without branches, which would be guessed wrongly: what is nothing is written and written over; what
        # is unspent or below the floor is added at the last places, −1 and −2, and waits nowhere.
        rows[count] = row
        amounts[count] = part
        count += np.int64(part != 0)
        spender = np.int64(spent_by[row])
        spender = np.int64(-2) if (part < least) & (spender >= 0) else spender
        tainted_at[spender] += part
        if not in_all:
            put(words, starts, spender >> BLOCK)
            fetch(out_ptr, spender)
            fetch(sizes, spender)
    return count, seed, before


@compiled
def spread(
    rule: int,
    columns: Any,
    whole: Any,
    seeds: Any,
    chosen: Any,
    floor: int,
    most: int,
    state: Any,
    found: Any,
    sums: Any,
) -> Any:
    """Visit waiting transactions in order; return −1 at the end, or the one for which there is no room.

    Parameters
    ----------
    rule : int
        Of `RULES`.
    columns : Columns
    whole : int64[n_txs]
        What the inputs of each transaction hold.
    seeds : int64[n_seeds + 1]
        Output rows, ascending; `LAST` after the last.
    chosen : int64[n_chosen + 1]
        If not empty, the only transactions to visit, ascending; `LAST` after the last.
    floor, most : int
        Fewer base units than `floor` end where they arrive; after `most` transactions all ends.
    state : Shares
        Empty before the first call and again after the last.
    found : int32[room], int64[room]
        Filled with the outputs reached, in order, and their base units.
    sums : int64[10]
        Claimed, unspent, fee, dust, limit, transactions visited, rows found, seeds passed, whether the seeds
        wait, and from where on every transaction is visited; 0 at first.
    """
    tainted_at, words, starts, out_ptr = state.tainted, state.words, state.starts, columns.out_ptr
    value, spent_by, parts = columns.value, columns.spent_by, state.parts
    rows, amounts = found
    if sums[_BEGUN] == 0:
        enter(seeds, out_ptr, BLOCK, words, starts)
        sums[_BEGUN] = 1
    count, seed, least = sums[_ROWS], seeds[sums[_SEEDS]], max(np.int64(floor), np.int64(1))
    pick, neighbours = np.int64(0), np.int64(0)
    block = following(words, starts, 0)
    while block >= 0 and sums[_SCAN] == 0:
        coming = following(words, starts, block + 1)
        if coming >= 0:
            fetch(value, out_ptr[coming << BLOCK])
            fetch(spent_by, out_ptr[coming << BLOCK])
        neighbours = neighbours + 1 if coming == block + 1 else max(neighbours - 9, np.int64(0))
        if neighbours >= _DENSE and most == LAST:
            sums[_SCAN] = block << BLOCK
            break
        for tx in range(block << BLOCK, min((block + 1) << BLOCK, whole.size)):
            tainted = tainted_at[tx]
            first, last = out_ptr[tx], out_ptr[tx + 1]
            if tainted == 0 and seed >= last:
                continue
            if count + last - first >= rows.size:
                sums[_ROWS] = count
                return np.int64(tx)
            tainted_at[tx] = 0
            while chosen[pick] < tx:
                pick += 1
            if tainted > 0 and (sums[_VISITED] >= most or (chosen.size > 1 and chosen[pick] != tx)):
                sums[_LIMIT] += tainted
                tainted = np.int64(0)
            if rule >= TIHO:
                fill(tainted, value, first, last, rule == TIHO, parts)
            count, seed, paid = _visit(
                rule,
                False,
                first,
                last,
                tainted,
                whole[tx],
                least,
                seed,
                value,
                spent_by,
                seeds,
                tainted_at,
                parts,
                words,
                starts,
                rows,
                amounts,
                count,
                sums,
                out_ptr,
                whole,
            )
            if tainted > 0:
                sums[_VISITED] += 1
                sums[_FEE] += (whole[tx] if rule == POISON else tainted) - paid
        drop(words, starts, block)
        block = following(words, starts, block + 1)
    if sums[_SCAN] > 0:
        words[1:] = 0
        visited, fee = np.int64(0), np.int64(0)
        for tx in range(sums[_SCAN], whole.size):
            tainted = tainted_at[tx]
            first, last = out_ptr[tx], out_ptr[tx + 1]
            if tainted == 0 and seed >= last:
                continue
            if count + last - first >= rows.size:
                sums[_ROWS], sums[_SCAN] = count, tx
                sums[_VISITED] += visited
                sums[_FEE] += fee
                return np.int64(tx)
            tainted_at[tx] = 0
            if rule >= TIHO:
                fill(tainted, value, first, last, rule == TIHO, parts)
            count, seed, paid = _visit(
                rule,
                True,
                first,
                last,
                tainted,
                whole[tx],
                least,
                seed,
                value,
                spent_by,
                seeds,
                tainted_at,
                parts,
                words,
                starts,
                rows,
                amounts,
                count,
                sums,
                out_ptr,
                whole,
            )
            visited += np.int64(tainted > 0)
            fee += (whole[tx] if rule == POISON and tainted > 0 else tainted) - paid
        sums[_VISITED] += visited
        sums[_FEE] += fee
    sums[_ROWS], sums[_UNSPENT], sums[_DUST] = count, tainted_at[-1], tainted_at[-2]
    tainted_at[-2:] = 0
    return np.int64(-1)
