"""Reading a reply strictly: JSON without its loopholes, and fields that are checked as they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, Self

from chainflow.errors import BadResponse, SchemaMismatch

__all__ = ["REJECTED", "Field", "excerpt", "loads_strict"]

REJECTED = "the answer was rejected as a whole, nothing of it was used; ask another source"

_MAX_DEPTH = 64
_MAX_DIGITS = 40
_HEX = re.compile(r"([0-9a-f]{2})*")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")


class _LoopholeError(ValueError):
    """Something that JSON readers tolerate or read differently."""


def excerpt(body: bytes, *, limit: int = 40) -> str:
    """Return the beginning of a body in quotes, on one line, safe to print.

    Examples
    --------
    >>> excerpt(b"<html>\\n  Just a moment...</html>", limit=24)
    "'<html> Just a moment...…'"
    """
    text = _CONTROL.sub(" ", body[: 4 * limit].decode("utf-8", "replace")).strip()
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return f"'{printable}'" if len(printable) <= limit else f"'{printable[:limit]}…'"


def loads_strict(
    body: bytes, *, what: str = "The answer", most_digits: int = _MAX_DIGITS, deepest: int = _MAX_DEPTH
) -> Any:
    """Return the JSON value of `body`: integers as `int`, other numbers as `Decimal`, never a float.

    Refused are other encodings than UTF-8, NaN and Infinity, a key that stands twice in one object, more
    than `deepest` levels, numbers of more than 40 characters, and text that is not valid Unicode.

    Parameters
    ----------
    body : bytes
    what : str
        How a message begins: which answer this is.
    most_digits : int
        Characters of a number, where the format is known to have longer ones.
    deepest : int
        Levels of nesting that are read; some 900 at most, whatever is asked.

    Raises
    ------
    BadResponse
        If `body` is not such JSON; the message says whether it is cut off or a web page.

    Examples
    --------
    >>> loads_strict(b'{"value": 546, "rate": 1.5}')
    {'value': 546, 'rate': Decimal('1.5')}
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=lambda text: _decimal(_short(text, most_digits)),
            parse_int=lambda text: int(_short(text, most_digits)),
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
        _check_tree(value, deepest)
    except _LoopholeError as error:
        raise BadResponse(f"{what} {error}", hint=REJECTED) from None
    except RecursionError:
        raise BadResponse(f"{what} {_too_deep(deepest)}", hint=REJECTED) from None
    except ValueError:  # UnicodeDecodeError, JSONDecodeError
        raise _not_json(body, what) from None
    return value


def _not_json(body: bytes, what: str) -> BadResponse:
    """Return the error that says what the body is instead: a web page, a torso, a plain text, nothing."""
    text = body.strip()
    if not text:
        return BadResponse(f"{what} is empty", hint=REJECTED)
    closing = {b"[": b"]", b"{": b"}"}.get(text[:1])
    if closing is not None and not text.endswith(closing):
        return BadResponse(
            f"{what} is cut off: its JSON has no end ({len(body):,} bytes came)",
            hint="ask again; nothing of it was used",
        )
    page = " Probably a bot check or a proxy's error page." if text[:1] == b"<" else ""
    return BadResponse(f"{what} is not JSON (starts with {excerpt(text)}).{page}", hint=REJECTED)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _LoopholeError(f"holds a number that nobody can hold ({text})") from None


def _short(text: str, most: int) -> str:
    if len(text) > most:
        raise _LoopholeError(f"holds a number of {len(text)} characters ({text[:12]}…)")
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise _LoopholeError(f"holds {name}, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _LoopholeError(f"holds the key {excerpt(twice.encode('utf-8', 'replace'))} twice in one object")
    return members


def _too_deep(deepest: int) -> str:
    return f"is nested deeper than {deepest} levels"


def _check_tree(value: object, deepest: int) -> None:
    """Check depth and text of a parsed value, level by level."""
    level, depth = [value], 0
    while level:
        depth += 1
        below: list[object] = []
        for item in level:
            if depth > deepest and isinstance(item, (dict, list)):
                raise _LoopholeError(_too_deep(deepest))
            if isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str) and not item.isascii() and not _is_unicode(item):
                raise _LoopholeError("holds text that is not valid Unicode")
        level = below


def _is_unicode(text: str) -> bool:
    """Return whether `text` has no lone surrogates: these cannot be written to a file."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a reply, with its path, so that every check can name what it refuses.

    Parameters
    ----------
    value : object
        As `loads_strict` gave it.
    what : str
        Which answer it is in: the beginning of a message.
    path : str
        Where it is, such as `vout[3].value`; "" for the whole answer.
    """

    value: Any
    what: str
    path: str = ""

    @classmethod
    def parse(cls, body: bytes, what: str, *, deepest: int = _MAX_DEPTH) -> Self:
        """Return the whole of a body as `loads_strict` reads it.

        Raises
        ------
        BadResponse
            If it is not such JSON.
        """
        return cls(loads_strict(body, what=what, deepest=deepest), what)

    def __getitem__(self, name: str) -> Self:
        """Return the member `name` of an object; it must be there."""
        members = self._of(dict, "an object")
        if name not in members:
            raise SchemaMismatch(f"{self.what}: {self._below(name).named} is missing", hint=REJECTED)
        return self._below(name)

    def get(self, name: str) -> Self | None:
        """Return the member `name` of an object, `None` where it is absent or null."""
        members = self._of(dict, "an object")
        return None if members.get(name) is None else self._below(name)

    def items(self) -> Iterator[Self]:
        """Yield the items of a list."""
        for index, item in enumerate(self._of(list, "a list")):
            yield type(self)(item, self.what, f"{self.path}[{index}]")

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`; `true` is not 1."""
        if type(self.value) is not int or not low <= self.value <= high:
            raise self.refuse(f"{low:,}…{high:,}")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.refuse("true or false")
        return self.value

    def text(self) -> str:
        """Return a text."""
        return str(self._of(str, "a text"))

    def words(self, name: str) -> str:
        """Return the text of the member `name`, "" where it is absent or null."""
        member = self.get(name)
        return "" if member is None else member.text()

    def hexadecimal(self, *, size: int | None = None) -> str:
        """Return a text of lower-case hex digits, of `size` bytes where that is given."""
        text = self.value
        if not isinstance(text, str) or not _HEX.fullmatch(text) or size not in (None, len(text) // 2):
            raise self.refuse("lower-case hex" if size is None else f"{2 * size} lower-case hex digits")
        return text

    def refuse(self, allowed: str) -> SchemaMismatch:
        """Return the error that names this field, its value and what is allowed."""
        shown = excerpt(str(self.value).encode("utf-8", "replace"))[1:-1]
        shown = repr(shown) if isinstance(self.value, str) else shown
        return SchemaMismatch(f"{self.what}: {self.named} is {shown} (allowed: {allowed})", hint=REJECTED)

    @property
    def named(self) -> str:
        return f"field {self.path}" if self.path else "the whole"

    def _below(self, name: str) -> Self:
        path = f"{self.path}.{name}" if self.path else name
        return type(self)(self.value.get(name), self.what, path)

    def _of(self, kind: type, allowed: str) -> Any:
        if not isinstance(self.value, kind):
            raise self.refuse(allowed)
        return self.value
