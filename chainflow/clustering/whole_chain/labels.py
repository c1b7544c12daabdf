"""Joining addresses under the smallest of each cluster, in plain numpy: the readable twin of `kernels`.

Labels are an array of parents, `labels[address] <= address`; a root is its own parent. Same functions, same
results as `kernels`, without numba, on one thread and in about four times the CPU time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["flatten", "join_pairs", "join_rows"]

Ints = npt.NDArray[np.integer]
Labels = npt.NDArray[np.int32]


def join_rows(
    tx: Ints, address: Ints, skip: npt.NDArray[np.int64], labels: Labels, told: npt.NDArray[np.int64]
) -> int:
    """Join the addresses of each transaction; return −1, or the first row that cannot be used.

    Such a row is one whose transaction is smaller than the one before, or whose address is not among
    `labels`. The rows before it are joined.

    Parameters
    ----------
    tx : int array, shape (rows,)
        Transaction of each input, never falling; at least one row.
    address : int array, shape (rows,)
        Address of each input; negative where it is not known.
    skip : int64 array
        Transactions that join nothing, ascending.
    labels : int32 array, shape (addresses,)
        Changed in place: each address's parent, never larger than itself.
    told : int64 array, shape (2,)
        Changed in place: rows without a known address, and further rows of skipped transactions, are added.
    """
    is_bad = address >= len(labels)
    is_bad[1:] |= tx[1:] < tx[:-1]
    bad = int(is_bad.argmax()) if is_bad.any() else -1
    if bad >= 0:
        tx, address = tx[:bad], address[:bad]
    is_known, is_skipped = address >= 0, np.isin(tx, skip)
    told += [np.count_nonzero(~is_known), np.count_nonzero(is_known & is_skipped)]
    tx, address = tx[is_known & ~is_skipped], address[is_known & ~is_skipped]
    is_same = tx[1:] == tx[:-1]
    join_pairs(labels, address[:-1][is_same], address[1:][is_same])
    return bad


def join_pairs(labels: Labels, one: Ints, other: Ints) -> None:
    """Put each pair of addresses under one root, in place: the larger root under the smaller.

    Of several that hook the same root the smallest wins; the others are tried again one round later.
    """
    while len(one):
        one, other = _roots(labels, one), _roots(labels, other)
        is_apart = one != other
        low, high = np.minimum(one, other)[is_apart], np.maximum(one, other)[is_apart]
        np.minimum.at(labels, high, low)
        # the hooked ones first: long chains of them are halved all at once
        one, other = high, low


def _roots(labels: Labels, addresses: Ints) -> Ints:
    """Return the root of each address, and shorten the way there: pointer jumping."""
    while True:
        parents = labels[addresses]
        above = labels[parents]
        if np.array_equal(parents, above):
            return parents
        labels[addresses] = above


def flatten(labels: Labels, start: int, stop: int) -> None:
    """Make the root the parent of each address from `start` to `stop`, in place."""
    while True:
        above = labels[labels[start:stop]]
        if np.array_equal(above, labels[start:stop]):
            return
        labels[start:stop] = above
