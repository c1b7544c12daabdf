"""From a path to facts: which format a file is of, what was understood of it, and what was not used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from chainflow import cards, registry
from chainflow.errors import BadInput, ChainflowError
from chainflow.formats.mapped import MappedCsv, propose
from chainflow.formats.shape import Format, Parsed, RejectedRow, question
from chainflow.formats.tables import Layout, tables_of
from chainflow.formats.unpack import MAX_BYTES, bundle, members
from chainflow.model import Fact, TransferRecord, TxOutline, TxRecord, is_txid

__all__ = ["FileSource", "Preview", "chains_in", "formats", "named_in", "open_file"]

_GROUP = "chainflow.formats"
_HEAD = 64 * 1024
_SHOWN = 3
_SHOWN_REJECTED = 20
_Files = Sequence[tuple[str, bytes]]


def formats() -> dict[str, type[Format]]:
    """Return all formats that are installed, by name.

    Examples
    --------
    >>> formats()["csv"].title
    'any CSV, with a mapping of its columns'
    """
    return {name: _format(name) for name in registry.plugins(_GROUP)}


def _format(name: str) -> type[Format]:
    found = registry.load(_GROUP, name)
    if not (isinstance(found, type) and issubclass(found, Format)):
        raise BadInput(f"the plug-in {name!r} is no format", hint="it must be a class on Format")
    return found


def named_in(facts: Iterable[Fact]) -> tuple[tuple[str, str], ...]:
    """Return the (chain, txid) of the transactions that facts name without holding them."""
    held, named = set[tuple[str, str]](), dict[tuple[str, str], None]()
    for fact in facts:
        if isinstance(fact, TxRecord):
            held.add((fact.chain, fact.txid))
        elif isinstance(fact, TxOutline) and is_txid(fact.txid):
            named[fact.chain, fact.txid] = None
    return tuple(key for key in named if key not in held)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file would bring into a case, for people: as text, or as a table in a notebook."""

    title: str
    understood: Mapping[str, str]
    counts: Mapping[str, int]
    first: tuple[Fact, ...]
    rejected: tuple[RejectedRow, ...]
    notes: tuple[str, ...]
    proposal: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, str]]:
        """Return everything as (what, text); signs that cannot be printed are replaced."""
        more = len(self.rejected) - _SHOWN_REJECTED
        rows = [
            *((f"column {name}", meaning) for name, meaning in self.understood.items()),
            *((f"proposed: {ours}", theirs) for ours, theirs in self.proposal.items()),
            *((what, f"{count:,}") for what, count in self.counts.items()),
            *(("example", _shown(fact)) for fact in self.first),
            *(
                (f"not used: line {row.line}", f"{row.reason} ({row.text})")
                for row in self.rejected[:_SHOWN_REJECTED]
            ),
            *([("not used", f"and {more:,} more rows")] if more > 0 else []),
            *(("note", text) for text in self.notes),
        ]
        return [(_printable(what), _printable(text)) for what, text in rows]

    def __str__(self) -> str:
        return "\n".join((_printable(self.title), *(f"  {what}: {text}" for what, text in self.rows())))

    def _repr_html_(self) -> str:
        return cards.card(self.title, self.rows())


