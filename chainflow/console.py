"""What the shell command prints: tables for people, one JSON object for scripts.

Everything printed may hold a stranger's text: no cell is markup, and what would steer a terminal (escape
sequences, control and bidirectional characters) is shown as its code instead.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "err",
    "out",
    "print_json",
    "print_records",
    "print_section",
    "print_table",
    "print_text",
    "printable",
    "records",
    "sentence_of",
]

_PIPE_WIDTH = 1_000
"""Columns where nobody looks at a terminal: an address or txid must come out on one line."""

_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

out = Console()
err = Console(stderr=True)
for console in (out, err):
    if not console.is_terminal:
        console.width = _PIPE_WIDTH


def printable(text: object) -> str:
    """Return text in which every character that could steer a terminal is written as its code.

    Examples
    --------
    >>> printable("a" + chr(27) + "b") == "a" + chr(92) + "x1bb"
    True
    """
    return "".join(
        character
        if character == "\n" or unicodedata.category(character) not in _STEERING
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def print_text(text: object, *, to: Console = out) -> None:
    """Print text as it is, never as markup."""
    to.print(printable(text), markup=False, highlight=False)


def print_json(content: object) -> None:
    """Print one JSON object; amounts are whole base units, times ISO 8601 UTC."""
    out.print_json(json.dumps(content, default=str), highlight=False, indent=1, ensure_ascii=True)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; no cell is cut."""
    table = Table(title=escape(title), title_justify="left", show_edge=False, pad_edge=False)
    for name in header:
        table.add_column(
            escape(name), overflow="fold", justify="right" if name.startswith("value") else "left"
        )
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    out.print(table)
    out.print()


def print_records(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows one below the other, a line for each cell that says anything: no line is wide as a table."""
    print_text(title)
    for number, row in enumerate(rows, start=1):
        for at, (name, cell) in enumerate(
            (name, cell) for name, cell in zip(header, row, strict=True) if cell not in ("", None)
        ):
            print_text(f"{f'{number}.' if not at else '':<4}{name}: {cell}")
    print_text("")


def sentence_of(value: object) -> str:
    """Return what a result says of itself in one line, without the brackets of Python."""
    text = repr(value)
    return f"{text[1:-1]}." if text.startswith("<") and text.endswith(">") else text


def print_section(title: str, content: object) -> None:
    """Print one part of a longer output: a sentence, or (header, rows)."""
    if isinstance(content, tuple):
        print_table(title, *content)
    else:
        out.print(f"[bold]{escape(title)}[/]", highlight=False)
        print_text(content)
        out.print()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as JSON-able records; a missing value is null."""
    whole = frame.astype(object).where(frame.notna(), None)
    return [{str(name): cell for name, cell in row.items()} for row in whole.to_dict("records")]
