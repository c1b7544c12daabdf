"""Joining the addresses of whole chains in machine code (numba, extra `fast`): the fast twin of `labels`.

Imported only by `chain.cluster_chain` when it is asked for: numba costs a quarter of a second and 60 MB.
Both functions release Python's lock and may run in several threads on one array of parents: a root is
replaced by compare-and-swap, always by a smaller one, so that no join is lost and no order matters.

References
----------
Anderson, Woll: Wait-free parallel algorithms for the union-find problem, STOC 1991. Linking by minimum in
place of rank keeps the smallest address as the root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["flatten", "join_rows"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_AHEAD = 32
"""Rows between asking the memory for a parent and using it: half as long at ten million transactions."""


def _compiled(function: _Function) -> _Function:
    """Compile at first use and keep the machine code beside this file, or nowhere if nothing can be written."""
    compiler: Any = njit
    try:
        made: _Function = compiler(function, nogil=True, cache=True)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        made = compiler(function, nogil=True)
    return made


def _swap_code(typing: Any, values: Any, place: Any, expected: Any, wanted: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        swapped = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "monotonic")
        return builder.extract_value(swapped, 0)

    return types.int32(values, types.intp, types.int32, types.int32), generate


def _fetch_code(typing: Any, values: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        pointer = builder.bitcast(_pointer(context, builder, signature, arguments), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(prefetch, [pointer, number(0), number(3), number(1)])  # to read; keep; data
        return context.get_dummy_value()

    return types.void(values, types.intp), generate


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    make: Any = arrayobj.make_array
    array = make(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


_swap: Any = intrinsic(_swap_code)
"""`_swap(values, place, expected, wanted)`: write in one step if `expected` stands there; return what stood."""
_fetch: Any = intrinsic(_fetch_code)
"""`_fetch(values, place)`: tell the processor that this is needed soon; harmless for any place."""


@_compiled
def _root(parents: Any, node: Any) -> Any:
    """Return the root of a node, halving the way to it: every second node skips one."""
    while True:
        parent = parents[node]
        if parent == node:
            return node
        above = parents[parent]
        if above == parent:
            return parent
        parents[node] = above
        node = above


@_compiled
def _join(parents: Any, one: Any, other: Any) -> Any:
    """Give two nodes one root and return it: the smaller of theirs."""
    low, high = one, other
    while True:
        low, high = _root(parents, low), _root(parents, high)
        if low > high:
            low, high = high, low
        # where another thread has just given `high` a parent, both are looked up again
        if low == high or _swap(parents, high, high, low) == high:
            return low


@_compiled
def join_rows(tx: Any, address: Any, skip: Any, parents: Any, told: Any) -> int:
    """Join the addresses of each transaction; return −1, or the first row that cannot be used.

    Such a row is one whose transaction is smaller than the one before, or whose address has no parent.
    The rows before it are joined.

    Parameters
    ----------
    tx : int array, shape (rows,)
        Transaction of each input, never falling; at least one row.
    address : int array, shape (rows,)
        Address of each input; negative where it is not known.
    skip : int64 array
        Transactions that join nothing, ascending.
    parents : int32 array, shape (addresses,)
        Changed in place: each address's parent, never larger than itself.
    told : int64 array, shape (2,)
        Changed in place: rows without a known address, and further rows of skipped transactions, are added.
    """
    none: Any = np.int32(-1)
    current, known, place = tx[0], none, np.searchsorted(skip, tx[0])
    is_skipped = place < skip.size and skip[place] == current
    for row in range(tx.size):
        if row + _AHEAD < tx.size:
            _fetch(parents, address[row + _AHEAD])
        if tx[row] != current:
            if tx[row] < current:
                return row
            current, known = tx[row], none
            while place < skip.size and skip[place] < current:
                place += 1
            is_skipped = place < skip.size and skip[place] == current
        node = address[row]
        if node < 0:
            told[0] += 1
        elif node >= parents.size:
            return row
        elif is_skipped:
            told[1] += 1
        else:
            known = np.int32(node) if known < 0 else _join(parents, known, np.int32(node))
    return -1


@_compiled
def flatten(parents: Any, start: int, stop: int) -> None:
    """Make the root the parent of each address from `start` to `stop`, in place."""
    for node in range(start, stop):
        root = parents[node]
        while parents[root] != root:
            root = parents[root]
        parents[node] = root
