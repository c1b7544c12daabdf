"""The shape of a file format: what it recognises, how a file is asked, and what reading one gives.

Everything is a function of (chain, path, bytes): a case that archives a file's bytes and the path can be
read again years later, without the file's name, a clock or a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self
from urllib.parse import quote, unquote

from chainflow.errors import BadInput, BadResponse, ChainflowError
from chainflow.model import Fact

__all__ = ["Format", "Parsed", "RejectedRow", "options_of", "question"]

_PATH = re.compile(r"/[^/?&=]+(?:\?[^?]*)?")
_SAFE = "-_.~,:"


def question(name: str, options: Mapping[str, str]) -> str:
    """Return the text that a file is archived under: its name, and how it is to be read.

    Examples
    --------
    >>> question("my export.csv", {"table": "traces", "decimals": "6"})
    '/my%20export.csv?decimals=6&table=traces'
    """
    pairs = [f"{key}={quote(options[key], safe=_SAFE)}" for key in sorted(options) if options[key]]
    return f"/{quote(name, safe=_SAFE) or 'file'}" + (f"?{'&'.join(pairs)}" if pairs else "")


def options_of(path: str) -> dict[str, str]:
    """Return the options in a path made by `question`.

    Raises
    ------
    BadInput
        If the path is not exactly what `question` makes: one way of reading has one path.

    Examples
    --------
    >>> options_of("/my%20export.csv?decimals=6&table=traces")
    {'decimals': '6', 'table': 'traces'}
    """
    name, _, query = path.removeprefix("/").partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")] if query else []
    try:
        options = {key: unquote(value, errors="strict") for key, value in pairs}
        again = question(unquote(name, errors="strict"), options)
    except UnicodeDecodeError:
        options, again = {}, ""
    if again != path or not _PATH.fullmatch(path):
        raise BadInput(f"not the path of a file: {path[:150]!r}", hint="make it with open_file(…).path")
    return options


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not used: where it stands, what it says, and why not."""

    line: int
    text: str
    error: ChainflowError = field(compare=False)

    @classmethod
    def of(cls, line: int, text: str, error: ChainflowError) -> Self:
        """Return the record of a row: 200 characters of it at most, all of which can be printed."""
        shown = "".join(sign if sign.isprintable() else " " for sign in text[:200])
        return cls(line, shown, error)

    @property
    def reason(self) -> str:
        """What was wrong with the row."""
        return self.error.message


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file states, and what in it could not be used.

    Attributes
    ----------
    facts : tuple of Fact
    rejected : tuple of RejectedRow
        In the order of the file.
    understood : mapping
        Their column → what it was taken for; columns that were not used are left out.
    counts : mapping
        What kind of fact or row → how many, for people.
    rows : int
        Rows in the file, the header not counted.
    notes : tuple of str
        What the file cannot tell, one sentence each.
    chains : mapping
        Chain → rows, where the file names chains; rows of another chain than asked are not used.
    """

    facts: tuple[Fact, ...]
    rejected: tuple[RejectedRow, ...] = ()
    understood: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    notes: tuple[str, ...] = ()
    chains: Mapping[str, int] = field(default_factory=dict)

    def usable(self) -> tuple[Fact, ...]:
        """Return the facts.

        Raises
        ------
        BadResponse
            If there are rows and none of them could be used.
        """
        if self.rejected and not self.facts:
            first = self.rejected[0]
            raise BadResponse(
                f"none of {self.rows:,} rows could be used; line {first.line}: {first.reason}",
                hint="look at the preview (--preview, .preview()): it names every row that cannot be used",
            )
        return self.facts


class Format:
    """One kind of file; subclasses are used as they are, without an instance."""

    family: ClassVar[str]
    title: ClassVar[str]
    options: ClassVar[Mapping[str, str]] = {}
    """Option → what it means."""

    has_chains: ClassVar[bool] = False
    """Whether a file names the chain of each row, so that one file may be of several."""

    is_fallback: ClassVar[bool] = False
    """Whether it is only tried where no other format recognises a file."""

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether a file of this name may be of this format, by the first bytes of its content."""
        raise NotImplementedError

    @classmethod
    def guess(cls, name: str, head: bytes) -> dict[str, str]:
        """Return the options that the file itself tells; what the user says wins."""
        return {}

    @classmethod
    def chains_of(cls, name: str, body: bytes) -> tuple[str, ...]:
        """Return the chains that a file may be of, where it tells; they are offered to the user.

        Where `has_chains`, those are the chains of its rows.
        """
        return ()

    @classmethod
    def labels(cls, body: bytes) -> tuple[Mapping[str, str], ...]:
        """Return the names that a file gives to addresses, as rows for `Tags.of_rows`: claims, no facts."""
        return ()

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return what the file `body`, asked as `path`, states of `chain`, and what was not used."""
        raise NotImplementedError

    @classmethod
    def read(cls, chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
        """Return the facts of a file, as a source's reader does for a reply.

        Raises
        ------
        SourceError
            If the file as a whole cannot be read, or nothing in it could be used.
        BadInput
            If `path` is not that of a file, or names an option that there is not.
        """
        if status != 200:
            raise BadResponse(f"a file has status 200, not {status}", hint="open it with open_file")
        return cls.parse(chain, path, body).usable()
