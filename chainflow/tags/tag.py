"""One tag: a source's statement about one address or transaction; and what stands beside tags in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from chainflow.errors import BadInput, ChainflowError

__all__ = ["CONFIDENCE", "Actor", "Rejected", "Tag", "TagFile", "confidence_score"]

CONFIDENCE = {
    "override": 100,
    "ownership": 100,
    "ledger_immanent": 100,
    "manual_transaction": 90,
    "service_api": 70,
    "forensic_investigation": 70,
    "authority_data": 60,
    "trusted_provider": 50,
    "service_data": 50,
    "forensic": 50,
    "untrusted_transaction": 40,
    "web_crawl": 20,
    "heuristic": 10,
    "unknown": 5,
}
"""GraphSense's ladder, 0–100, by *how the tag was obtained*: not a probability that it is true."""


def confidence_score(confidence: str) -> int | None:
    """Return the score of a confidence id; `None` where none is stated.

    Raises
    ------
    BadInput
        For an id that is not on the ladder.

    Examples
    --------
    >>> confidence_score("authority_data")
    60
    """
    if not confidence:
        return None
    if confidence not in CONFIDENCE:
        raise BadInput(f"not a confidence id: {confidence!r}", hint=f"known are {', '.join(CONFIDENCE)}")
    return CONFIDENCE[confidence]


@dataclass(frozen=True, slots=True)
class Tag:
    """A source's statement about one address (or, with `txid`, one transaction).

    Every text is "" where the source does not state it.

    Attributes
    ----------
    address, chain, txid : str
        What the tag is on: an address in its normalised form, or a txid while `address` is "".
    label : str
        The human text.
    category, abuse : str
        A concept of `chainflow.tags.taxonomy`, or the source's own word where that does not know it.
    concepts : tuple of str
        Further categories that the source states.
    actor : str
        The id of the real-world actor that the source names.
    actor_name, actor_categories : str, tuple of str
        What an actor pack says of that actor; no part of the source's own statement.
    source, creator : str
        Who says so (a URL or a text), and who wrote the file.
    confidence : str
        An id of the `CONFIDENCE` ladder.
    date : str
        When the statement was last changed, as ISO text.
    tag_type : str
        GraphSense's `actor`, `event` or `mention`.
    is_cluster_definer : bool
        Whether the source says that the tag holds for the whole cluster; False where it says nothing.
    context : str
        Anything else the source says: text, or JSON as text.
    file, line : str, int
        The file's name and the line, or the row's number where a format has no lines.
    """

    address: str
    chain: str
    label: str
    category: str = ""
    actor: str = ""
    source: str = ""
    creator: str = ""
    confidence: str = ""
    date: str = ""
    abuse: str = ""
    is_cluster_definer: bool = False
    context: str = ""
    concepts: tuple[str, ...] = ()
    tag_type: str = ""
    actor_name: str = ""
    actor_categories: tuple[str, ...] = ()
    txid: str = ""
    file: str = ""
    line: int = 0

    @property
    def confidence_score(self) -> int | None:
        """The score of `confidence` on GraphSense's ladder; `None` where none is stated."""
        return confidence_score(self.confidence)

    @property
    def categories(self) -> tuple[str, ...]:
        """Every category the source states, each once; its actor's where the source states none.

        A tag that states an abuse never takes its actor's category: the thief of an exchange's coins
        is filed under that exchange by some packs.
        """
        stated = dict.fromkeys(c for c in (self.category, self.abuse, *self.concepts) if c)
        return tuple(stated) or self.actor_categories


@dataclass(frozen=True, slots=True, order=True)
class Actor:
    """A real-world actor as an actor pack describes it; tags refer to it by `id`."""

    id: str
    name: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not used: where it stands, what it says, and why not."""

    file: str
    line: int
    text: str
    error: ChainflowError = field(compare=False)

    @classmethod
    def of(cls, text: str, error: ChainflowError, *, file: str, line: int) -> Self:
        """Return the record of a row: 200 characters of it at most, all of which can be printed."""
        return cls(file, line, text[:200].encode("utf-8", "backslashreplace").decode(), error)

    @property
    def reason(self) -> str:
        """What was wrong with the row."""
        return self.error.message


@dataclass(frozen=True, slots=True, order=True)
class TagFile:
    """A file that was read: its SHA-256, and how many of its rows were used and how many were not."""

    name: str
    sha256: str
    used: int
    rejected: int
