"""Where tags on one address contradict each other: found and shown side by side, never resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chainflow.tags.tag import Tag
from chainflow.tags.taxonomy import ancestors

__all__ = ["Conflict", "find_conflicts", "rank"]

_NO_CLAIM = frozenset({"blacklisted", "trait", "unknown"})


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two tags on one address that differ about its `actor`, its `label` or its `category`.

    `first` is the better one by `Tags.best`; that says how it was obtained, not that it is right.
    """

    address: str
    chain: str
    about: str
    first: Tag
    second: Tag

    def __str__(self) -> str:
        said = (f"{_said(tag, self.about)!r} ({tag.source})" for tag in (self.first, self.second))
        return f"{self.address or self.first.txid} {self.about}: {' against '.join(said)}"


def _said(tag: Tag, about: str) -> str:
    return {"actor": tag.actor, "label": tag.label}.get(about) or _category(tag)


def rank(tag: Tag) -> tuple[int, tuple[int, ...], str, str, str]:
    """Return a key that sorts the best tag first: confidence, then the newest, then source, label and file."""
    score = tag.confidence_score
    newest_first = (*(-ord(character) for character in tag.date), 1)
    return 1 if score is None else -score, newest_first, tag.source, tag.label, tag.file


def _category(tag: Tag) -> str:
    """Return the category a conflict is about; "" for lists and traits, which any actor may be on or have."""
    stated = tag.category or tag.abuse
    return "" if _NO_CLAIM & {stated, *ancestors(stated)} else stated


def _distinct(ranked: Sequence[Tag], about: str) -> list[Tag]:
    """Return the best tag for each thing that is stated about the actor, the label or the category."""
    found: dict[object, Tag] = {}
    for tag in ranked:
        value = (
            (tag.label, tag.actor) if about == "label" else tag.actor if about == "actor" else _category(tag)
        )
        if value:
            found.setdefault(value, tag)
    return list(found.values())


def _differ(about: str, first: Tag, second: Tag) -> bool:
    if about == "label":
        is_one_actor = bool(first.actor) and first.actor == second.actor
        return first.label != second.label and not is_one_actor
    if about == "category":
        one, other = _category(first), _category(second)
        return one not in ancestors(other) and other not in ancestors(one)
    return True


def find_conflicts(groups: Iterable[Sequence[Tag]]) -> Iterator[Conflict]:
    """Yield every conflict within each group of tags on one address of one chain.

    Each value stated about the actor, the label or the category is set against the best tag that differs
    from it: a thousand labels on one address give a thousand conflicts, not half a million.
    """
    for group in groups:
        ranked = sorted(group, key=rank) if len(group) > 1 else ()
        for about in ("actor", "label", "category"):
            distinct = _distinct(ranked, about)
            for place, second in enumerate(distinct):
                better = distinct[:place] if about == "category" else distinct[: min(place, 1)]
                first = next((tag for tag in better if _differ(about, tag, second)), None)
                if first is not None:
                    yield Conflict(second.address, second.chain, about, first, second)
