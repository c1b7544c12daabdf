"""What actor packs say of the actors that tags name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from chainflow.tags.tag import Actor, Tag

__all__ = ["with_actors"]


def with_actors(tags: Sequence[Tag], actors: Sequence[Actor]) -> Iterator[Tag]:
    """Yield the tags with what actor packs say of their actors; two packs that differ are shown together."""
    described: dict[str, tuple[list[str], list[str]]] = {}
    for actor in sorted(set(actors)):
        names, categories = described.setdefault(actor.id, ([], []))
        names.append(actor.name)
        categories += actor.categories
    for tag in tags:
        if tag.actor in described:
            names, categories = described[tag.actor]
            joined = " / ".join(dict.fromkeys(names))
            yield replace(tag, actor_name=joined, actor_categories=tuple(dict.fromkeys(categories)))
        else:
            yield tag
