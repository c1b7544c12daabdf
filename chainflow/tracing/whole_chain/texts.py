"""Addresses as text and how to find one: a hash table whose every answer is compared with the text itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.errors import BadInput
from chainflow.tracing.whole_chain.columns import Ints

__all__ = [
    "FIRST_MIX",
    "OFFSET",
    "PRIME",
    "SECOND_MIX",
    "Texts",
    "hash_of",
    "hashes_of",
    "homes_of",
    "texts_of",
]

Addresses: TypeAlias = "Iterable[str] | pa.Array | pa.ChunkedArray"
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.int8]

OFFSET, PRIME = 0xCBF29CE484222325, 0x100000001B3
FIRST_MIX, SECOND_MIX = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53

_WORD = (1 << 64) - 1
_STRETCH = 1 << 15
"""Addresses hashed at once: few enough for the processor's cache."""


class Texts(NamedTuple):
    """Addresses by number, and numbers by address.

    Attributes
    ----------
    text_ptr, text : int64[n_addresses + 1], int8[n_bytes]
        Address a is the UTF-8 in `text[text_ptr[a]:text_ptr[a + 1]]`.
    slots : int64[n_slots]
        An open table with linear probing, at most seven tenths full and never wrapping; −1 is empty and
        always last. A slot holds the lower half of an address's hash above its number; the upper half, times
        the number of homes, says where to begin.
    """

    text_ptr: Ints
    text: Bytes
    slots: Ints


def hash_of(key: bytes) -> int:
    """Return the 64-bit hash of an address.

    References
    ----------
    Fowler, Noll, Vo: FNV-1a; its bits then mixed as at the end of Appleby's MurmurHash3.
    """
    found = OFFSET
    for byte in key:
        found = (found ^ byte) * PRIME & _WORD
    found = (found ^ found >> 33) * FIRST_MIX & _WORD
    found = (found ^ found >> 33) * SECOND_MIX & _WORD
    return found ^ found >> 33


def homes_of(count: int) -> int:
    """Return how many homes so many addresses share: at most seven tenths are taken."""
    return count * 10 // 7 + 1


def hashes_of(text_ptr: Ints, text: Bytes) -> Hashes:
    """Return `hash_of` of every address."""
    found, letters = np.empty(len(text_ptr) - 1, np.uint64), text.view(np.uint8)
    for start in range(0, len(found), _STRETCH):
        here = found[start : start + _STRETCH]
        begin = text_ptr[start : start + len(here)]
        length = text_ptr[start + 1 : start + len(here) + 1] - begin
        here[:] = OFFSET
        for place in range(int(length.max())):
            rows = np.flatnonzero(length > place)
            here[rows] = (here[rows] ^ letters[begin[rows] + place]) * np.uint64(PRIME)
        for factor in (FIRST_MIX, SECOND_MIX):
            here[:] = (here ^ here >> np.uint64(33)) * np.uint64(factor)
        here ^= here >> np.uint64(33)
    return found


def texts_of(addresses: Addresses) -> Texts:
    """Return the tables of addresses, numbered as they come.

    Raises
    ------
    BadInput
        If one is missing or appears twice, or there are 2³¹ or more.
    """
    text_ptr, text = _buffers(addresses)
    if len(text_ptr) > 2**31:
        raise BadInput(f"{len(text_ptr) - 1:,} addresses", hint="an index holds fewer than 2³¹")
    hashes = hashes_of(text_ptr, text)
    _refuse_twice(text_ptr, text, hashes)
    return Texts(text_ptr, text, _slots(hashes))


def _buffers(addresses: Addresses) -> tuple[Ints, Bytes]:
    if not isinstance(addresses, (pa.Array, pa.ChunkedArray)):
        addresses = pa.array(addresses, pa.large_string())
    if not (pa.types.is_string(addresses.type) or pa.types.is_large_string(addresses.type)):
        raise BadInput(f"addresses are {addresses.type}, not text", hint="give the column of their texts")
    if addresses.null_count:
        raise BadInput(
            "an address is null", hint="an output without an address has the number −1 and needs no text"
        )
    whole = addresses.cast(pa.large_string())
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], pa.large_string())
    _, offsets, letters = whole.buffers()
    if not len(whole):
        return np.zeros(1, np.int64), np.zeros(0, np.int8)
    ptr = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    return ptr - ptr[0], np.frombuffer(letters, np.int8)[ptr[0] : ptr[-1]]


def _refuse_twice(text_ptr: Ints, text: Bytes, hashes: Hashes) -> None:
    ordered = np.sort(hashes)
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    seen: dict[bytes, int] = {}
    for number in np.flatnonzero(np.isin(hashes, shared)).tolist() if len(shared) else ():
        key = text[text_ptr[number] : text_ptr[number + 1]].tobytes()
        if key in seen:
            raise BadInput(
                f"address {key.decode()} has two numbers, {seen[key]} and {number}",
                hint="number every address once, as it first appears",
            )
        seen[key] = number


def _slots(hashes: Hashes) -> Ints:
    """Return the table: in the order of their homes, each in its home or in the first slot free after it."""
    homes = homes_of(len(hashes))
    half, numbers = np.uint64(32), np.arange(len(hashes), dtype=np.uint64)
    ordered = np.sort(hashes >> half << half | numbers)
    number = ordered & np.uint64(2**32 - 1)
    home = ((ordered >> half) * np.uint64(homes) >> half).astype(np.int64)
    turn = np.arange(len(hashes))
    place = turn + np.maximum.accumulate(home - turn)
    slots = np.full(max(homes, int(place[-1]) + 1 if len(place) else 0) + 1, -1, np.int64)
    slots[place] = (hashes[number] << half | number).view(np.int64)
    return slots
