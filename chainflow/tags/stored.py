"""Tags as one JSON text, the form in which a case file keeps them, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar

import chainflow.errors
from chainflow.errors import BadInput
from chainflow.model import canonical_json
from chainflow.tags.tag import Actor, Rejected, Tag, TagFile, confidence_score

__all__ = ["Parts", "dump_parts", "load_parts"]

_Record = TypeVar("_Record", Tag, Actor, TagFile)


class Parts(NamedTuple):
    """What `Tags` is made of, in the order of its parameters."""

    tags: tuple[Tag, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    files: tuple[TagFile, ...] = ()
    actors: tuple[Actor, ...] = ()


def _stated(record: Tag | Actor | TagFile) -> dict[str, object]:
    """Return the fields that hold something: most of a tag's are empty."""
    held = ((f.name, getattr(record, f.name)) for f in fields(record))
    return {name: value for name, value in held if value}


def dump_parts(parts: Parts) -> str:
    """Return the canonical JSON of all parts; a lone surrogate in an error's text is written as its escape."""
    rejected = [
        {
            "file": row.file,
            "line": row.line,
            "text": row.text,
            "error": type(row.error).__name__,
            "message": row.error.message,
            "hint": row.error.hint,
        }
        for row in parts.rejected
    ]
    text = canonical_json(
        {
            "tags": [_stated(tag) for tag in parts.tags],
            "rejected": rejected,
            "files": [_stated(file) for file in parts.files],
            "actors": [_stated(actor) for actor in parts.actors],
        }
    )
    return text.encode("utf-8", "backslashreplace").decode()


_EMPTY = {"str": "", "int": 0, "bool": False, "tuple[str, ...]": ()}


def _records(kind: type[_Record], rows: Iterable[Mapping[str, Any]]) -> tuple[_Record, ...]:
    empty: dict[str, Any] = {f.name: _EMPTY[str(f.type)] for f in fields(kind)}
    records = []
    for row in rows:
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
        }
        if any(type(value) is not type(empty[name]) for name, value in given.items()):
            raise TypeError(f"a field of the wrong type in {given!r:.60}")
        records.append(kind(**{**empty, **given}))
    return tuple(records)


def _rejected(row: Mapping[str, Any]) -> Rejected:
    kind = getattr(chainflow.errors, row["error"]) if row["error"] in chainflow.errors.__all__ else BadInput
    return Rejected(
        str(row["file"]), int(row["line"]), str(row["text"]), kind(row["message"], hint=row["hint"])
    )


def load_parts(text: str) -> Parts:
    """Return what `dump_parts` wrote.

    Raises
    ------
    BadInput
        If the text is anything else. Addresses are not decoded again.
    """
    try:
        held = json.loads(text)
        tags, files = _records(Tag, held["tags"]), _records(TagFile, held["files"])
        for confidence in {tag.confidence for tag in tags}:
            confidence_score(confidence)
        rejected = tuple(_rejected(row) for row in held["rejected"])
        return Parts(tags, rejected, files, _records(Actor, held["actors"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInput(f"not the JSON of tags: {error!r:.80}", hint="write it with Tags.to_json()") from None
