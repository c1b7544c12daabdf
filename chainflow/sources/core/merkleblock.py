"""The proof that a node gives for one transaction (`gettxoutproof`): a header and part of its merkle tree."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from chainflow.errors import BadBytes
from chainflow.merkle import merkle_root_of_branch
from chainflow.transactions import HEADER_FORM, Header, sha256d
from chainflow.wire import parse_header

__all__ = ["TxProof", "read_tx_proof"]

_HINT = "do not rely on this proof; ask another source for it"
_MOST = 1 << 20
"""Transactions of a block: a limit far above any chain's."""


@dataclass(frozen=True, slots=True)
class TxProof:
    """What one proof shows: the header commits to `txid` at `position`, by this branch (lowest first)."""

    header: Header
    txid: str
    position: int
    branch: tuple[str, ...]


@dataclass(slots=True)
class _Tree:
    """A partial tree while it is read, depth first."""

    count: int
    hashes: Iterator[bytes]
    flags: Iterator[int]
    found: list[tuple[bytes, int, list[bytes]]]

    def width(self, level: int) -> int:
        """Return how many nodes there are at a level; leaves are at 0."""
        return (self.count + (1 << level) - 1) >> level

    def node(self, level: int, position: int) -> bytes:
        """Return the hash of a node, and note the leaf that is shown below it."""
        is_above = next(self.flags)
        if not is_above or level == 0:
            own = next(self.hashes)
            if is_above:
                self.found.append((own, position, []))
            return own
        before = len(self.found)
        left = right = self.node(level - 1, 2 * position)
        is_left = len(self.found) > before
        if 2 * position + 1 < self.width(level - 1):
            right = self.node(level - 1, 2 * position + 1)
        if len(self.found) > before:
            self.found[-1][2].append(right if is_left else left)
        return sha256d(left + right)


def read_tx_proof(raw: bytes) -> TxProof:
    """Return what a proof of exactly one transaction shows; that the header has work is not checked here.

    Raises
    ------
    BadBytes
        If it is malformed, proves none or several, leads to another root than the header's, or is of one
        of the kinds that `merkle_root_of_branch` refuses.

    References
    ----------
    BIP37; Bitcoin Core `merkleblock.cpp`.
    """
    header = parse_header(raw[: HEADER_FORM.size])
    try:
        (count,) = struct.unpack_from("<I", raw, HEADER_FORM.size)
        hashes, at = _sized(raw, HEADER_FORM.size + 4, 32)
        flags, at = _sized(raw, at, 1)
    except (struct.error, IndexError):
        raise BadBytes(f"the proof ends early, after {len(raw)} bytes", hint=_HINT) from None
    if not 1 <= count <= _MOST or at != len(raw):
        raise BadBytes("the proof is malformed", hint=_HINT)
    bits = iter([byte[0] >> shift & 1 for byte in flags for shift in range(8)])
    rest = iter(hashes)
    tree = _Tree(count, rest, bits, [])
    level = (count - 1).bit_length()
    try:
        root = tree.node(level, 0)
    except StopIteration:
        raise BadBytes("the proof ends early", hint=_HINT) from None
    if len(tree.found) != 1 or any(True for _ in rest) or any(bits):
        raise BadBytes(f"the proof shows {len(tree.found)} transactions, or more than it needs", hint=_HINT)
    ((leaf, position, siblings),) = tree.found
    txid, branch = leaf[::-1].hex(), tuple(sibling[::-1].hex() for sibling in siblings)
    shown = merkle_root_of_branch(txid, branch, position)
    if not root[::-1].hex() == shown == header.merkle_root:
        raise BadBytes(f"the proof of {txid} does not lead to block {header.hash}", hint=_HINT)
    return TxProof(header, txid, position, branch)


def _sized(raw: bytes, at: int, size: int) -> tuple[list[bytes], int]:
    """Read a count of less than 65,536 and so many pieces of `size` bytes."""
    count = raw[at]
    at += 1
    if count == 0xFD:
        (count,) = struct.unpack_from("<H", raw, at)
        at += 2
    elif count > 0xFD:
        raise BadBytes("the proof is malformed", hint=_HINT)
    end = at + count * size
    if end > len(raw):
        raise BadBytes(f"the proof ends early, after {len(raw)} bytes", hint=_HINT)
    return [raw[start : start + size] for start in range(at, end, size)], end
