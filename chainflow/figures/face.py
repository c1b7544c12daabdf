"""What the box of an item says, the same in every renderer: a name, what went through, a mark, a border."""

from __future__ import annotations

from dataclasses import dataclass

from chainflow.figures.figure import End, Item
from chainflow.figures.layout import LINE_HEIGHT
from chainflow.figures.marks import end_mark
from chainflow.figures.text import brief_amount, fitted

__all__ = ["SHORT_ENDS", "Face", "face_of"]

SHORT_ENDS = {"unknown: not in evidence": "unknown", "counted more than once": "counted twice"}
"""Ends whose own word is too long for a box."""

_NAME, _ROOM = 16.5, 20.0  # average characters of 13 and 11 pixels in a box
_MOST_NAMES = 5  # enough for the 60 characters that `chainflow.figures.describe` leaves of a label
_PAY_ONLY = ("coinbase", "unseen", "transaction")
_LIGHT = {"#A6A6A6", "#56B4E9"}


@dataclass(frozen=True, slots=True)
class Face:
    """The content of a box.

    Attributes
    ----------
    lines : tuple of str
        The name (in `named` lines), and up to five lines below it; a `mark` stands before the last.
    mono : bool
        The name is an address.
    hollow : bool
        The category rests on a tag of only some of its addresses.
    mark, filled : str, bool
        A shape (an SVG path around 0,0), "" for none.
    border : str
        `single`, `double` (merged) or `dashed` (inferred).
    badge : str
        `×N` on a merged item.
    ink : str
        The colour of the letter.
    """

    lines: tuple[str, ...]
    named: int
    mono: bool
    hollow: bool
    mark: str
    filled: bool
    border: str
    badge: str
    ink: str

    @property
    def height(self) -> int:
        """The height of the box in pixels."""
        return 12 + LINE_HEIGHT * len(self.lines)


def face_of(item: Item) -> Face:
    """Return what the box of an item says."""
    end = max(item.ends, key=lambda end: end.value_sat, default=None)
    mark = None if end is None else end_mark(end.reason)
    mono = item.kind in ("address", "cluster") and not item.tags
    hollow = bool(item.tags) and not {tag.address for tag in item.tags}.issuperset(item.addresses)
    badge = f"×{item.label.partition(' ')[0]}" if item.kind == "others" else ""
    names = [item.label] if mono else _wrapped(item.label, _NAME - (len(badge) + 1 if badge else 0))
    below = [fitted(item.second, _ROOM), _part(item), "seed" if item.seed else ""]
    below.append(fitted(_paid(item), _ROOM))
    if end is not None:
        below.append(_ended(end, len(item.ends)))
    return Face(
        lines=(*names, *(line for line in below if line)),
        named=len(names),
        mono=mono,
        hollow=hollow,
        mark="" if mark is None else mark.path,
        filled=mark is not None and mark.filled,
        border={"others": "double", "cluster": "dashed"}.get(item.kind, "single"),
        badge=badge,
        ink="#000000" if hollow or item.colour in _LIGHT else "#FFFFFF",
    )


def _wrapped(label: str, room: float) -> list[str]:
    """Return a label in as many lines as it needs, broken at spaces; a word too long for a line is cut."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if fitted(longer, room) == longer:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [line for line in lines if line]
    kept = [*lines[: _MOST_NAMES - 1], " ".join(lines[_MOST_NAMES - 1 :])]
    return [fitted(line, room) for line in kept if line]


def _part(item: Item) -> str:
    if item.parts == 1:
        return ""
    return f"first of {item.parts}" if item.part == 1 else f"same {item.kind}, later"


def _ended(end: End, count: int) -> str:
    """Return amount and reason of an end, shorter where there is no room: the mark says the reason too."""
    amount, more = brief_amount(end.value_sat), f" +{count - 1}" if count > 1 else ""
    full = f"{amount} {SHORT_ENDS.get(end.reason, end.reason)}{more}"
    return full if fitted(full, _ROOM - 3) == full else f"{amount}{more}"


def _paid(item: Item) -> str:
    """Return what an address put in, as observed; in a trace, what the policy passes on from it."""
    least = "≥ " if item.coverage.startswith("partial") else ""
    if item.spent_sat is not None:
        return f"spent {least}{brief_amount(item.spent_sat)}"
    if any(end.value_sat == item.sent_sat for end in item.ends):
        return ""
    if item.sent_sat:
        verb = "paid" if item.kind in _PAY_ONLY else "passed on"
        return f"{verb} {brief_amount(item.sent_sat)}"
    return "" if item.ends else f"got {least}{brief_amount(item.received_sat)}"
