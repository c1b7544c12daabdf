"""One address's outputs, what spends them and what that pays, in plain numpy: the readable twin of `lookup_kernel`.

Both take an index's arrays and return the same; an index whose arrays point outside each other raises IndexError.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from chainflow.tracing.whole_chain.columns import Ints, Small
from chainflow.tracing.whole_chain.texts import Bytes, hash_of, homes_of

__all__ = ["Found", "Store", "expand"]


class Store(NamedTuple):
    """An index's arrays as a look-up takes them; see `Texts`, `Columns` and `MappedChain`."""

    slots: Ints
    text_ptr: Ints
    text: Bytes
    addr_ptr: Ints
    addr_out: Small
    spent_by: Small
    out_ptr: Ints
    out_address: Small
    value: Ints


Found: TypeAlias = tuple[int, int, int, Small, Small, Small, Small, Small, Ints]
"""What a look-up gives, as in `Expansion`: number, total, total_rows, outputs, spent_by, tx, output, paid_to, value."""


def expand(store: Store, key: Bytes, max_outputs: int, max_rows: int) -> Found:
    """Return the first outputs of an address, their spenders, and the first rows that these pay.

    The number is −1, and the rest empty, where the index does not hold the address.

    Parameters
    ----------
    key : int8 array
        The address in UTF-8.
    """
    number = _number(store, key.tobytes())
    if number < 0:
        none = np.zeros(0, np.int32)
        return number, 0, 0, none, none, none, none, none, np.zeros(0, np.int64)
    (first,), (total,) = _stretches(store.addr_ptr, np.array([number]), len(store.addr_out))
    outputs = store.addr_out[first : first + min(total, max_outputs)].copy()
    if len(outputs) and outputs.min() < 0:
        raise IndexError
    spent_by = store.spent_by[outputs]
    spenders = np.unique(spent_by[spent_by >= 0])
    start, count = _stretches(store.out_ptr, spenders, len(store.value))
    total_rows = int(count.sum())
    tx = np.repeat(spenders, count)[:max_rows]
    before = np.repeat(start - (np.cumsum(count) - count), count)[:max_rows]
    output = (before + np.arange(len(tx))).astype(np.int32)
    paid_to, value = store.out_address[output], store.value[output]
    return number, int(total), total_rows, outputs, spent_by, tx, output, paid_to, value


def _stretches(ptr: Ints, numbers: npt.NDArray[np.integer], size: int) -> tuple[Ints, Ints]:
    """Return where the entries of each number begin and how many there are; a slice would hide a wrong place."""
    first, last = ptr[numbers], ptr[numbers + 1]
    if ((first < 0) | (last < first) | (last > size)).any():
        raise IndexError
    return first, last - first


def _number(store: Store, key: bytes) -> int:
    """Return the number of an address; −1 where the table does not hold it."""
    hashed = hash_of(key)
    place = (hashed >> 32) * homes_of(len(store.text_ptr) - 1) >> 32
    while (slot := int(store.slots[place])) != -1:
        number = slot & 0xFFFFFFFF
        if slot >> 32 & 0xFFFFFFFF == hashed & 0xFFFFFFFF:
            (start,), (length,) = _stretches(store.text_ptr, np.array([number]), len(store.text))
            if store.text[start : start + length].tobytes() == key:
                return number
        place += 1
    return -1
