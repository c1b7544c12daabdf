"""The list of addresses that a screening is asked for: each line of it, also those that are no address."""

from __future__ import annotations

import csv
import io
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from chainflow.errors import BadInput

__all__ = ["Question", "read_questions"]

_COLUMN = "address"
_DELIMITERS = ",;\t"
_BLANK = "the row is empty"


class Question(NamedTuple):
    """One row of a list: its number, what it gives as an address, and what is wrong with the row ("")."""

    line: int
    given: str
    fault: str = ""


def read_questions(path: str | os.PathLike[str]) -> list[Question]:
    """Read a CSV file of addresses: the column "address", else the first; nothing of it is left out.

    The first row that is not blank is a header only where one of its cells is the word address. A row that
    cannot be read, or is blank, is kept with its fault. Delimiters: comma, semicolon, tab.

    Raises
    ------
    BadInput
        If there is no such file, or no row in it.
    """
    place = pathlib.Path(path)
    try:
        body = place.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {place}: {error.strerror}", hint="check the path") from None
    # what is not UTF-8 becomes visible in the row it is in, and cannot be an address
    text = body.decode("utf-8-sig", "backslashreplace")
    found = list(_questions(text))
    if all(question.fault == _BLANK for question in found):
        raise BadInput(f"{place} holds no row", hint="one address a line, or a column called address")
    return found


def _questions(text: str) -> Iterator[Question]:
    rows = list(_rows(text))
    first = next((number for number, row in enumerate(rows) if not _is_blank(row[1])), len(rows))
    header = [cell.strip().lower() for cell in rows[first][1]] if first < len(rows) else []
    column = header.index(_COLUMN) if _COLUMN in header else 0
    for number, (line, cells, fault) in enumerate(rows):
        if _COLUMN in header and number == first:
            continue
        if fault:
            yield Question(line, cells[0], fault)
        elif _is_blank(cells):
            yield Question(line, "", _BLANK)
        elif column >= len(cells):
            yield Question(line, "", f"no cell under {_COLUMN}: {','.join(cells)[:80]}")
        else:
            given = cells[column].strip()
            yield Question(line, given, "" if given else "the cell is empty")


def _rows(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield line, cells and fault; where quotes are broken each line is a row, so that one fault stays one."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, cells, "") for cells in reader]
    except csv.Error:
        rows = [_alone(number, line, delimiter) for number, line in enumerate(text.splitlines(), start=1)]
    yield from rows


def _is_blank(cells: list[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def _alone(number: int, line: str, delimiter: str) -> tuple[int, list[str], str]:
    try:
        return number, next(csv.reader([line], delimiter=delimiter, strict=True), []), ""
    except csv.Error as error:
        return number, [line[:200]], f"no row of a CSV file: {error}"
