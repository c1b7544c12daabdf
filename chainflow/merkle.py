"""The tree by which a block's header commits to its transactions: roots, branches and their traps."""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.errors import BadBytes, ProofFailed
from chainflow.transactions import Block, Header, Transaction, sha256d, txid_bytes

__all__ = ["check_block", "check_inclusion", "merkle_branch", "merkle_root", "merkle_root_of_branch"]

_MAX_DEPTH = 32
"""Levels of the deepest branch read; a block's limits allow for about 17."""

_ASK_AGAIN = "do not rely on this proof; ask another source for it"


def merkle_root(txids: Sequence[str]) -> str:
    """Return the merkle root of all the txids of a block, in their order.

    Raises
    ------
    BadBytes
        If there are none, one is malformed, or two twins stand side by side where the tree pairs them:
        such a list has the root of the shorter list without the repeated tail (CVE-2012-2459).

    Examples
    --------
    >>> merkle_root(["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"])
    '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b'
    """
    return _levels(txids)[-1][0][::-1].hex()


def merkle_branch(txids: Sequence[str], position: int) -> tuple[str, ...]:
    """Return the hashes that lead from the txid at `position` to the root, lowest first.

    Raises
    ------
    BadBytes
        As `merkle_root`, or if there is no such position.
    """
    if not 0 <= position < len(txids):
        raise BadBytes(f"no transaction {position} among {len(txids)}", hint="positions begin at 0")
    branch = []
    for depth, level in enumerate(_levels(txids)[:-1]):
        sibling = min((position >> depth) ^ 1, len(level) - 1)  # a last one without a sibling is its own
        branch.append(level[sibling][::-1].hex())
    return tuple(branch)


def merkle_root_of_branch(txid: str, branch: Sequence[str], position: int) -> str:
    """Return the merkle root that `branch` leads to from `txid` at `position`.

    A header with this root commits to a leaf or to an inner node called `txid`: only bytes that hash
    to it, of another length than 64, show that it is a transaction (`check_inclusion`).

    Raises
    ------
    BadBytes
        If a hash is malformed, the position lies outside a tree of this depth, a right-hand node
        equals its left-hand twin (CVE-2012-2459), or two hashes of the branch read together as a
        64-byte transaction, below which anyone can hang invented ones (CVE-2017-12842).

    References
    ----------
    Bitcoin Core `merkleblock.cpp`; Sergio Demian Lerner, "Leaf-node weakness in Bitcoin Merkle tree
    design" (2018). Two honest hashes read as a transaction once in about 10**9.
    """
    if len(branch) > _MAX_DEPTH or not 0 <= position < 1 << len(branch):
        raise BadBytes(f"no position {position} in a branch of {len(branch)} hashes", hint=_ASK_AGAIN)
    node = txid_bytes(txid)
    for depth, text in enumerate(branch):
        sibling, is_right = txid_bytes(text), bool(position >> depth & 1)
        if is_right and sibling == node:
            raise BadBytes(f"merkle branch of {txid}: a node is its own left twin", hint=_ASK_AGAIN)
        pair = sibling + node if is_right else node + sibling
        if _reads_as_transaction(pair):
            raise BadBytes(f"merkle branch of {txid}: two hashes read as a transaction", hint=_ASK_AGAIN)
        node = sha256d(pair)
    return node[::-1].hex()


def check_block(block: Block) -> None:
    """Return if the header commits to exactly these transactions, in this order.

    Proves txids, not witnesses; and nothing of the header itself, for which see `Header.has_work`.

    Raises
    ------
    ProofFailed
        If the merkle root differs, a tail is repeated (CVE-2012-2459), a transaction has 64 bytes
        (CVE-2017-12842), or a coinbase is missing or out of place.
    """
    for position, transaction in enumerate(block.transactions):
        _check_leaf(transaction, position)
    try:
        root = merkle_root([transaction.txid for transaction in block.transactions])
    except BadBytes as error:
        raise ProofFailed(f"block {block.header.hash}: {error.message}", hint=error.hint) from None
    if root != block.header.merkle_root:
        message = f"block {block.header.hash} does not commit to these {len(block.transactions)} transactions"
        raise ProofFailed(message, hint="ask another source for the block")


def check_inclusion(
    transaction: Transaction, header: Header, *, branch: Sequence[str], position: int
) -> None:
    """Return if `branch` proves that the header commits to `transaction` at `position`.

    Raises
    ------
    ProofFailed
        If the branch leads to another root, is one of the malformed kinds that
        `merkle_root_of_branch` refuses, or the transaction cannot be a leaf (64 bytes, or a coinbase
        elsewhere than at position 0).
    """
    _check_leaf(transaction, position)
    try:
        root = merkle_root_of_branch(transaction.txid, branch, position)
    except BadBytes as error:
        raise ProofFailed(error.message, hint=error.hint) from None
    if root != header.merkle_root:
        message = f"the merkle branch of {transaction.txid} does not lead to block {header.hash}"
        raise ProofFailed(message, hint="ask another source for the proof")


def _check_leaf(transaction: Transaction, position: int) -> None:
    if len(transaction.serialize(witness=False)) == 64:
        message = f"{transaction.txid} has 64 bytes: it may be two hashes of a merkle tree"
        raise ProofFailed(message, hint="no merkle proof is accepted for it")
    if transaction.is_coinbase != (position == 0):
        message = f"{transaction.txid} at position {position}: the coinbase comes first, and only it"
        raise ProofFailed(message, hint="ask another source for the proof")


def _levels(txids: Sequence[str]) -> list[list[bytes]]:
    """Return the tree level by level, from the leaves to the root."""
    if not txids:
        raise BadBytes("a merkle tree of no transactions", hint="pass all txids of the block")
    levels = [[txid_bytes(txid) for txid in txids]]
    while len(level := levels[-1]) > 1:
        lefts, rights = level[::2], level[1::2]
        if any(left == right for left, right in zip(lefts, rights, strict=False)):
            raise BadBytes("two equal hashes side by side in the merkle tree", hint=_ASK_AGAIN)
        rights += lefts[len(rights) :]
        levels.append([sha256d(left + right) for left, right in zip(lefts, rights, strict=True)])
    return levels


def _reads_as_transaction(pair: bytes) -> bool:
    """Return whether 64 bytes have the only form that a transaction of this size can have.

    Version, one input with a script of s ≤ 4 bytes, one output with a script of 4 − s bytes, locktime.
    """
    script_size = pair[41]
    if pair[4] != 1 or script_size > 4:
        return False
    return pair[46 + script_size] == 1 and pair[55 + script_size] == 4 - script_size
