"""From bytes to rows: CSV and TSV, JSON lines and lists, and Parquet, told apart by their content.

A table is read as a stream. A row that is malformed is a `RejectedRow` in the stream, not its end; what
makes every row doubtful (a quote that never closes, a damaged Parquet page) refuses the whole file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chainflow.errors import BadInput, BadResponse, ChainflowError
from chainflow.formats.cells import Row
from chainflow.formats.shape import RejectedRow
from chainflow.formats.unpack import MAX_BYTES, MAX_RATIO, members, text_of
from chainflow.sources.strict import loads_strict

__all__ = ["DELIMITERS", "Layout", "Table", "columns_of", "tables_of"]

DELIMITERS = ",;\t|"
_MAX_CELL = 16 * 1024 * 1024
_MAX_COLUMNS = 1000
_PARQUET = b"PAR1"
_MAX_THRIFT = 64 * 1024 * 1024
_DIGITS = 78  # of 2**256
_KEY = re.compile(rb'"([^"\\]{1,80})"\s*:')
_REJECTED = "nothing of the file was used; export it again"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text table is to be read where the file cannot tell; "" is: see for yourself.

    `spare` cells at the end of a row may stand under no header: some exports name one column too few.
    `by_line`: every line is one row, even where quotes in a cell are not written as CSV wants them.
    """

    delimiter: str = ""
    encoding: str = ""
    spare: int = 0
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns (of JSON: the first row's) and the rows that follow."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Row | RejectedRow] = field(repr=False)


def tables_of(body: bytes, layout: Layout | None = None) -> list[Table]:
    """Return the tables of a file: one, or one for each file of a bundle.

    Raises
    ------
    BadResponse
        If it is no table; while reading: if what follows cannot be read.
    """
    return [_table(name, content, layout or Layout()) for name, content in members(body)]


def columns_of(content: bytes) -> tuple[str, ...]:
    """Return the column names that the beginning of a table shows; of Parquet, all of it is needed.

    Examples
    --------
    >>> columns_of(b"hash,value\\n00,1\\n"), columns_of(b'{"hash": "00", "outputs": [{"value": 5}')
    (('hash', 'value'), ('hash', 'outputs', 'value'))
    """
    try:
        if content.startswith(_PARQUET):
            return tuple(_parquet(content).schema_arrow.names)
        if content.lstrip()[:1] in (b"[", b"{"):
            return tuple(dict.fromkeys(key.decode("utf-8", "replace") for key in _KEY.findall(content)))
        line = content.partition(b"\n")[0]
        text = text_of(
            content[: len(content) // 2 * 2] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else line
        )
        return _header(text.partition("\n")[0].rstrip("\r"), "")[1]
    except (ChainflowError, csv.Error):
        return ()


def _table(name: str, content: bytes, layout: Layout) -> Table:
    if content.startswith(_PARQUET):
        file = _parquet(content)
        return Table(name, tuple(file.schema_arrow.names), _parquet_rows(file, name))
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"[":
        items = loads_strict(content, what="The file", most_digits=_DIGITS)
        rows = iter([_json_row(number, item, name) for number, item in enumerate(items, 1)])
    elif start == b"{":
        rows = _json_lines(content, name)
    else:
        return _csv_table(name, text_of(content, encoding=layout.encoding), layout)
    return Table(name, columns_of(content[: 1 << 20]), rows)


def _json_lines(content: bytes, table: str) -> Iterator[Row | RejectedRow]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value = loads_strict(line, what=f"line {number}", most_digits=_DIGITS)
        except BadResponse as error:
            yield RejectedRow.of(number, line[:400].decode("utf-8", "replace"), error)
        else:
            yield _json_row(number, value, table)


def _json_row(number: int, value: Any, table: str) -> Row | RejectedRow:
    if isinstance(value, dict):
        return Row(number, value, table)
    return RejectedRow.of(
        number, json.dumps(value, default=str)[:200], BadInput("not an object", hint=_REJECTED)
    )


def _header(line: str, delimiter: str) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter and the names in a header line; without one given, what gives most names."""
    best = delimiter or max(DELIMITERS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))
    return best, tuple(cell.strip() for cell in next(csv.reader([line], delimiter=best, strict=True), []))


def _csv_table(name: str, text: str, layout: Layout) -> Table:
    csv.field_size_limit(max(_MAX_CELL, csv.field_size_limit()))  # contract calls are longer than its default
    try:
        delimiter, columns = _header(text.partition("\n")[0].rstrip("\r"), layout.delimiter)
    except csv.Error as error:
        raise BadResponse(f"the first line is no header ({error})", hint=_REJECTED) from None
    named = [column for column in columns if column]
    if not named or len(named) > _MAX_COLUMNS or len(set(named)) < len(named):
        twice = next((column for column in named if named.count(column) > 1), "")
        why = f"names the column {twice[:60]!r} twice" if twice else "names no columns"
        raise BadResponse(f"the first line {why}", hint=_REJECTED)
    return Table(name, columns, _csv_rows(_cells(text, delimiter, layout), columns, layout.spare, name))


def _cells(text: str, delimiter: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row below the header, with the line on which it begins."""
    if layout.by_line:
        for line, row in enumerate(text.split("\n")[1:], 2):
            try:
                yield line, next(csv.reader([row.rstrip("\r")], delimiter=delimiter), [])
            except csv.Error:
                yield line, [row]
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if line > 1:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadResponse(f"no table from line {line} on ({error})", hint=_REJECTED) from None


def _csv_rows(
    found: Iterator[tuple[int, list[str]]], columns: Sequence[str], spare: int, table: str
) -> Iterator[Row | RejectedRow]:
    for line, cells in found:
        if not any(cells):
            continue
        if any(len(cell) > _MAX_CELL for cell in cells):
            raise BadResponse(f"a cell in line {line} is longer than {_MAX_CELL:,}", hint=_REJECTED)
        if len(columns) <= len(cells) <= len(columns) + spare:
            yield Row(line, dict(zip(columns, cells, strict=False)), table)
        else:
            why = f"{len(cells)} cells under {len(columns)} headers"
            error = BadInput(why, hint="quote cells that hold the delimiter")
            yield RejectedRow.of(line, " | ".join(cells), error)


def _parquet(content: bytes) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(
            pa.BufferReader(content),
            thrift_string_size_limit=_MAX_THRIFT,
            thrift_container_size_limit=_MAX_THRIFT,
            page_checksum_verification=True,
        )
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(error) from None
    if size > min(MAX_BYTES, max(MAX_BYTES // 32, MAX_RATIO * len(content))):
        raise BadResponse(f"the Parquet file of {len(content):,} bytes unpacks to {size:,}", hint="split it")
    return file


def _parquet_rows(file: pq.ParquetFile, table: str) -> Iterator[Row | RejectedRow]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=1000):
            for cells in batch.to_pylist():
                number += 1
                yield Row(number, cells, table)
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> BadResponse:
    return BadResponse(f"the file is damaged Parquet ({' '.join(str(error).split())[:150]})", hint=_REJECTED)
