"""RLP, the serialisation of Ethereum: byte strings and lists of them, each value in exactly one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from chainflow.errors import BadBytes

__all__ = ["Item", "decode", "encode", "number"]

Item: TypeAlias = "bytes | Sequence[Item]"

_MAX_DEPTH = 16
_HINT = "the bytes are cut off or altered; ask another source"


def number(value: int) -> bytes:
    """Return a whole number as RLP writes it: big-endian, no leading zeros, nothing for 0."""
    return value.to_bytes((value.bit_length() + 7) // 8)


def encode(item: Item) -> bytes:
    """Return an item in its one serialised form.

    Examples
    --------
    >>> encode([b"cat", b"dog"]).hex()
    'c88363617483646f67'
    """
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _head(0x80, len(item)) + item
    body = b"".join([encode(part) for part in item])
    return _head(0xC0, len(body)) + body


def _head(base: int, size: int) -> bytes:
    if size < 56:
        return bytes((base + size,))
    length = number(size)
    return bytes((base + 55 + len(length),)) + length


def decode(raw: bytes) -> Item:
    """Return the item that `raw` is, if it is written in its one form and nothing follows it.

    Raises
    ------
    BadBytes
        If bytes are missing or left over, a length is not in its shortest form, or lists are nested
        deeper than 16 levels.

    Examples
    --------
    >>> decode(bytes.fromhex("c88363617483646f67"))
    [b'cat', b'dog']
    """
    item, end = _read(raw, 0, len(raw), 0)
    if end != len(raw):
        raise BadBytes(f"{len(raw) - end} bytes follow the RLP item", hint=_HINT)
    return item


def _read(raw: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    """Return the item at `start` and where it ends, which is at most `limit`."""
    if depth > _MAX_DEPTH:
        raise BadBytes(f"RLP lists nested deeper than {_MAX_DEPTH} levels", hint=_HINT)
    if start >= limit:
        raise BadBytes("the RLP item is cut off", hint=_HINT)
    first = raw[start]
    if first < 0x80:
        return raw[start : start + 1], start + 1
    is_list = first >= 0xC0
    begin, end = _span(raw, start, limit, base=0xC0 if is_list else 0x80)
    if not is_list:
        if end - begin == 1 and raw[begin] < 0x80:
            raise BadBytes("an RLP byte below 0x80 with a length before it", hint=_HINT)
        return raw[begin:end], end
    items = []
    while begin < end:
        item, begin = _read(raw, begin, end, depth + 1)
        items.append(item)
    return items, end


def _span(raw: bytes, start: int, limit: int, *, base: int) -> tuple[int, int]:
    """Return where the content of a string or list begins and ends."""
    size, begin = raw[start] - base, start + 1
    if size > 55:
        digits = raw[begin : begin + size - 55]
        begin += size - 55
        size = int.from_bytes(digits)
        if size < 56 or digits[0] == 0:
            raise BadBytes("an RLP length is not in its shortest form", hint=_HINT)
    if begin + size > limit:
        raise BadBytes("the RLP item is cut off", hint=_HINT)
    return begin, begin + size
