"""The legend as blocks of entries, the same in every renderer: marks, balance, reading, data."""

from __future__ import annotations

from dataclasses import dataclass

from chainflow.figures.face import SHORT_ENDS, face_of
from chainflow.figures.figure import Figure
from chainflow.figures.marks import FAMILIES, LINES, end_mark
from chainflow.model import EndReason
from chainflow.units import format_coins

INK = "#000000"
__all__ = ["Block", "Entry", "blocks"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a legend, with the sign it explains: an end's mark, a category's letter, or a line."""

    text: str
    mark: str = ""
    filled: bool = False
    letter: str = ""
    colour: str = ""
    ink: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A titled part of a legend."""

    title: str
    entries: tuple[Entry, ...]


def blocks(figure: Figure) -> tuple[Block, Block, Block, Block]:
    """Return the four parts that stand beside every picture."""
    said = figure.legend
    sources = [f"Source: {source}" for source in said.sources] or ["Sources: not given"]
    return (
        Block("Signs", (*_categories(figure), *_ends(figure), *_lines(figure))),
        Block("Balance", _balance(figure)),
        Block("How to read it", tuple(Entry(text) for text in (f"Policy: {said.policy}.", *said.reading))),
        Block(
            "What it rests on",
            tuple(
                Entry(text)
                for text in (
                    f"Shown as {said.shown}.",
                    f"As of: {said.as_of}.",
                    f"Coverage: {said.coverage}.",
                    f"{said.verification}.",
                    *sources,
                )
            ),
        ),
    )


_KINDS = {
    "transaction": "a transaction, many to many",
    "coinbase": "newly made coins",
    "others": "several, merged",
}


def _categories(figure: Figure) -> list[Entry]:
    words = {family.colour: family.word for family in FAMILIES.values()}
    found: dict[tuple[str, str, str], Entry] = {}
    for item in figure.items:
        text = _KINDS.get(item.kind) or item.category.replace("_", " ") or words[item.colour]
        entry = Entry(text, letter=item.letter, colour=item.colour, ink=face_of(item).ink)
        found.setdefault((item.colour, item.letter, text), entry)
    entries = [found[key] for key in sorted(found)]
    if any(item.tags for item in figure.items):
        entries.append(Entry("name and letter of a tagged box: asserted by the tags' sources, not observed"))
    return entries


def _ends(figure: Figure) -> list[Entry]:
    reasons = dict.fromkeys(end.reason for item in figure.items for end in item.ends)
    marks = [(reason, end_mark(reason)) for reason in sorted(reasons)]
    said = {reason: SHORT_ENDS.get(reason, reason) for reason in reasons}
    return [
        Entry(
            mark.word if said[reason] in mark.word else f"{said[reason]}: {mark.word}", mark.path, mark.filled
        )
        for reason, mark in marks
    ]


def _lines(figure: Figure) -> list[Entry]:
    signs = {flow.sign for flow in figure.flows}
    entries = [Entry(mark.word, line=sign) for sign, mark in LINES.items() if sign in signs]
    entries.append(Entry("width of a line: in proportion to the amount, at least 1 pixel"))
    if any(face_of(item).hollow for item in figure.items):
        entries.append(
            Entry("hollow: the tag is on some of its addresses only", letter="E", colour="#FFFFFF", ink=INK)
        )
    if any(item.kind == "others" for item in figure.items):
        entries.append(Entry("several small items merged, ×N", line="double"))
    return entries if figure.flows else []


def _balance(figure: Figure) -> tuple[Entry, ...]:
    lines = figure.legend.conserved
    if not lines:
        return ()
    unit = figure.chain
    whole, parts = lines[0], lines[1:]
    total = sum(value for _, value in parts)
    verdict = "equal" if total == whole[1] else "NOT EQUAL"
    listed = [_signed(name, f"{name}: {format_coins(value, unit)}") for name, value in parts]
    return (
        Entry(f"{whole[0]}: {format_coins(whole[1], unit)}"),
        *listed,
        Entry(f"sum of the parts: {format_coins(total, unit)} ({verdict})"),
    )


def _signed(reason: str, text: str) -> Entry:
    """Return the mark of a reason; nothing for another line of a balance."""
    if reason not in {end.value for end in EndReason}:
        return Entry(text)
    mark = end_mark(reason)
    return Entry(text, mark=mark.path, filled=mark.filled)
