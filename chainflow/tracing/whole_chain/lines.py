"""The kernel for rules that follow every base unit and keep its label: FIFO, LIFO and seniority.

An output that taint reached is a line of pieces (label, base units; label −1 is clean) in one growing
buffer. Which outputs were reached is one bit each, and the place of one among them is a count of bits, so
clean inputs are told by a look at a few megabytes. Only transactions with tainted inputs are visited.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainflow.tracing.whole_chain.machine import compiled, fetch, inlined, ones
from chainflow.tracing.whole_chain.waiting import drop, enter, following, put

__all__ = ["CLEAN", "RULES", "cut", "forget", "join", "lay", "pieces_of", "sort", "tainted"]

FIFO, LIFO, SENIORITY = range(3)
RULES = {"fifo": FIFO, "lifo": LIFO, "seniority": SENIORITY}
CLEAN = -1
_CLAIMED, _UNSPENT, _FEE, _DUST, _LIMIT, _VISITED, _ROWS, _SEEDS, _PIECES, _BEGUN = range(10)


@compiled
def forget(rows: Any, reached: Any) -> None:
    """Make nothing of what a run has noted about these rows."""
    for row in rows:
        reached[2 * (row >> 6) + 1] = 0


# Arrays are passed one by one: one that is taken out of a tuple in a function is counted in and out of memory
# at each call, which costs more than the work.
@inlined
def _find(
    source: Any, start: Any, stop: Any, floor: int, reached: Any, begins: Any, amounts: Any, places: Any
) -> Any:
    """Find the tainted inputs; return the first, the one after the last, and how many pieces they may have.

    `places` gets the place of each among the rows found, or −1 for a clean one. What was below the floor
    has ended and counts as clean here.
    """
    low: Any = np.int64(-1)
    high: Any = np.int64(0)
    pieces = stop - start
    for number in range(stop - start):
        row = np.int64(source[start + number])
        word, bit = reached[2 * (row >> 6) + 1], np.int64(1) << (row & 63)
        places[number] = -1
        if word & bit:
            place = reached[2 * (row >> 6)] + ones(word & (bit - 1))
            if floor == 0 or amounts[place] >= floor:
                places[number] = place
                pieces += begins[place + 1] - begins[place]
                low = number if low < 0 else low
                high = number + 1
    return low, high, pieces


@inlined
def _add(line: Any, length: Any, label: Any, amount: Any) -> Any:
    """Put base units at the end of a line; neighbours with one label become one piece."""
    if length and line[0, length - 1] == label:
        line[1, length - 1] += amount
        return length
    line[0, length] = label
    line[1, length] = amount
    return length + (amount > 0)


@inlined
def join(
    rule: int,
    source: Any,
    value: Any,
    start: Any,
    begin: Any,
    end: Any,
    places: Any,
    begins: Any,
    labels: Any,
    lengths: Any,
    line: Any,
) -> Any:
    """Lay inputs end to end, for LIFO the last unit first, for seniority without the clean ones."""
    length, turned = np.int64(0), rule == LIFO
    for turn in range(end - begin):
        number = end - 1 - turn if turned else begin + turn
        place = places[number]
        if place >= 0:
            first, last = begins[place], begins[place + 1]
            for step in range(last - first):
                piece = last - 1 - step if turned else first + step
                if rule != SENIORITY or labels[piece] != CLEAN:
                    length = _add(line, length, np.int64(labels[piece]), lengths[piece])
        elif rule != SENIORITY:
            length = _add(line, length, np.int64(CLEAN), value[source[start + number]])
    return length


@inlined
def sort(line: Any, length: Any, ranks: Any) -> Any:
    """Sort the pieces of a line by the rank of their labels, one piece for each; return how many."""
    order = np.argsort(ranks[line[0, :length]], kind="mergesort")
    copy = line[:, :length].copy()
    filled = np.int64(0)
    for place in order:
        filled = _add(line, filled, copy[0, place], copy[1, place])
    return filled


@inlined
def tainted(labels: Any, lengths: Any, begin: Any, end: Any) -> Any:
    total = np.int64(0)
    for piece in range(begin, end):
        if labels[piece] != CLEAN:
            total += lengths[piece]
    return total


@inlined
def cut(line: Any, at: Any, length: Any, need: Any, labels: Any, lengths: Any, end: Any) -> Any:
    """Move `need` base units from a line to the pieces; return where both go on, and what is missing."""
    while need > 0 and at < length:
        amount = min(need, line[1, at])
        labels[end] = line[0, at]
        lengths[end] = amount
        end += 1
        need -= amount
        line[1, at] -= amount
        at += line[1, at] == 0
    return at, end, need


@inlined
def _claim(labels: Any, lengths: Any, begin: Any, end: Any, label: Any) -> Any:
    """Give the clean pieces of a seed its label; return where its pieces end now."""
    filled = begin
    for piece in range(begin, end):
        mark = label if labels[piece] == CLEAN else labels[piece]
        if filled > begin and labels[filled - 1] == mark:
            lengths[filled - 1] += lengths[piece]
        else:
            labels[filled] = mark
            lengths[filled] = lengths[piece]
            filled += 1
    return filled


@inlined
def _ask_ahead(source: Any, start: Any, stop: Any, value: Any, reached: Any) -> None:
    """Ask the memory for what some inputs will need."""
    for at in range(start, stop):
        row = np.int64(source[at])
        fetch(value, row)
        fetch(reached, 2 * (row >> 6))


@inlined
def _settle(
    first: Any,
    last: Any,
    length: Any,
    value: Any,
    spent_by: Any,
    seeds: Any,
    names: Any,
    floor: int,
    line: Any,
    words: Any,
    starts: Any,
    reached: Any,
    rows: Any,
    amounts: Any,
    begins: Any,
    labels: Any,
    lengths: Any,
    sums: Any,
    in_ptr: Any,
    out_ptr: Any,
) -> None:
    """Cut a line into the outputs of one transaction, and claim the seeds among them; the rest is the fee."""
    count, at, end, cursor = sums[_ROWS], sums[_SEEDS], sums[_PIECES], np.int64(0)
    for row in range(first, last):
        is_seed = row == seeds[at]
        if cursor >= length and not is_seed:
            if seeds[at] >= last:
                break
            continue
        begin = end
        cursor, end, missing = cut(line, cursor, length, value[row], labels, lengths, end)
        part = tainted(labels, lengths, begin, end)
        if missing > 0 and end > begin and labels[end - 1] == CLEAN:
            lengths[end - 1] += missing
        elif missing > 0:
            labels[end], lengths[end] = CLEAN, missing
            end += 1
        if is_seed:
            sums[_CLAIMED] += value[row] - part
            part = value[row]
            end = _claim(labels, lengths, begin, end, names[at])
            at += 1
        if part == 0:
            end = begin
            continue
        rows[count], amounts[count], begins[count + 1] = row, part, end
        if reached[2 * (row >> 6) + 1] == 0:
            reached[2 * (row >> 6)] = count
        reached[2 * (row >> 6) + 1] |= np.int64(1) << (row & 63)
        count += 1
        if spent_by[row] < 0:
            sums[_UNSPENT] += part
        elif part < floor:
            sums[_DUST] += part
        else:
            put(words, starts, np.int64(spent_by[row]))
            fetch(in_ptr, spent_by[row])
            fetch(out_ptr, spent_by[row])
    sums[_FEE] += tainted(line[0], line[1], cursor, length)
    sums[_ROWS], sums[_SEEDS], sums[_PIECES] = count, at, end


@compiled
def pieces_of(tx: Any, columns: Any, floor: int, state: Any, found: Any) -> Any:
    """Return for how many pieces there must be room to visit a transaction."""
    start, stop = columns.in_ptr[tx], columns.in_ptr[tx + 1]
    _, _, pieces = _find(
        columns.source, start, stop, floor, state.reached, found.begins, found.amounts, state.places
    )
    return pieces + 2 * (columns.out_ptr[tx + 1] - columns.out_ptr[tx])


@compiled
def lay(
    rule: int,
    columns: Any,
    seeds: Any,
    names: Any,
    ranks: Any,
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
    seeds, names : int64[n_seeds + 1], int32[n_seeds]
        Output rows, ascending, `LAST` after the last; and the label of each.
    ranks : int64[largest label + 1]
        For seniority, the smallest goes first.
    chosen : int64[n_chosen + 1]
        If not empty, the only transactions to visit, ascending; `LAST` after the last.
    floor, most : int
        Fewer base units than `floor` end where they arrive; after `most` transactions all ends.
    state : Lines
        Empty before the first call and, once `forget` was called, after the last.
    found : Found
        Filled with the outputs reached, in order, and their pieces.
    sums : int64[10]
        Claimed, unspent, fee, dust, limit, transactions visited, rows found, seeds passed, pieces, whether
        the seeds wait; 0 at first.
    """
    in_ptr, source, out_ptr, value, spent_by = columns
    words, starts, reached, places, line = state.words, state.starts, state.reached, state.places, state.line
    rows, amounts = found.rows, found.amounts
    begins, labels, lengths = found.begins, found.labels, found.lengths
    if sums[_BEGUN] == 0:
        enter(seeds, out_ptr, 0, words, starts)
        sums[_BEGUN] = 1
    pick, tx = np.int64(0), following(words, starts, 0)
    while tx >= 0:
        first, last, start, stop = out_ptr[tx], out_ptr[tx + 1], in_ptr[tx], in_ptr[tx + 1]
        low, high, pieces = _find(source, start, stop, floor, reached, begins, amounts, places)
        is_full = sums[_ROWS] + last - first > rows.size or pieces > line.shape[1]
        if is_full or sums[_PIECES] + pieces + 2 * (last - first) > labels.size:
            return tx
        drop(words, starts, tx)
        coming = following(words, starts, tx + 1)
        if coming >= 0:
            _ask_ahead(source, in_ptr[coming], in_ptr[coming + 1], value, reached)
        length = np.int64(0)
        if high > 0:
            if rule == LIFO:
                length = join(
                    rule, source, value, start, low, stop - start, places, begins, labels, lengths, line
                )
            else:
                length = join(
                    rule, source, value, start, np.int64(0), high, places, begins, labels, lengths, line
                )
            if rule == SENIORITY:
                length = sort(line, length, ranks)
            while chosen[pick] < tx:
                pick += 1
            if sums[_VISITED] >= most or (chosen.size > 1 and chosen[pick] != tx):
                sums[_LIMIT] += tainted(line[0], line[1], 0, length)
                length = np.int64(0)
            else:
                sums[_VISITED] += 1
        _settle(
            first,
            last,
            length,
            value,
            spent_by,
            seeds,
            names,
            floor,
            line,
            words,
            starts,
            reached,
            rows,
            amounts,
            begins,
            labels,
            lengths,
            sums,
            in_ptr,
            out_ptr,
        )
        tx = following(words, starts, tx + 1)
    return np.int64(-1)
