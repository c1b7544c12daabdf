"""The picture as one static SVG: no script, no foreign content, the legend below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from html import escape

from chainflow.figures.face import face_of
from chainflow.figures.figure import Figure, Flow, Item
from chainflow.figures.layout import ARROW, LINE_HEIGHT
from chainflow.figures.legend import blocks
from chainflow.figures.marks import dashes_of

__all__ = ["SvgRenderer"]

INK, MUTED, LINE, RULE = "#16202B", "#4A5866", "#66778A", "#B4BFCA"
_FONT = "font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\""
_MONO = "font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\""
_LEAST_WIDTH = 1000
_LINE = 17


class SvgRenderer:
    """Writes a figure as SVG."""

    def render(self, figure: Figure) -> bytes:
        """Return the SVG as UTF-8; the same figure gives the same bytes."""
        return ("\n".join(_document(figure)) + "\n").encode()


def _document(figure: Figure) -> Iterator[str]:
    width = max(figure.width, _LEAST_WIDTH)
    shift = (width - figure.width) // 2
    body = figure.height if figure.items else 80
    said = textwrap.wrap(figure.summary, int(width // 7.6))
    head = 42 + 17 * len(said)
    legend, legend_height = _legend(figure, width, head + body + 10)
    height = head + body + legend_height + 20
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(figure.summary)}" {_FONT} font-size="13" fill="{INK}">'
    )
    yield f"<title>{escape(figure.title)}</title><desc>{escape(figure.summary)}</desc>"
    yield f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>'
    yield f'<text x="24" y="30" font-size="19" font-weight="700">{escape(figure.title)}</text>'
    for row, line in enumerate(said):
        yield f'<text x="24" y="{51 + row * 17}" fill="{MUTED}">{escape(line)}</text>'
    if not figure.items:
        yield f'<text x="24" y="{head + 40}" font-size="15">There is nothing to draw.</text>'
    yield f'<g transform="translate({shift},{head})">'
    lit = figure.in_focus
    for flow in sorted(figure.flows, key=lambda flow: (-flow.line_width, flow.id)):
        yield _line(flow, faded=bool(lit) and flow.id not in lit)
    for item in figure.items:
        yield _box(item, faded=bool(lit) and item.id not in lit)
    for flow in figure.flows:
        if flow.label and not (lit and flow.id not in lit):
            yield _label(flow)
    yield "</g>"
    yield from legend
    yield "</svg>"


def _line(flow: Flow, *, faded: bool) -> str:
    dash = _dash(flow.sign, flow.line_width / 10)
    shown = ' opacity="0.18"' if faded else ""
    drawn = []
    for number, piece in enumerate(flow.pieces):
        points = [*piece[:-1], (piece[-1][0] - ARROW, piece[-1][1])]
        (x, y), path = points[0], f"M{points[0][0]},{points[0][1]}"
        for u, v in points[1:]:
            middle = (x + u) / 2
            path += f"C{middle:g},{y} {middle:g},{v} {u},{v}"
            x, y = u, v
        drawn.append(
            f'<path d="{path}" fill="none" stroke="{LINE}" stroke-opacity="0.8" '
            f'stroke-width="{flow.line_width / 10:g}"{dash}/>'
            f'<path d="M{x},{y - 5}L{x + ARROW},{y}L{x},{y + 5}Z" fill="{LINE}"/>'
        )
        if flow.joint:
            drawn.append(_joint(flow.joint, *(piece[0] if number else piece[-1]), step=-11 if number else 11))
    return f"<g{shown}>{''.join(drawn)}</g>"


def _dash(sign: str, width: float) -> str:
    dashes = " ".join(f"{part:g}" for part in dashes_of(sign, width))
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _joint(number: str, x: int, y: int, *, step: int) -> str:
    return (
        f'<circle cx="{x + step}" cy="{y}" r="10" fill="#FFFFFF" stroke="{LINE}"/><text x="{x + step}" y="{y + 4}" '
        f'text-anchor="middle" font-size="11">{escape(number)}</text>'
    )


def _label(flow: Flow) -> str:
    amount, when = flow.label
    halo = (
        'text-anchor="middle" paint-order="stroke" stroke="#FFFFFF" stroke-width="4" stroke-linejoin="round"'
    )
    x, y, half = flow.label_x, flow.label_y, flow.line_width // 20
    return (
        f'<g {halo}><text x="{x}" y="{y - 3 - half}" font-size="12" font-weight="700">{escape(amount)}</text>'
        f'<text x="{x}" y="{y + 11 + half}" font-size="11" fill="{MUTED}">{escape(when)}</text></g>'
    )


def _box(item: Item, *, faded: bool) -> str:
    face = face_of(item)
    left, top = item.x - item.width // 2, item.y - item.height // 2
    first = top + 20 + (item.height - face.height) // 2
    dash = ' stroke-dasharray="6 4"' if face.border == "dashed" else ""
    shown = ' opacity="0.25"' if faded else ""
    font = f'{_MONO} font-size="13"' if face.mono else 'font-size="13"'
    strip = (
        f'fill="#FFFFFF" stroke="{item.colour}" stroke-width="2"' if face.hollow else f'fill="{item.colour}"'
    )
    name = f"{item.name}: {' · '.join(face.lines[face.named :])}"
    parts = [
        f"<g{shown}><title>{escape(name)}</title>",
        f'<rect x="{left}" y="{top}" width="{item.width}" height="{item.height}" rx="7" fill="#FFFFFF" '
        f'stroke="{INK}" stroke-width="1.1"{dash}/>',
        f'<path d="M{left + 22},{top}H{left + 7}A7,7 0 0 0 {left},{top + 7}V{top + item.height - 7}'
        f'A7,7 0 0 0 {left + 7},{top + item.height}H{left + 22}Z" {strip}/>',
        f'<text x="{left + 11}" y="{item.y + 5}" text-anchor="middle" font-weight="700" font-size="15" '
        f'fill="{face.ink}">{escape(item.letter)}</text>',
    ]
    for row, line in enumerate(face.lines):
        is_end = bool(face.mark) and row == len(face.lines) - 1
        x, y = left + (44 if is_end else 28), first + row * LINE_HEIGHT
        look = (
            f'{font} font-weight="700"'
            if row < face.named
            else f'font-size="11.5" fill="{INK if is_end else MUTED}"'
        )
        parts.append(f'<text x="{x}" y="{y}" {look}>{escape(line)}</text>')
    if face.border == "double":
        parts.insert(
            2,
            f'<rect x="{left - 3}" y="{top - 3}" width="{item.width + 6}" height="{item.height + 6}" rx="9" '
            f'fill="none" stroke="{INK}" stroke-width="1.1"/>',
        )
    if face.badge:
        parts.append(
            f'<text x="{left + item.width - 7}" y="{first}" text-anchor="end" font-weight="700">'
            f"{escape(face.badge)}</text>"
        )
    if face.mark:
        parts.append(
            _mark(face.mark, left + 35, first + (len(face.lines) - 1) * LINE_HEIGHT - 4, filled=face.filled)
        )
    return "".join([*parts, "</g>"])


def _mark(path: str, x: int, y: int, *, filled: bool) -> str:
    fill = INK if filled else "none"
    return (
        f'<path transform="translate({x},{y})" d="{path}" fill="{fill}" stroke="{INK}" stroke-width="1.5"/>'
    )


def _legend(figure: Figure, width: int, top: int) -> tuple[list[str], int]:
    """Return the legend in four columns, and how high it is."""
    columns, lines, deepest = 4, [f'<path d="M24,{top}H{width - 24}" stroke="{RULE}"/>'], 0
    room = (width - 48) // columns
    for number, block in enumerate(blocks(figure)):
        x, y = 24 + number * room, top + 24
        lines.append(f'<text x="{x}" y="{y}" font-weight="700" font-size="13">{escape(block.title)}</text>')
        for entry in block.entries:
            words = textwrap.wrap(entry.text, max(12, (room - 46) // 7)) or [""]
            y += 5
            if entry.mark:
                lines.append(_mark(entry.mark, x + 9, y + 13, filled=entry.filled))
            elif entry.letter:
                lines.append(_chip(entry.letter, entry.colour, entry.ink, x, y + 4))
            elif entry.line:
                lines.append(_sample(entry.line, x, y + 13))
            indent = 26 if entry.mark or entry.letter or entry.line else 0
            for word in words:
                y += _LINE
                lines.append(
                    f'<text x="{x + indent}" y="{y}" font-size="12" fill="{MUTED}">{escape(word)}</text>'
                )
        deepest = max(deepest, y - top)
    return lines, deepest + 16


def _chip(letter: str, colour: str, ink: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="18" height="16" rx="4" fill="{colour}" stroke="{RULE}"/>'
        f'<text x="{x + 9}" y="{y + 12.5:g}" text-anchor="middle" font-size="12" font-weight="700" '
        f'fill="{ink}">{escape(letter)}</text>'
    )


def _sample(line: str, x: int, y: int) -> str:
    if line == "double":
        return f'<path d="M{x},{y - 6}h18v12h-18zM{x + 3},{y - 3}h12v6h-12z" fill="none" stroke="{INK}"/>'
    return f'<path d="M{x},{y}h20" stroke="{LINE}" stroke-width="3"{_dash(line, 3)}/>'
