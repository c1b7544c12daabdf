"""The chain of links between two addresses as one static SVG: each link with its rule, evidence and error."""

from __future__ import annotations

import os
import pathlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from chainflow.clustering import Explanation, Link
from chainflow.clustering.rules import Kind
from chainflow.errors import BadInput
from chainflow.figures.svg import INK, LINE, MUTED, RULE
from chainflow.figures.text import legible
from chainflow.units import counted
from chainflow.writing import write_whole

__all__ = ["ChainPicture", "draw_chain"]

_WIDTH, _MARGIN, _BOX, _LINE, _WRAP = 1000, 24, 34, 17, 122
_FONT = "font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\""
_MONO = "font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\""
_WEAK = "#B00020"
_DASHES = {Kind.EXACT: "", Kind.ASSERTED: "2 5"}
_INFERRED = "9 6"
_LEGEND = (
    "Full line: exact, two forms of one key or script. Dashed: inferred by a rule. Dotted: asserted by a person. "
    "A red bar marks the weakest link. A cluster says who belongs together under these rules, not who that is."
)


@dataclass(frozen=True, slots=True)
class ChainPicture:
    """Why two addresses are together, drawn."""

    svg: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a `.svg` file.

        Raises
        ------
        BadInput
            For another suffix.
        """
        if pathlib.Path(path).suffix != ".svg":
            raise BadInput(f"a chain is drawn as SVG, not as {path}", hint="give a name that ends in .svg")
        write_whole(path, self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg


def draw_chain(why: Explanation) -> ChainPicture:
    """Return the picture of an explanation; the same explanation gives the same bytes."""
    parts, y = [], 74.0
    title = f"{'Together' if why.joined else 'Kept apart'}: {counted(len(why.chain), 'link')}"
    if why.a == why.b or not why.joined:
        parts += [_address(why.a, y), *_lines([why.sentence], y + _BOX + 24, x=_MARGIN)]
        y += _BOX + 40 + _LINE * len(textwrap.wrap(why.sentence, _WRAP))
    for number, link in enumerate(why.chain, 1):
        parts.append(_address(link.a, y))
        is_weakest = link == why.weakest and len(why.chain) > 1
        body = list(_said(number, link, is_weakest=is_weakest))
        height = _LINE * len(body) + 22
        parts += _link(link, y + _BOX, height, is_weakest=is_weakest)
        parts += _lines(body, y + _BOX + 22, x=_MARGIN + 60)
        y += _BOX + height
    if why.chain:
        parts.append(_address(why.chain[-1].b, y))
        y += _BOX
    foot = textwrap.wrap(_LEGEND, _WRAP + 24)
    parts.append(f'<path d="M{_MARGIN},{y + 20:g}H{_WIDTH - _MARGIN}" stroke="{RULE}"/>')
    parts += [
        f'<text x="{_MARGIN}" y="{y + 42 + row * _LINE:g}" fill="{MUTED}" font-size="12">{escape(line)}</text>'
        for row, line in enumerate(foot)
    ]
    height = int(y + 52 + _LINE * len(foot))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(_plain(why.sentence))}" {_FONT} font-size="13" '
        f'fill="{INK}"><title>{escape(title)}</title><desc>{escape(_plain(why.sentence))}</desc>'
        f'<rect width="{_WIDTH}" height="{height}" fill="#FFFFFF"/>'
        f'<text x="{_MARGIN}" y="34" font-size="19" font-weight="700">{escape(title)}</text>'
        f'<text x="{_MARGIN}" y="56" fill="{MUTED}">{_subtitle(why)}</text>'
    )
    return ChainPicture("\n".join([head, *parts, "</svg>\n"]))


def _plain(text: str) -> str:
    return legible(text, limit=4000)


def _subtitle(why: Explanation) -> str:
    if not why.chain:
        return "No link is drawn that was not found."
    rules = ", ".join(dict.fromkeys(link.rule for link in why.chain))
    return escape(_plain(f"Rules: {rules}. Read from top to bottom; each step names its transactions."))


def _address(label: str, y: float) -> str:
    shown = escape(legible(label, limit=90))
    return (
        f'<rect x="{_MARGIN}" y="{y:g}" width="{_WIDTH - 2 * _MARGIN}" height="{_BOX}" rx="6" fill="#F3F6F9" '
        f'stroke="{LINE}"/><text x="{_MARGIN + 14}" y="{y + 22:g}" {_MONO} font-size="13">{shown}</text>'
    )


def _link(link: Link, y: float, height: float, *, is_weakest: bool) -> Iterator[str]:
    dashes = _DASHES.get(link.kind, _INFERRED)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    yield (
        f'<path d="M{_MARGIN + 30},{y:g}V{y + height:g}" stroke="{INK}" stroke-width="3" fill="none"{dashed}/>'
    )
    if is_weakest:
        yield f'<rect x="{_MARGIN + 44}" y="{y + 8:g}" width="4" height="{height - 16:g}" fill="{_WEAK}"/>'


def _said(number: int, link: Link, *, is_weakest: bool) -> Iterator[str]:
    """Yield the lines beside a link."""
    when = "unconfirmed" if link.height is None else f"in block {link.block}"
    first = "the first " if link.support > 1 else ""
    inputs = "" if link.kind is Kind.ACCOUNT else f" with {counted(link.inputs, 'input')}"
    facts = f"{counted(link.support, 'transaction')}, {first}{when}{inputs}"
    if link.kind is Kind.ASSERTED:
        facts = "an analyst's decision"
    yield f"{number}. {link.rule} ({link.kind}): {facts}{'; the weakest link' if is_weakest else ''}"
    yield from textwrap.wrap(_plain(f"They {link.reading}."), _WRAP, break_long_words=True)
    yield from (f"tx {txid}" for txid in link.txids[:3])
    if link.support > 3:
        yield f"and {link.support - 3:,} more"
    told = [f"For it: {'; '.join(link.speaks_for)}"] if link.speaks_for else []
    told += [f"Against it: {'; '.join(link.speaks_against)}"] if link.speaks_against else []
    told += [link.veto] if link.veto else []
    told += [] if link.kind is Kind.ASSERTED else [f"Error figure: {link.error}"]
    for text in told:
        yield from textwrap.wrap(_plain(text), _WRAP, break_long_words=True)


def _lines(texts: list[str], y: float, *, x: int) -> Iterator[str]:
    rows = [line for text in texts for line in textwrap.wrap(_plain(text), _WRAP + 12) or [""]]
    for row, line in enumerate(rows):
        face = f"{_MONO} " if line.startswith("tx ") else ""
        weight = 'font-weight="600" ' if row == 0 and x > _MARGIN else ""
        yield f'<text x="{x}" y="{y + row * _LINE:g}" {face}{weight}font-size="13">{escape(line)}</text>'
