"""The files in which blocks lie: a node's `blk*.dat` and `rev*.dat`, a block alone, blocks as hex."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chainflow.errors import BadInput, BadResponse

__all__ = ["KEY_FILE", "MAGICS", "Piece", "is_hex", "key_in", "key_of", "pieces", "plain", "writers_of"]

KEY_FILE = "xor.dat"

MAGICS = {
    bytes.fromhex("f9beb4d9"): ("btc", "bch"),
    bytes.fromhex("0b110907"): ("btc-testnet",),
    bytes.fromhex("1c163f28"): ("btc-testnet",),
    bytes.fromhex("0a03cf40"): ("btc-testnet",),
    bytes.fromhex("fbc0b6db"): ("ltc",),
    bytes.fromhex("fdd2c8f1"): ("ltc-testnet",),
    bytes.fromhex("fabfb5da"): ("btc-regtest", "ltc-regtest"),
    bytes.fromhex("c0c0c0c0"): ("doge",),
}
"""The four bytes before each record of a node's files → the chains whose nodes write them."""

_HEX = re.compile(rb"[0-9a-fA-F]{2}[0-9a-fA-F\r\n \t]*")
_KEY_SIZE = 8
_CHECKSUM = 32
_LARGEST = 32 * 2**20
"""Bytes of the largest block that any of the chains allows."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One block, or one block's undo data, where it stood; `problem` says why it could not be cut out."""

    at: int
    raw: bytes
    checksum: bytes = b""
    problem: str = ""


def writers_of(content: bytes) -> tuple[str, ...]:
    """Return the chains whose nodes begin their files like this one; none for other files."""
    return MAGICS.get(content[:4], ())


def is_hex(content: bytes) -> bool:
    """Return whether a file begins as hex text."""
    return _HEX.fullmatch(content[:4096].strip()) is not None


def key_of(text: str) -> bytes:
    """Return the key that a node from version 28 hides its files with: the 16 hex digits of `xor.dat`.

    Raises
    ------
    BadInput
        If it is not of this form.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{16}", text):
        raise BadInput(
            f"not the key of block files: {text[:40]!r}", hint="the 8 bytes of xor.dat, as 16 hex digits"
        )
    return bytes.fromhex(text)


def plain(content: bytes, key: bytes) -> bytes:
    """Return the bytes of a file without its key, which is repeated over the whole file.

    Examples
    --------
    >>> plain(b"\\x01\\x02\\x03", b"\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00")
    b'\\x00\\x02\\x03'
    """
    if not any(key):
        return content
    size = len(content)
    mask = (key * (size // len(key) + 1))[:size]
    return (int.from_bytes(content, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


def pieces(chain: str, content: bytes, *, is_undo: bool = False) -> Iterator[Piece]:
    """Yield what a file holds, in its order: records of a node, blocks as lines of hex, or one block.

    Raises
    ------
    BadInput
        If a node of another chain wrote it.
    """
    chains = writers_of(content)
    if chains and chain not in chains:
        raise BadInput(
            f"the file is of {' or '.join(chains)}, not of {chain}",
            hint=f"say the chain (chain={chains[0]}, --chain {chains[0]})",
        )
    if chains:
        yield from _records(content, content[:4], trailer=_CHECKSUM if is_undo else 0)
    elif is_hex(content):
        yield from _lines(content)
    else:
        yield Piece(0, content)


def _records(content: bytes, magic: bytes, *, trailer: int) -> Iterator[Piece]:
    """Yield a node's records. Zeros between them are room kept free; other bytes are a write that failed."""
    at = 0
    while (found := content.find(magic, at)) >= 0:
        if between := content[at:found].strip(b"\0"):
            yield Piece(at, between, problem=f"{len(between):,} bytes that are no record")
        start = found + 8
        size = int.from_bytes(content[found + 4 : start], "little")
        end = start + size + trailer
        if start > len(content) or not 0 < size <= _LARGEST or end > len(content):
            yield Piece(found, content[start : start + 80], problem="cut off, or not a record")
            at = found + len(magic)
            continue
        yield Piece(found, content[start : start + size], content[start + size : end])
        at = end
    if rest := content[at:].strip(b"\0"):
        yield Piece(at, rest, problem=f"{len(rest):,} bytes that are no record")


def _lines(content: bytes) -> Iterator[Piece]:
    at = 0
    for line in content.splitlines(keepends=True):
        digits = b"".join(line.split())
        if digits:
            try:
                yield Piece(at, bytes.fromhex(digits.decode("ascii")))
            except ValueError:  # UnicodeDecodeError is one
                yield Piece(at, b"", problem="not hex digits, two to a byte")
        at += len(line)


def key_in(content: bytes) -> bytes:
    """Return the key in an `xor.dat`.

    Raises
    ------
    BadResponse
        If it is none.
    """
    if len(content) != _KEY_SIZE:
        raise BadResponse(
            f"xor.dat has {_KEY_SIZE} bytes, not {len(content)}", hint="copy it from the node again"
        )
    return content
