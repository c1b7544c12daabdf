"""The root of an ordered Merkle-Patricia trie: what a block says of its transactions, receipts, withdrawals."""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.evm import rlp
from chainflow.evm.hashes import keccak256

__all__ = ["EMPTY_ROOT", "ordered_root"]

EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
"""The root of a trie that holds nothing: keccak of an empty RLP string."""

_Leaf = tuple[str, bytes]
"""The way to a value, as hex digits, and the value."""


def ordered_root(values: Sequence[bytes]) -> str:
    """Return the root of the trie in which each value stands at its number: `0x` and 64 hex digits.

    References
    ----------
    Ethereum yellow paper, appendix D.

    Examples
    --------
    >>> ordered_root([]) == EMPTY_ROOT
    True
    """
    leaves = sorted((rlp.encode(rlp.number(index)).hex(), value) for index, value in enumerate(values))
    return "0x" + keccak256(rlp.encode(_node(leaves, 0))).hex()


def _node(leaves: Sequence[_Leaf], depth: int) -> rlp.Item:
    """Return the node under which these leaves hang; the first `depth` digits of their ways are behind us."""
    if not leaves:
        return b""
    first, value = leaves[0]
    if len(leaves) == 1:
        return [_compact(first[depth:], ends=True), value]
    last = leaves[-1][0]  # sorted: what first and last share, all share
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    if fork > depth:
        return [_compact(first[depth:fork], ends=False), _reference(_node(leaves, fork))]
    # no number's RLP begins with another's: no value sits on the fork itself
    branches = [[leaf for leaf in leaves if leaf[0][depth] == digit] for digit in "0123456789abcdef"]
    return [*(_reference(_node(branch, depth + 1)) for branch in branches), b""]


def _reference(node: rlp.Item) -> rlp.Item:
    """Return how a parent names a node: by its hash, or by itself where that is shorter."""
    raw = rlp.encode(node)
    return keccak256(raw) if len(raw) >= 32 else node


def _compact(digits: str, *, ends: bool) -> bytes:
    """Return a piece of a way as bytes, with a flag before it (hex-prefix encoding)."""
    flag = 2 * ends + len(digits) % 2
    return bytes.fromhex(f"{flag:x}{'' if flag % 2 else '0'}{digits}")
