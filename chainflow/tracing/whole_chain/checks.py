"""Whether columns are a chain: every output is spent at most once, and what is spent comes before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainflow.errors import BadInput
from chainflow.tracing.whole_chain.columns import Columns, Small

__all__ = ["check_columns", "numbers_of"]

_MOST = 2**31


def check_columns(columns: Columns) -> Columns:
    """Return the columns in their types.

    Raises
    ------
    BadInput
        If an array is of another kind or length, an input spends what comes later, or `source` and
        `spent_by` contradict each other.
    """
    types = (np.int64, np.int32, np.int64, np.int64, np.int32)
    typed = Columns(*(_typed(*one) for one in zip(columns, types, Columns._fields, strict=True)))
    in_ptr, source, out_ptr, value, spent_by = typed
    _check_ptr("in_ptr", in_ptr, len(source))
    _check_ptr("out_ptr", out_ptr, len(value))
    if len(in_ptr) != len(out_ptr) or len(value) != len(spent_by) or len(value) >= _MOST:
        raise BadInput(
            f"{len(in_ptr) - 1:,} and {len(out_ptr) - 1:,} transactions, "
            f"{len(value):,} values and {len(spent_by):,} spenders",
            hint="one entry per transaction and per output, below 2³¹",
        )
    if len(value) and value.min() < 0:
        raise BadInput("an output's value is negative", hint="values are base units")
    _check_spending(typed)
    return typed


def _typed(values: Any, kind: Any, name: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise BadInput(f"{name} is not one column of integers", hint="see Columns")
    room = np.iinfo(kind)
    if array.size and not (room.min <= array.min() and array.max() <= room.max):
        raise BadInput(f"{name} holds a number beyond {kind.__name__}", hint="see Columns")
    return array.astype(kind, copy=False)


def _check_ptr(name: str, ptr: npt.NDArray[np.int64], count: int) -> None:
    if not len(ptr) or ptr[0] != 0 or ptr[-1] != count or (ptr[1:] < ptr[:-1]).any():
        raise BadInput(
            f"{name} does not rise from 0 to {count:,}", hint="it says where each one's rows begin"
        )


def _check_spending(columns: Columns) -> None:
    in_ptr, source, out_ptr, _, spent_by = columns
    txs = np.arange(len(in_ptr) - 1, dtype=np.int32)
    spender = np.repeat(txs, np.diff(in_ptr))
    if len(source) and (source.min() < 0 or (source >= out_ptr[:-1][spender]).any()):
        raise BadInput("an input spends an output that is not before it", hint="order as the chain does")
    times = np.bincount(source, minlength=len(spent_by))
    if (spent_by[source] != spender).any() or (times != (spent_by != -1)).any():
        raise BadInput(
            "`source` and `spent_by` contradict each other",
            hint="an output's spender has it as an input, once; −1 where none is known",
        )


def numbers_of(address_of: npt.ArrayLike, outputs: int, addresses: int) -> Small:
    """Return each output's address as int32, −1 where it has none.

    Raises
    ------
    BadInput
        If there is not one per output, or a number is not among the addresses.
    """
    numbers = np.maximum(_typed(address_of, np.int64, "address_of"), -1)
    if len(numbers) != outputs or (outputs and numbers.max() >= addresses):
        raise BadInput(
            f"address_of has {len(numbers):,} entries for {outputs:,} outputs "
            f"and goes up to {numbers.max(initial=-1):,} of {addresses:,} addresses",
            hint="one number per output, from 0 on; −1 where an output has no address",
        )
    found: Small = numbers.astype(np.int32)
    return found
