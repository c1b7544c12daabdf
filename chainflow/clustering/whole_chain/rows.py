"""The inputs of a chain as numbered rows (tx, address), read in batches that several threads can share."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chainflow.errors import BadInput

__all__ = ["ChainInputs", "Ints", "Rows", "rows_of"]

Ints = npt.NDArray[np.integer]
ChainInputs: TypeAlias = str | os.PathLike[str] | pa.Table | Sequence[Ints]

_BATCH = 1 << 15
_SLICE = 1 << 17
_KEPT = 8
"""Batches, about a page of the file, after which a thread gives back the memory that it decoded into."""
_BUFFER = 1 << 16
"""Bytes of a column that are read at once: small enough for the processor's cache, and for its memory goal."""


class Batch(NamedTuple):
    """Rows that follow each other: `tx` and `address` alike long, int32 or int64; unknown addresses are −1."""

    start: int
    tx: Ints
    address: Ints


class Rows(Protocol):
    """Rows in pieces; pieces may be read at once in different threads."""

    @property
    def name(self) -> str:
        """What the rows were read from, as a message names it."""
        ...

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    @property
    def pieces(self) -> int:
        """How many pieces they are in."""
        ...

    @property
    def largest(self) -> int:
        """The largest address; −1 where there is none."""
        ...

    def batches(self, piece: int) -> Iterator[Batch]:
        """Yield a piece's rows in order."""
        ...

    def digest(self) -> str:
        """The SHA-256 of the file or of the columns."""
        ...


def rows_of(inputs: ChainInputs, columns: tuple[str, str]) -> Rows:
    """Return inputs as rows.

    Raises
    ------
    BadInput
        If there is no such file, it is not Parquet, a column is missing or holds no integers, or the two
        arrays are not alike long.
    """
    if isinstance(inputs, (str, os.PathLike)):
        return _File(Path(inputs), columns)
    if isinstance(inputs, pa.Table):
        _check(inputs.schema, columns, "the table")
        return _Table(inputs.select(columns))
    if len(inputs) != 2 or len(inputs[0]) != len(inputs[1]):
        raise BadInput("not two arrays of one length", hint="give (tx, address), one entry per input")
    table = pa.table([pa.array(one) for one in inputs], names=columns)
    _check(table.schema, columns, "the arrays")
    return _Table(table)


def _check(schema: pa.Schema, columns: tuple[str, str], name: str) -> None:
    for column in columns:
        place = schema.get_field_index(column)
        if place < 0:
            raise BadInput(
                f"{name}: no column {column!r}", hint=f"name two of {', '.join(schema.names)} in `columns`"
            )
        kind = schema.field(place).type
        if not pa.types.is_integer(kind) and not pa.types.is_null(kind):
            raise BadInput(
                f"{name}: column {column!r} holds {kind}, not integers",
                hint="number transactions and addresses from 0 as they appear in the chain",
            )


class _File:
    """A Parquet file: a row group is a piece; each thread reads through a handle of its own."""

    def __init__(self, path: Path, columns: tuple[str, str]) -> None:
        self._path, self._columns, self._here = path, columns, threading.local()
        try:
            self._stamp = self._stamped()
            self._metadata = pq.read_metadata(path)
        except (OSError, pa.ArrowException) as error:
            raise BadInput(f"cannot read {path} as Parquet: {error}", hint="check the path") from None
        _check(self._metadata.schema.to_arrow_schema(), columns, path.name)
        groups = [self._metadata.row_group(number).num_rows for number in range(self.pieces)]
        self._starts = np.cumsum([0, *groups]).tolist()

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def count(self) -> int:
        return int(self._starts[-1])

    @property
    def pieces(self) -> int:
        return int(self._metadata.num_row_groups)

    @property
    def largest(self) -> int:
        place = self._metadata.schema.names.index(self._columns[1])
        chunks = [self._metadata.row_group(number).column(place) for number in range(self.pieces)]
        if all(chunk.is_stats_set and chunk.statistics.has_min_max for chunk in chunks):
            return max((int(chunk.statistics.max) for chunk in chunks), default=-1)
        return max((int(b.address.max()) for n in range(self.pieces) for b in self.batches(n)), default=-1)

    def batches(self, piece: int) -> Iterator[Batch]:
        if not hasattr(self._here, "file"):
            self._here.file = pq.ParquetFile(
                self._path, metadata=self._metadata, buffer_size=_BUFFER, pre_buffer=False
            )
        asked = {"row_groups": [piece], "columns": list(self._columns), "use_threads": False}
        start = self._starts[piece]
        try:
            for number, batch in enumerate(self._here.file.iter_batches(_BATCH, **asked), 1):
                yield _batch(start, batch[self._columns[0]], batch[self._columns[1]], self.name)
                start += batch.num_rows
                if not number % _KEPT:
                    pa.default_memory_pool().release_unused()
        except (OSError, pa.ArrowException) as error:
            raise BadInput(f"{self.name} breaks off at row {start:,}: {error}", hint="get it again") from None

    def digest(self) -> str:
        with self._path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if self._stamped() != self._stamp:
            raise BadInput(f"{self.name} was changed after it was clustered", hint="cluster it again")
        return found

    def _stamped(self) -> tuple[int, int]:
        told = self._path.stat()
        return told.st_size, told.st_mtime_ns


class _Table:
    """Two columns in memory, in slices."""

    name = "the arrays"

    def __init__(self, table: pa.Table) -> None:
        self._slices = table.to_batches(max_chunksize=_SLICE)
        self._starts = np.cumsum([0, *(one.num_rows for one in self._slices)]).tolist()
        self._largest = pc.max(table[1]).as_py()
        self._digest = self._hashed()

    @property
    def count(self) -> int:
        return int(self._starts[-1])

    @property
    def pieces(self) -> int:
        return len(self._slices)

    @property
    def largest(self) -> int:
        return -1 if self._largest is None else int(self._largest)

    def batches(self, piece: int) -> Iterator[Batch]:
        tx, address = self._slices[piece].columns
        yield _batch(self._starts[piece], tx, address, self.name)

    def digest(self) -> str:
        return self._digest

    def _hashed(self) -> str:
        """Hash the rows at once: arrays can be changed later, and then nobody knows what was clustered."""
        told = hashlib.sha256()
        for piece in range(self.pieces):
            for batch in self.batches(piece):
                told.update(batch.tx.data)
                told.update(batch.address.data)
        return told.hexdigest()


def _batch(start: int, tx: pa.Array, address: pa.Array, name: str) -> Batch:
    if tx.null_count:
        raise BadInput(f"{name}: a row from {start:,} on has no transaction", hint="number every input's")
    return Batch(start, _integers(tx, name), _integers(address, name))


def _integers(values: pa.Array, name: str) -> Ints:
    """Return int32 or int64, without a copy where they are: the kernels are compiled for these."""
    if values.type not in (pa.int32(), pa.int64()):
        try:
            values = values.cast(pa.int64())
        except pa.ArrowInvalid:
            raise BadInput(f"{name}: a number beyond 2⁶³", hint="ids are dense, from 0 on") from None
    found: Ints = (values.fill_null(-1) if values.null_count else values).to_numpy()
    return found
