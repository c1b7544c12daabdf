"""What a block spent, as a node keeps it to undo the block: in its `rev*.dat`, or as a plain list of outputs.

No hash in the block commits to it (a node adds its own checksum), so nothing here is proved: the reader
of the block compares it with what the block itself made, and with what its coinbase took.
"""

from __future__ import annotations

import struct

from chainflow.errors import BadBytes
from chainflow.model import OutputRecord
from chainflow.scripts import make_script
from chainflow.transactions import Block

__all__ = ["Spent", "amount_of", "spent_by"]

_HINT = "the undo data was not used; is it of this block?"
_PRIME = 2**256 - 2**32 - 977
"""Of the field that public keys are points over (secp256k1)."""

_LARGEST_SCRIPT = 10_000
_SPECIAL = 6
"""Script sizes below this one stand for a template."""

Spent = list[list[OutputRecord]]
"""What each transaction but the coinbase spends."""


def spent_by(block: Block, raw: bytes) -> Spent:
    """Return what each transaction of a block spends, the coinbase first, with nothing.

    Parameters
    ----------
    raw : bytes
        A node's undo data for this block (without the record around it), or every output spent, one after
        the other, as a transaction writes its outputs.

    Raises
    ------
    BadBytes
        If it is neither, or has not one output for each input.

    References
    ----------
    Bitcoin Core `undo.h`, `compressor.cpp`.
    """
    sizes = [len(transaction.inputs) for transaction in block.transactions[1:]]
    try:
        return [[], *_from_node(raw, sizes, has_more=block.transactions[-1].is_hogex)]
    except BadBytes as error:
        try:
            return [[], *_from_list(raw, sizes)]
        except BadBytes:
            raise error from None


def amount_of(packed: int) -> int:
    """Return the base units that a packed amount stands for: without its trailing zeros, which are counted.

    Examples
    --------
    >>> amount_of(0), amount_of(1), amount_of(50), amount_of(9)
    (0, 1, 5000000000, 100000000)
    """
    if packed == 0:
        return 0
    rest, zeros = divmod(packed - 1, 10)
    if zeros < 9:
        rest, digit = divmod(rest, 9)
        return int((rest * 10 + digit + 1) * 10**zeros)
    return int((rest + 1) * 10**zeros)


class _Cursor:
    """Bytes that are read from the front."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, size: int) -> bytes:
        part = self.raw[self.at : self.at + size]
        if len(part) < size:
            raise BadBytes(f"the undo data ends early, after {len(self.raw)} bytes", hint=_HINT)
        self.at += size
        return part

    def count(self) -> int:
        """Read a CompactSize."""
        first = self.take(1)[0]
        width = {0xFD: 2, 0xFE: 4, 0xFF: 8}.get(first, 0)
        return int.from_bytes(self.take(width), "little") if width else first

    def number(self) -> int:
        """Read a node's own form of a number: seven bits to a byte, the highest first."""
        value = 0
        for _ in range(10):
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
            value += 1
        raise BadBytes("a number in the undo data is too long", hint=_HINT)

    def end(self) -> None:
        if self.at != len(self.raw):
            raise BadBytes(f"{len(self.raw) - self.at} bytes follow the undo data's end", hint=_HINT)


def _from_node(raw: bytes, sizes: list[int], *, has_more: bool) -> Spent:
    """Read a node's undo data; what a Litecoin node adds (`has_more`) undoes the MWEB, and is not read."""
    cursor = _Cursor(raw)
    _expect(cursor.count(), len(sizes), "transactions")
    spent: Spent = []
    for size in sizes:
        _expect(cursor.count(), size, "inputs")
        spent.append([_coin(cursor) for _ in range(size)])
    if not has_more:
        cursor.end()
    return spent


def _from_list(raw: bytes, sizes: list[int]) -> Spent:
    cursor = _Cursor(raw)
    spent = []
    for size in sizes:
        outputs = []
        for _ in range(size):
            (value_sat,) = struct.unpack("<q", cursor.take(8))
            outputs.append(_output(value_sat, cursor.take(cursor.count())))
        spent.append(outputs)
    cursor.end()
    return spent


def _expect(found: int, wanted: int, of: str) -> None:
    if found != wanted:
        raise BadBytes(f"the undo data is of {found} {of}, the block has {wanted}", hint=_HINT)


def _coin(cursor: _Cursor) -> OutputRecord:
    if cursor.number() >> 1:  # where it was made; then nothing, or the version as nodes before 0.15 wrote it
        cursor.number()
    return _output(amount_of(cursor.number()), _script(cursor))


def _output(value_sat: int, script: bytes) -> OutputRecord:
    if not 0 <= value_sat < 2**63:
        raise BadBytes(f"the undo data holds the value {value_sat}", hint=_HINT)
    return OutputRecord(value_sat, script.hex())


def _script(cursor: _Cursor) -> bytes:
    kind = cursor.number()
    if kind in (0, 1):
        return make_script("p2sh" if kind else "p2pkh", cursor.take(20))
    if kind in (2, 3):
        return b"\x21" + bytes((kind,)) + cursor.take(32) + b"\xac"
    if kind in (4, 5):
        return b"\x41\x04" + _point(cursor.take(32), is_odd=kind == 5) + b"\xac"
    if kind - _SPECIAL > _LARGEST_SCRIPT:
        raise BadBytes(f"a script of {kind - _SPECIAL} bytes cannot have been spent", hint=_HINT)
    return cursor.take(kind - _SPECIAL)


def _point(raw: bytes, *, is_odd: bool) -> bytes:
    """Return both coordinates of the public key with this first one."""
    x = int.from_bytes(raw)
    square = (pow(x, 3, _PRIME) + 7) % _PRIME
    y = pow(square, (_PRIME + 1) // 4, _PRIME)
    if x >= _PRIME or y * y % _PRIME != square:
        raise BadBytes("a public key in the undo data is no point of the curve", hint=_HINT)
    return raw + (y if y % 2 == is_odd else _PRIME - y).to_bytes(32)
