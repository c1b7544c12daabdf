"""Sanctions lists as of a day: what a tag can answer, and what it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from chainflow.errors import BadInput
from chainflow.tags import Tag, Tags
from chainflow.tags.taxonomy import members

__all__ = ["Listed", "Listing", "day_of", "listings_of", "lists_given", "on_list"]


_SANCTIONED = members(["sanctioned"])


class Listed(StrEnum):
    """What lists say of an address on a day; the first that any listing supports is the answer."""

    YES = "listed"
    HOLDER = "holder listed, since when with this address is not stated"
    UNDATED = "listed, date not stated"
    NO_DAY = "listed, day of the transaction not known"
    LATER = "listed later"
    NONE = "on none of the lists given"
    NO_LIST = "no sanctions list was given"


class Listing(NamedTuple):
    """One tag that states a sanction.

    `holder_since` is when the entry of the holder was made: addresses are added to entries later. `by` is the
    day of the list that the address was seen on, or of the tag's last change. `None`: not stated.
    """

    source: str
    label: str
    holder_since: date | None
    by: date | None

    def __str__(self) -> str:
        since = f"holder listed {self.holder_since}" if self.holder_since else "listing date not stated"
        by = f"list of {self.by}" if self.by else "list without a date"
        return f"{self.source}: {self.label} ({since}; {by})"

    def answer(self, day: date | None) -> Listed:
        """Return what this listing says of a day; without one, of the lists as they are."""
        if day is None or (self.by is not None and self.by <= day):
            return Listed.YES
        if self.holder_since is None:
            return Listed.UNDATED
        return Listed.HOLDER if self.holder_since <= day else Listed.LATER


def listings_of(tags: Iterable[Tag]) -> tuple[Listing, ...]:
    """Return what some tags on one address state about sanctions, sorted."""
    found = {
        Listing(tag.source, tag.label, _stated(tag), _day(tag.date))
        for tag in tags
        if not _SANCTIONED.isdisjoint(tag.categories)
    }
    return tuple(sorted(found, key=str))


def on_list(listings: Iterable[Listing], day: date | None = None) -> Listed:
    """Return whether an address was listed on a day; without one, by the lists as they are.

    A listing without a date cannot answer for a day: that is never "not listed". A list that was published
    later does not say since when an address is on it; its holder's date only says since when at the earliest.
    That an address was taken off a list before, no list says.

    Examples
    --------
    >>> one = Listing("OFAC SDN", "HYDRA MARKET", None, date(2022, 4, 5))
    >>> print(on_list([one], date(2022, 4, 6)), "|", on_list([one], date(2022, 4, 4)))
    listed | listed, date not stated
    """
    answers = {listing.answer(day) for listing in listings}
    return next((answer for answer in Listed if answer in answers), Listed.NONE)


def lists_given(tags: Tags) -> tuple[str, ...]:
    """Return the sanctions lists among tags, each with its date: who is on none of them is on none of these."""
    counts: dict[str, int] = {}
    for tag in tags:
        if tag.address and not _SANCTIONED.isdisjoint(tag.categories):
            day = _day(tag.date)
            name = f"{tag.source} of {day}" if day else f"{tag.source}, date not stated"
            counts[name] = counts.get(name, 0) + 1
    return tuple(f"{name} ({count:,})" for name, count in sorted(counts.items()))


def day_of(text: str | date | None) -> date | None:
    """Return a day that was written as ISO text.

    Raises
    ------
    BadInput
        If it is none.
    """
    if text is None or isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"not a day: {text[:40]!r}", hint="write it as 2022-04-05") from None


def _day(stated: str) -> date | None:
    """Return the day of a tag's date, which `Tags` has checked."""
    return date.fromisoformat(stated[:10]) if stated else None


def _stated(tag: Tag) -> date | None:
    """Return since when a tag's context says that its holder is listed."""
    try:
        context = json.loads(tag.context)
        return date.fromisoformat(context["listed"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # the context is the source's own text: most say nothing of it
