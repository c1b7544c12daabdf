"""Small escaped HTML summaries: what a notebook shows for each result.

Every text goes through one escape; nothing here is ever markup from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["card", "table"]

_STYLE = "font:13px system-ui,sans-serif;border-left:3px solid #005F45;padding:2px 10px;margin:4px 0"
_LONGEST_WORD = 44
_CELL = "padding:1px 12px 1px 0;text-align:left;vertical-align:top;border:0"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table with every cell escaped."""
    head = "".join(f'<th style="{_CELL}">{escape(str(cell))}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(_cell(str(cell)) for cell in row)}</tr>" for row in rows)
    top = f"<thead><tr>{head}</tr></thead>" if header else ""
    return f'<table style="border-collapse:collapse">{top}<tbody>{body}</tbody></table>'


def _cell(text: str) -> str:
    # a txid may break anywhere, a word may not: else narrow columns fall apart into letters
    wrap = ";overflow-wrap:anywhere" if any(len(word) > _LONGEST_WORD for word in text.split()) else ""
    return f'<td style="{_CELL}{wrap}">{escape(text)}</td>'


def card(title: str, rows: Iterable[Sequence[object]], *, header: Sequence[str] = (), note: str = "") -> str:
    """Return a titled summary: `rows` below a title, an optional `note` in small print.

    Examples
    --------
    >>> "&lt;b&gt;" in card("<b>", [])
    True
    """
    foot = f'<div style="color:#555;font-size:12px">{escape(note)}</div>' if note else ""
    return f'<div style="{_STYLE}"><b>{escape(title)}</b>{table(header, rows)}{foot}</div>'
