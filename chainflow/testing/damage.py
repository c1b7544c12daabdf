"""Replies damaged on purpose: what a broken server, a proxy on the way or a liar can do to a body."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Damage", "damaged_bodies", "damages"]

_CUTS = 24
_DEPTH = 100_000
_HUGE = {int: "1" + "0" * 40, str: '"1' + "0" * 90 + '"'}
_MARK = "\ue000"

_IMPOSSIBLE = ("NaN", "-Infinity", "1e999", '"\\ud800"', '{"x": 1}', '["x"]')
"""Values that no field of a reply has: no reader takes one for an amount, a name or a flag."""

_OF_OTHER_TYPE: dict[type, tuple[str, ...]] = {
    str: ("true", "1.5"),
    bool: ('"x"', "1.5", "2"),
    int: ('"x"', "true", "1.5", _HUGE[int]),
    Decimal: ('"x"', "true", _HUGE[int], "-1.5"),
    type(None): ("true", "1.5", "-1"),
    list: ('"x"', "7", "true"),
    dict: ('"x"', "7", "true"),
}
_OTHER_TEXTS = ('"-1"', '"1e3"', '"NaN"', _HUGE[str])
"""What is no number, hash or address; in place of a word it may be a word that a reader does not know."""

_NUMBER_OR_HASH = re.compile(r"[0-9.+-]+|(0x)?[0-9a-fA-F]{8,}|[0-9A-Za-z]{26,}")
_EMPTY = ("null", '""', "[]", "{}", "0", "false")


class Damage(NamedTuple):
    """One damaged body.

    Attributes
    ----------
    name : str
        What was done to it.
    is_plausible : bool
        Whether an honest server could have sent it. Then only a hash, a sum or another source can tell,
        and a reader without any of them must believe it.
    """

    name: str
    body: bytes
    is_plausible: bool = False


def damages(body: bytes, *, most: int = 2_000) -> Iterator[Damage]:
    """Yield `body` damaged in up to `most` ways, always the same ones.

    Examples
    --------
    >>> [damage.body for damage in damages(b'{"value": 5}') if damage.name == "value is 4"]
    [b'{"value":4}']
    """
    yield from _of_bytes(body)
    try:
        value = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict | list):
        yield from _of_fields(value, most)


def damaged_bodies(body: bytes) -> SearchStrategy[Damage]:
    """Return the same damages as a Hypothesis strategy, for tests of your own (needs `hypothesis`)."""
    from hypothesis import strategies

    return strategies.sampled_from(list(damages(body)))


def _of_bytes(body: bytes) -> Iterator[Damage]:
    """Yield what happens to a body as a whole, whatever is in it."""
    yield Damage("empty", b"")
    yield Damage("a web page", b"<html><head><title>Just a moment...</title></head></html>")
    yield Damage("a notice", b"Too many requests, please slow down")
    yield Damage("not UTF-8", b"\xff\xfe" + body)
    yield Damage("a foreign byte in the middle", body[: len(body) // 2] + b"\xff" + body[len(body) // 2 :])
    yield Damage("nothing but NaN", b"NaN")
    yield Damage("nested 100,000 times", b"[" * _DEPTH + b"]" * _DEPTH)
    yield Damage("a second answer behind it", body + body, is_plausible=body.strip().isalnum())
    is_bare = not body.strip().endswith((b"}", b"]"))  # a number that is cut off is a number
    for place in sorted({len(body) * cut // _CUTS for cut in range(1, _CUTS)} - {0, len(body)}):
        yield Damage(f"cut off after {place:,} bytes", body[:place], is_plausible=is_bare)


Edit = tuple[tuple[str | int, ...], str, bool]
"""Where, the text that stands there afterwards, and whether that is plausible."""


def _of_fields(value: Any, most: int) -> Iterator[Damage]:
    """Yield `value` with one place changed, written as JSON again."""
    edits = list(_edits(value))
    if len(edits) > most:
        # the same sample on every machine: a failure must come back
        edits = [edits[n] for n in sorted(random.Random(len(edits)).sample(range(len(edits)), most))]  # noqa: S311
    places: dict[tuple[str | int, ...], tuple[str, str]] = {}
    for path, text, is_plausible in edits:
        if path not in places:
            head, _, tail = _written(value, path).partition(_MARK)
            places = {path: (head, tail)}
        head, tail = places[path]
        shown = text if len(text) < 60 else f"{text[:57]}…"
        yield Damage(f"{_named(path)} is {shown}", f"{head}{text}{tail}".encode(), is_plausible)


def _edits(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Edit]:
    """Yield every edit of a value and of what is in it."""
    is_bool = isinstance(value, bool)
    kind = next(
        kind for kind in _OF_OTHER_TYPE if isinstance(value, kind) and (kind is not int or not is_bool)
    )
    strange = [text for text in _IMPOSSIBLE if kind not in (dict, list) or text[0] != "{["[kind is list]]
    yield from ((path, text, value is None and text[0] in "{[") for text in strange)
    yield from ((path, text, False) for text in _OF_OTHER_TYPE[kind])
    if isinstance(value, str):
        is_word = not _NUMBER_OR_HASH.fullmatch(value)
        yield from ((path, text, is_word) for text in _OTHER_TEXTS)
    yield from ((path, text, True) for text in _EMPTY if text != _written(value))
    if kind is int:
        yield from ((path, str(new), new >= 0) for new in (-value - 1, value + 1, value - 1))
    elif kind is Decimal:
        yield from ((path, str(new), True) for new in (value + 1, value * 10))
    elif kind is bool:
        yield path, "false" if value else "true", True
    elif kind is str and value:
        yield from ((path, json.dumps(new), True) for new in _near(value))
    elif kind is list:
        yield from _edits_of_list(value, path)
    elif kind is dict:
        yield from _edits_of_object(value, path)


def _near(text: str) -> Iterator[str]:
    """Yield texts of the same look: a digit more or less, two signs swapped, the first one another."""
    yield text[:-1]
    yield text + text[-1]
    yield text[1:] + text[0]
    last = "1" if text[-1] == "0" else "0"
    yield text[:-1] + last


def _edits_of_list(value: list[Any], path: tuple[str | int, ...]) -> Iterator[Edit]:
    if value:
        yield from ((path, _written(new), True) for new in (value[:-1], value[1:], [*value, value[-1]]))
    if len(value) > 1:
        yield path, _written([value[1], value[0], *value[2:]]), True
    for place, item in enumerate(value):
        yield from _edits(item, (*path, place))


def _edits_of_object(value: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Edit]:
    names = list(value)
    for name in names:
        twice = _written(value)[:-1] + f",{json.dumps(name)}:{_another(value[name])}}}"
        yield path, twice, False
        yield path, _written({key: item for key, item in value.items() if key != name}), True
    for one, two in pairwise(names):
        if type(value[one]) is type(value[two]) and value[one] != value[two]:
            yield path, _written(value | {one: value[two], two: value[one]}), True
    for name, item in value.items():
        yield from _edits(item, (*path, name))


def _another(value: Any) -> str:
    """Return another value of the same type: the second of a key that stands twice."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value + 1)
    if isinstance(value, str):
        return json.dumps(value + value[-1:])
    return _written([*value, *value[-1:]]) if isinstance(value, list) else _written(value)


def _written(value: Any, marked: tuple[str | int, ...] | None = None) -> str:
    """Return a value as JSON, with `_MARK` in the place that is `marked`."""
    if marked == ():
        return _MARK
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(k)}:{_written(v, _below(marked, k))}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_written(item, _below(marked, n)) for n, item in enumerate(value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _below(marked: tuple[str | int, ...] | None, step: str | int) -> tuple[str | int, ...] | None:
    return marked[1:] if marked and marked[0] == step else None


def _named(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the whole"
