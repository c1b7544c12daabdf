"""How things look in every picture: one mapping each for categories, ends and lines.

Colour is never the only sign: each category also has a letter, each end a
shape and a word, each line a dash and a word.
"""

from __future__ import annotations

from typing import NamedTuple

from chainflow.model import EndReason
from chainflow.tags.taxonomy import ancestors, canonical, mark

__all__ = [
    "ENDS",
    "FAMILIES",
    "LINES",
    "EndMark",
    "Family",
    "LineMark",
    "dashes_of",
    "end_mark",
    "family_of",
    "letter_of",
]


class Family(NamedTuple):
    """The look of a group of categories: a letter for where the category itself has none, and a colour."""

    letter: str
    colour: str
    word: str


class EndMark(NamedTuple):
    """A shape (SVG path around 0,0 within ±6), whether it is filled, and the word beside it."""

    path: str
    filled: bool
    word: str


class LineMark(NamedTuple):
    """How a thin line is broken (pixels drawn, left out, …; none: solid), and the words beside it."""

    dashes: tuple[int, ...]
    word: str


_OBSERVED = "observed payment: its amount is read in the transactions"
_TRACED = "traced amount: a payment in an observed transaction, as much of it as the policy follows"
_SHARED = "shared among the payers pro rata: arithmetic, not observed"
_GROUPED = "a side is a cluster: that its addresses belong together is inferred"
LINES = {
    "observed": LineMark((), _OBSERVED),
    "traced": LineMark((), _TRACED),
    "pro rata": LineMark((2, 4), _SHARED),
    "grouped observed": LineMark((7, 5), f"{_OBSERVED}; {_GROUPED}"),
    "grouped traced": LineMark((7, 5), f"{_TRACED}; {_GROUPED}"),
    "grouped pro rata": LineMark((10, 4, 2, 4), f"{_SHARED}; {_GROUPED}"),
}
"""The line of each `Flow.sign`."""


def dashes_of(sign: str, width: float) -> tuple[float, ...]:
    """Return how a line of that width is broken: a wide line in longer pieces, or it would look solid."""
    return tuple(round(part * max(1.0, width / 3), 1) for part in LINES[sign].dashes)


# the smallest Lab distance between any two of these is 16.7, also for colour-blind readers
FAMILIES = {
    "victim": Family("V", "#0072B2", "victim"),
    "suspect": Family("!", "#D55E00", "abuse or suspect"),
    "unknown": Family("?", "#A6A6A6", "no tag"),
    "deposit": Family("D", "#56B4E9", "deposit or wallet"),
    "exchange": Family("E", "#005F45", "exchange or service"),
    "mixer": Family("M", "#B8457F", "mixer or coinjoin"),
    "sanctioned": Family("S", "#000000", "sanctioned"),
}

_CIRCLE = "M-5.5,0A5.5,5.5 0 1 0 5.5,0A5.5,5.5 0 1 0 -5.5,0Z"
ENDS = {
    EndReason.SERVICE: EndMark("M-5,-5H5V5H-5Z", True, "reached a service"),
    EndReason.COINJOIN: EndMark("M-6,0H6M-3,-5.2L3,5.2M3,-5.2L-3,5.2", False, "entered a coinjoin"),
    EndReason.UNSPENT: EndMark("M0,-6L6,0L0,6L-6,0Z", False, "unspent"),
    EndReason.UNKNOWN: EndMark(
        f"{_CIRCLE}M-1.8,-1.2A1.8,1.8 0 1 1 0,0.7V1.4M0,3V3.4", False, "unknown: not in evidence"
    ),
    EndReason.DISPUTED: EndMark("M-6,4L0,-6L6,4ZM0,-2V1", False, "sources disagree"),
    EndReason.LIMIT: EndMark("M-3,-5V5M3,-5V5", False, "we stopped at a limit"),
    EndReason.DUST: EndMark("M-2,0A2,2 0 1 0 2,0A2,2 0 1 0 -2,0Z", True, "too small to follow"),
    EndReason.FEE: EndMark("M-5,-4H5L0,5Z", False, "fee"),
    EndReason.BURNT: EndMark("M-5,-5L5,5M5,-5L-5,5", False, "burnt"),
    EndReason.COINBASE: EndMark("M0,-6L5.2,-3V3L0,6L-5.2,3V-3Z", False, "newly made coins"),
    EndReason.POISON: EndMark(
        f"{_CIRCLE}M-2.5,0A2.5,2.5 0 1 0 2.5,0A2.5,2.5 0 1 0 -2.5,0Z", False, "counted twice"
    ),
}


def end_mark(reason: str) -> EndMark:
    """Return the mark of an end; a reason we do not know looks like `unknown` and keeps its own word."""
    for known, shape in ENDS.items():
        if known.value == reason:
            return shape
    return ENDS[EndReason.UNKNOWN]._replace(word=reason)


# the widest concepts of the taxonomy that have a colour of their own; the nearest one counts
_FAMILY_OF = {
    "victim": "victim",
    "perpetrator": "suspect",
    "abuse": "suspect",
    "hosted_wallet": "deposit",
    "user": "deposit",
    "mixing_service": "mixer",
    "coinjoin": "mixer",
    "service": "exchange",
    "organization": "exchange",
    "blacklisted": "sanctioned",
}


def family_of(category: str) -> str:
    """Return the family a category is coloured as; `unknown` for one that is not stated or not known.

    Examples
    --------
    >>> family_of("mixer"), family_of("ransomware"), family_of("")
    ('mixer', 'suspect', 'unknown')
    """
    concept = canonical(category)
    for wider in (concept, *ancestors(concept)):
        if wider in _FAMILY_OF:
            return _FAMILY_OF[wider]
    return "unknown"


def letter_of(category: str) -> str:
    """Return the letter that stands for a category; `?` for one that is not stated or not known."""
    return mark(canonical(category))