@dataclass(frozen=True)
class FileSource:
    """A file that was opened: which format it is of, and how it is to be read.

    Attributes
    ----------
    family : str
        The format.
    chain : str
    name : str
        The file's name, without its folder.
    options : mapping
        How it is read, as `path` states it.
    body : bytes
        What is archived: the file as it lies there; of several files, a bundle.
    files : tuple of (name, SHA-256)
        The files themselves.
    """

    family: str
    chain: str
    name: str
    options: Mapping[str, str]
    body: bytes = field(repr=False)
    files: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The question under which the file is archived: with `body` it gives the same facts for ever."""
        return question(self.name, self.options)

    @cached_property
    def sha256(self) -> str:
        """The digest of `body`."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def format(self) -> type[Format]:
        """The class that reads it."""
        return _format(self.family)

    @cached_property
    def parsed(self) -> Parsed:
        """What the file states and what in it was not used.

        Raises
        ------
        SourceError
            If the file as a whole cannot be read.
        BadInput
            If it needs a mapping that nobody gave, or an option is wrong.
        """
        return self.format.parse(self.chain, self.path, self.body)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts, as `Format.read` gives them from the archived bytes.

        Raises
        ------
        SourceError, BadInput
            As `parsed`; also if there are rows and none could be used.
        """
        return self.parsed.usable()

    @property
    def rejected(self) -> tuple[RejectedRow, ...]:
        """The rows that were not used."""
        return self.parsed.rejected

    @property
    def labels(self) -> tuple[Mapping[str, str], ...]:
        """The names that the file gives to addresses, for `Tags.of_rows(…)`: claims, never facts."""
        return self.format.labels(self.body)

    @property
    def txids(self) -> tuple[str, ...]:
        """The transactions that the file names without holding them: what to fetch."""
        return tuple(txid for _, txid in named_in(self.parsed.facts))

    @cached_property
    def proposal(self) -> Mapping[str, str]:
        """The mapping that header names suggest; empty where none is needed."""
        if not issubclass(self.format, MappedCsv):
            return {}
        layout = Layout(self.options.get("delimiter", ""), self.options.get("encoding", ""))
        (table, *_) = tables_of(self.body, layout)
        return {
            name: theirs for name, theirs in propose(self.chain, table).items() if name not in self.options
        }

    def confirmed(self, **options: str) -> Self:
        """Return the same file, read by the proposal; what is passed wins over it.

        Examples
        --------
        `file.confirmed(unit="coins", zone="utc").facts`
        """
        return replace(self, options={**self.proposal, **self.options, **_texts(options)})

    def preview(self) -> Preview:
        """Return what the file would bring in; where it still needs a mapping, what is proposed."""
        proposal: Mapping[str, str] = {}
        try:
            parsed = self.parsed
        except BadInput as error:
            if not self.proposal:
                raise
            proposal = self.proposal
            parsed = self._tried(error)
        # while nothing could be tried, how many rows there are is unknown, not 0
        counts = {"rows": parsed.rows, "rows not used": len(parsed.rejected), **parsed.counts}
        sums = counts if parsed.rows or not proposal else {}
        chains = {f"rows of {chain}": count for chain, count in parsed.chains.items()}
        hashes = tuple(f"{name} has the SHA-256 {digest}" for name, digest in self.files)
        state = "NOT CONFIRMED, a proposal" if proposal else self.format.title
        return Preview(
            f"{self.name} as {self.family} on {self.chain}: {state}",
            parsed.understood,
            {**sums, **chains},
            parsed.facts[:_SHOWN],
            parsed.rejected,
            (*parsed.notes, *hashes),
            proposal,
        )

    def _tried(self, error: ChainflowError) -> Parsed:
        """Return what the proposal would give, with what is still missing as a note."""
        try:
            parsed = self.confirmed().parsed
        except BadInput as still:
            return Parsed((), notes=(still.message, still.hint))
        return replace(parsed, notes=(*parsed.notes, f"{error.message}: confirm the proposal, or correct it"))

    def _repr_html_(self) -> str:
        return self.preview()._repr_html_()


def open_file(
    path: str | Path | Sequence[str | Path],
    format: str | None = None,  # noqa: A002
    chain: str | None = None,
    **options: object,
) -> FileSource:
    """Return a file as a source of facts; several files that belong together are read as one.

    Parameters
    ----------
    path : path or sequence of paths
        Such as one CSV, or the `inputs`, `outputs` and `transactions` of one export.
    format : str, optional
        Without it, the one format that recognises the file.
    chain : str, optional
        Needed where the file does not tell of which chain it is.
    **options
        Of the format, see `formats()[name].options`.

    Raises
    ------
    BadInput
        If a file is not there or too large, no format or several recognise it, or the chain is not known.
    BadResponse
        If it is damaged.
    """
    files, parts, known = _known(path, format)
    guessed = known.guess(*_look(parts[0]))
    name = files[0][0] if len(files) == 1 else f"{files[0][0]} and {len(files) - 1} more"
    return FileSource(
        known.family,
        chain or _chain(known, parts),
        name,
        {**guessed, **_texts(options)},
        files[0][1] if len(files) == 1 else bundle(files),
        tuple((file, hashlib.sha256(body).hexdigest()) for file, body in files),
    )


def chains_in(path: str | Path | Sequence[str | Path], format: str | None = None) -> tuple[str, ...]:  # noqa: A002
    """Return the chains that a file's rows name: it can be opened with each.

    Raises
    ------
    BadInput
        As `open_file`, and if files of this format do not name the chain of a row.
    """
    _, parts, known = _known(path, format)
    found = _offered(known, parts) if known.has_chains else ()
    if not found:
        raise BadInput(
            f"{parts[0][0]} does not say of which chains its rows are",
            hint="say the chain (chain=eth, --chain eth)",
        )
    return found


def _known(
    path: str | Path | Sequence[str | Path],
    format: str | None,  # noqa: A002
) -> tuple[_Files, _Files, type[Format]]:
    """Return files, what is in them unpacked, and their format."""
    files = _read([path] if isinstance(path, (str, Path)) else list(path))
    parts = [(name, part) for name, body in files for _, part in members(body)]
    return files, parts, _named(format) if format else _recognised(parts)


def _read(paths: Sequence[str | Path]) -> list[tuple[str, bytes]]:
    if not paths:
        raise BadInput("no file given", hint="pass a path")
    files, size = [], 0
    for path in map(Path, paths):
        if not path.is_file():
            raise BadInput(f"no such file: {path.name}", hint="check the path")
        size += path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{path.name} is larger than {MAX_BYTES >> 20} MB", hint="split it")
        files.append((path.name, path.read_bytes()))
    return files


def _look(part: tuple[str, bytes]) -> tuple[str, bytes]:
    """Return a name and what recognising needs: the beginning; of Parquet all, its columns are at the end."""
    name, content = part
    return name, content if content.startswith(b"PAR1") else content[:_HEAD]


def _named(format: str) -> type[Format]:  # noqa: A002
    if format not in registry.plugins(_GROUP):
        raise BadInput(f"no format {format[:40]!r}", hint=f"there are: {', '.join(registry.plugins(_GROUP))}")
    return _format(format)


def _recognised(parts: _Files) -> type[Format]:
    """Return the one format that recognises every part."""
    known = formats()
    fitting = [name for name in known if all(known[name].recognises(*_look(part)) for part in parts)]
    own = [name for name in fitting if not known[name].is_fallback] or fitting
    if len(own) == 1:
        return known[own[0]]
    first = parts[0][0]
    if own:
        raise BadInput(
            f"{first} may be {' or '.join(own)}", hint=f"say which (format={own[0]}, --format {own[0]})"
        )
    raise BadInput(
        f"no format recognises {first}", hint=f"name one (format=csv, --format csv): {', '.join(known)}"
    )


def _chain(known: type[Format], parts: _Files) -> str:
    offered = _offered(known, parts)
    if len(offered) == 1:
        return offered[0]
    name = parts[0][0]
    if known.has_chains and offered:
        raise BadInput(
            f"{name} has rows of {', '.join(offered)}",
            hint=f"say which (chain={offered[0]}, --chain {offered[0]}), or take each in turn: --chain all",
        )
    words = f"it may be {', '.join(offered)}" if offered else "such as btc, ltc, eth, bnb, tron"
    first = offered[0] if offered else "btc"
    raise BadInput(
        f"of which chain is {name}?", hint=f"say the chain (chain={first}, --chain {first}); {words}"
    )


def _offered(known: type[Format], parts: _Files) -> tuple[str, ...]:
    """Return the chains that files may be of; where rows name them, all rows are looked at."""
    seen = parts if known.has_chains else [_look(part) for part in parts]
    return tuple(dict.fromkeys(chain for part in seen for chain in known.chains_of(*part)))


def _texts(options: Mapping[str, object]) -> dict[str, str]:
    """Return options as the text that stands in a path."""
    return {name: str(value) for name, value in options.items() if value is not None and value != ""}


def _shown(fact: Fact) -> str:
    if isinstance(fact, TransferRecord):
        what = fact.contract or "coin"
        return f"{fact.txid} {fact.kind} {fact.stated_raw:,} of {what}: {fact.sender} → {fact.recipient}"
    if isinstance(fact, TxRecord):
        proof = "recomputed" if fact.raw else "as stated"
        return f"{fact.txid} ({proof}) {len(fact.inputs)} in, {len(fact.outputs)} out, block {fact.height}"
    return str(fact)[:200]


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
