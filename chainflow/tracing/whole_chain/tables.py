"""Columns of a chain from Parquet files or tables of numbered inputs and outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from chainflow.errors import BadInput
from chainflow.tracing.whole_chain.checks import check_columns
from chainflow.tracing.whole_chain.columns import Columns, Ints

__all__ = ["read_chain"]

ChainTable: TypeAlias = str | os.PathLike[str] | pa.Table


def read_chain(inputs: ChainTable, outputs: ChainTable) -> tuple[Columns, Ints]:
    """Return a chain's columns, and each output's address as a number: −1 where it is null.

    Transactions, outputs and addresses are numbered from 0 as they appear; every transaction has an output.
    It holds the whole columns in memory, once.

    Parameters
    ----------
    inputs : path or Arrow table
        One row per input in chain order: `tx`, and `source`, the output that it spends.
    outputs : path or Arrow table
        One row per output in chain order: `tx`, `value_sat`, `address`.

    Raises
    ------
    BadInput
        If a file cannot be read, a column is missing, holds no integers or has gaps, transactions fall, or
        the columns are not a chain.
    """
    spends, source = _read(inputs, ("tx", "source"), "the inputs")
    pays, value, address = _read(outputs, ("tx", "value_sat", "address"), "the outputs")
    count = int(max(spends.max(initial=-1), pays.max(initial=-1))) + 1
    in_ptr, out_ptr = _ptr(spends, count, "the inputs"), _ptr(pays, count, "the outputs")
    if (out_ptr[1:] == out_ptr[:-1]).any():
        missing = int((out_ptr[1:] == out_ptr[:-1]).argmax())
        raise BadInput(f"transaction {missing:,} has no output", hint="number transactions without gaps")
    if len(source) and not (source.min() >= 0 and source.max() < len(value)):
        raise BadInput("an input spends an output that is not there", hint="number outputs from 0 on")
    spent_by = np.full(len(value), -1, np.int32)
    spent_by[source] = spends
    return check_columns(Columns(in_ptr, source.astype(np.int32), out_ptr, value, spent_by)), address


def _read(given: ChainTable, names: tuple[str, ...], what: str) -> list[Ints]:
    """Return columns as int64; a null address is −1, any other null is refused."""
    table = given if isinstance(given, pa.Table) else _table(Path(given), names)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise BadInput(f"{what}: no column {missing[0]!r}", hint=f"there are {', '.join(table.column_names)}")
    gaps = [name for name in names if name != "address" and table[name].null_count]
    if gaps:
        raise BadInput(f"{what}, column {gaps[0]!r}: a row is empty", hint="only an address may be unknown")
    return [_integers(table[name], f"{what}, column {name!r}") for name in names]


def _table(path: Path, names: tuple[str, ...]) -> pa.Table:
    """Return those of the columns that a file has."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read([name for name in names if name in file.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"cannot read {path} as Parquet: {error}", hint="check the path") from None


def _integers(column: pa.ChunkedArray, what: str) -> Ints:
    if not pa.types.is_integer(column.type):
        raise BadInput(
            f"{what}: {column.type}, not integers", hint="number what appears in the chain from 0 on"
        )
    try:
        found: npt.NDArray[np.int64] = column.cast(pa.int64()).fill_null(-1).to_numpy()
    except pa.ArrowInvalid:
        raise BadInput(f"{what}: a number beyond 2⁶³", hint="numbers are dense, from 0 on") from None
    return found


def _ptr(tx: Ints, count: int, what: str) -> Ints:
    """Return where each transaction's rows begin, and the end."""
    if len(tx) and (tx[0] < 0 or (tx[1:] < tx[:-1]).any()):
        raise BadInput(
            f"{what}: a transaction comes before that of the row above", hint="sort by transaction"
        )
    return np.concatenate([[0], np.cumsum(np.bincount(tx, minlength=count))]).astype(np.int64)
