"""One address's outputs, what spends them and what that pays, in machine code: the fast twin of `lookup`."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainflow.tracing.whole_chain import texts
from chainflow.tracing.whole_chain.lookup import Found, Store
from chainflow.tracing.whole_chain.machine import compiled, fetch
from chainflow.tracing.whole_chain.texts import Bytes

__all__ = ["expand"]

_OFFSET, _PRIME = np.uint64(texts.OFFSET), np.uint64(texts.PRIME)
_FIRST_MIX, _SECOND_MIX = np.uint64(texts.FIRST_MIX), np.uint64(texts.SECOND_MIX)
_HALF, _SHIFT, _LOWER = np.uint64(32), np.uint64(33), np.uint64(0xFFFFFFFF)
_homes_of = compiled(texts.homes_of)


def expand(store: Store, key: Bytes, max_outputs: int, max_rows: int) -> Found:
    """Return what `lookup.expand` returns."""
    found: Found = _expand(*store, key, max_outputs, max_rows)
    return found


@compiled
def _expand(
    slots: Any,
    text_ptr: Any,
    text: Any,
    addr_ptr: Any,
    addr_out: Any,
    spent_by: Any,
    out_ptr: Any,
    out_address: Any,
    value: Any,
    key: Any,
    max_outputs: Any,
    max_rows: Any,
) -> Any:
    number = _number(slots, text_ptr, text, key)
    total = 0
    outputs = np.empty(0, np.int32)
    if number >= 0:
        first, last = _stretch(addr_ptr, number, addr_out.size)
        total = last - first
        outputs = addr_out[first : min(last, first + max_outputs)].copy()
    spender = np.empty(outputs.size, np.int32)
    for paid in outputs:
        fetch(spent_by, paid)
    for turn in range(outputs.size):
        if not 0 <= outputs[turn] < spent_by.size:
            raise IndexError
        spender[turn] = spent_by[outputs[turn]]
    spenders = _distinct(spender)
    for tx in spenders:
        fetch(out_ptr, tx)
    total_rows = 0
    for tx in spenders:
        first, last = _stretch(out_ptr, tx, value.size)
        total_rows += last - first
        fetch(out_address, first)
        fetch(value, first)
    size = min(total_rows, max_rows)
    row_tx, output, paid_to = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    row_value = np.empty(size, np.int64)
    row = 0
    for tx in spenders:
        for one in range(out_ptr[tx], min(out_ptr[tx + 1], out_ptr[tx] + size - row)):
            row_tx[row], output[row], paid_to[row], row_value[row] = tx, one, out_address[one], value[one]
            row += 1
    return number, total, total_rows, outputs, spender, row_tx, output, paid_to, row_value


@compiled
def _number(slots: Any, text_ptr: Any, text: Any, key: Any) -> Any:
    hashed = _hash_of(key)
    place = np.int64((hashed >> _HALF) * np.uint64(_homes_of(text_ptr.size - 1)) >> _HALF)
    while place < slots.size and slots[place] != -1:
        slot = np.uint64(slots[place])
        if slot >> _HALF == hashed & _LOWER:
            number = np.int64(slot & _LOWER)
            start, stop = _stretch(text_ptr, number, text.size)
            same = stop - start == key.size
            turn = 0
            while same and turn < key.size:
                same = text[start + turn] == key[turn]
                turn += 1
            if same:
                return number
        place += 1
    return -1


@compiled
def _hash_of(key: Any) -> Any:
    found = _OFFSET
    for letter in key:
        found = (found ^ np.uint64(np.uint8(letter))) * _PRIME
    found = (found ^ (found >> _SHIFT)) * _FIRST_MIX
    found = (found ^ (found >> _SHIFT)) * _SECOND_MIX
    return found ^ (found >> _SHIFT)


@compiled
def _stretch(ptr: Any, number: Any, size: Any) -> Any:
    """Return where the entries of a number begin and end; machine code would read beyond an array."""
    if not 0 <= number < ptr.size - 1:
        raise IndexError
    first, last = ptr[number], ptr[number + 1]
    if not 0 <= first <= last <= size:
        raise IndexError
    return first, last


@compiled
def _distinct(spender: Any) -> Any:
    """Return the known ones, each once, ascending."""
    ordered = np.sort(spender)
    count = 0
    for tx in ordered:
        if tx >= 0 and (not count or tx != ordered[count - 1]):
            ordered[count] = tx
            count += 1
    return ordered[:count]
