"""A chain as integer columns: what the fast twins of the tracing rules run on, in memory or memory-mapped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["LAST", "Columns", "Ints", "Small"]

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
LAST = 2**62
"""Stands after the last number of an ascending array, and for no limit: larger than all."""


class Columns(NamedTuple):
    """Transactions and outputs numbered in spending order: what a transaction spends comes before it.

    Attributes
    ----------
    in_ptr, source : int64[n_txs + 1], int32[n_inputs]
        Inputs of transaction t are `in_ptr[t]:in_ptr[t + 1]`; `source` is the output that each spends, in
        input order.
    out_ptr : int64[n_txs + 1]
        Outputs of transaction t are `out_ptr[t]:out_ptr[t + 1]`, in vout order.
    value : int64[n_outputs]
        Base units.
    spent_by : int32[n_outputs]
        The transaction that spends each output; −1 where there is none.
    """

    in_ptr: Ints
    source: Small
    out_ptr: Ints
    value: Ints
    spent_by: Small
