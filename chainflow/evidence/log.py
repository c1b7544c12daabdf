"""The log of a case: raw bodies by SHA-256, an append-only hash-chained list of events, derived tables.

What is acknowledged is on the disk (WAL, `synchronous=FULL`): a kill at any moment loses at most the
reply that was being written. `raw` and `log` are the truth; `reply`, `fact` and `step` are derived from
them in the same transaction and can be rebuilt (`chainflow.evidence.check`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import UnionType
from typing import Any, Self

from chainflow.errors import BadInput, CaseCorrupt, NotReproduced
from chainflow.evidence.facts import decode, encode
from chainflow.evidence.file import USER_VERSION, CaseFile
from chainflow.model import Evidence, Fact, Recipe, Unread, canonical_json, digest_of
from chainflow.version import __version__

__all__ = ["LARGEST_BODY", "ROOT", "Event", "Log", "chain_hash", "event_of"]

ROOT = "0" * 64
LARGEST_BODY = 512 * 2**20  # as large as the largest tag file that is read

_Form = type | UnionType | range
_SENT: dict[str, _Form] = {"host": str, "subject": str, "url": str, "size": range(LARGEST_BODY + 1)}
_FORMS: dict[str, dict[str, _Form]] = {
    "fetch": {
        **_SENT,
        **dict.fromkeys(("source", "family", "chain", "path", "sha256"), str),
        "status": range(1000),
        "retrieved": range(2**37),  # seconds: the year 6325
    },
    "reject": {**_SENT, "error": str, "status": int | None},
    "question": {"text": str},
    "note": {"text": str},
    "decide": dict.fromkeys(("verdict", "a", "b", "because", "who"), str),
    "policy.declare": {"policy": str},
    "tag.import": {"sha256": str},
    "run": {"recipe": dict, "recipe_digest": str, "result": str, "bodies": list},
}
"""What an event of a kind says at least; `trace.run` and its like are "run"."""
_NAMED: dict[str, _Form] = {
    **dict.fromkeys(("sha256", "list", "after"), str),
    **dict.fromkeys(("bodies", "lists", "not_offered"), list),
    "recipe": dict,
}
"""What these say in an event of any kind."""


def chain_hash(seq: int, prev: str, body: str) -> str:
    """Return the hash of a log entry: SHA-256 of `seq`, the hash before it, and its body, by lines."""
    return hashlib.sha256(f"{seq}\n{prev}\n{body}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log: what happened, when, and everything needed to do it again."""

    seq: int
    hash: str
    kind: str
    time: int
    content: Mapping[str, Any]


def event_of(seq: int, entry: str, body: str) -> Event:
    """Return the event that a row of the log states.

    Raises
    ------
    CaseCorrupt
        If the body does not say what an event of its kind says: a case may come from anyone.
    """
    try:
        content = json.loads(body)
        kind = content.pop("kind")
        form = {"time_ms": range(2**47), **_FORMS.get("run" if kind.endswith(".run") else kind, {})}
        form |= {name: _NAMED[name] for name in _NAMED if name in content}
        wrong = [name for name in form if name not in content or not _fits(content[name], form[name])]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        wrong = ["kind"]
    if wrong:
        raise CaseCorrupt(
            f"log entry {seq} cannot be read: {', '.join(wrong)} missing or malformed",
            hint="chainflow did not write this entry: ask where the file comes from",
        )
    return Event(seq, entry, kind, content.pop("time_ms"), content)


def _fits(value: object, form: _Form) -> bool:
    if isinstance(form, range):
        return isinstance(value, int) and value in form
    if isinstance(value, list):
        return form is list and all(isinstance(part, str) for part in value)
    if isinstance(value, dict):  # a recipe
        return form is dict and isinstance(value.get("parameters"), dict)
    return isinstance(value, form)


class Log:
    """An open case file; `path=":memory:"` gives one that is forgotten.

    An existing file is not changed before the first write.

    Parameters
    ----------
    path : str or path
        The case file; made when it does not exist.
    busy_timeout : float
        For how many seconds to wait for another process that is writing.
    read_only : bool
        Change no byte of the file, and make none: every write is a `CaseError`.

    Raises
    ------
    CaseError
        If the file cannot be opened, or is to be written although opened for reading only.
    CaseVersion
        If the file is not a case, or was written by a newer chainflow.
    CaseCorrupt
        If SQLite cannot read it.
    CaseBusy
        If another process keeps the write lock for `busy_timeout` seconds.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, busy_timeout: float = 30.0, read_only: bool = False
    ) -> None:
        self._file = CaseFile(path, busy_timeout=busy_timeout, read_only=read_only)
        self.path = self._file.path
        if self._file.is_new:
            with self._file.writing() as sql:
                if self.head[0] == 0:  # else another process made it just now
                    self._append(sql, "case.open", {"version": __version__, "format": USER_VERSION})

    def _append(self, sql: sqlite3.Connection, kind: str, content: Mapping[str, Any]) -> Event:
        last, prev = self.head
        now = time.time_ns() // 1_000_000
        body = canonical_json({"kind": kind, "time_ms": now, **content})
        entry = chain_hash(last + 1, prev, body)
        sql.execute("insert into log values (?, ?, ?, ?)", (last + 1, prev, entry, body))
        return Event(last + 1, entry, kind, now, content)

    @staticmethod
    def _keep(sql: sqlite3.Connection, body: bytes) -> str:
        """Store a raw body and return its SHA-256."""
        if len(body) > LARGEST_BODY:
            raise BadInput(
                f"{len(body):,} bytes are more than the {LARGEST_BODY:,} that a case keeps in one piece",
                hint="split it, for example a tag file into several; nothing was written",
            )
        sha256 = hashlib.sha256(body).hexdigest()
        row = (sha256, len(body), zlib.compress(body))
        sql.execute("insert or ignore into raw values (?, ?, ?)", row)
        return sha256

    def begin(self) -> None:
        """Take the file for writing now: what follows must not find it busy or full.

        Raises
        ------
        CaseBusy, DiskFull, CaseError
            If it cannot be written.
        """
        with self._file.writing():
            pass

    def append(self, kind: str, content: Mapping[str, Any], *, body: bytes | None = None) -> Event:
        """Write one event, with the raw `body` it speaks of, if any."""
        with self._file.writing() as sql:
            named = (
                content if body is None else {**content, "sha256": self._keep(sql, body), "size": len(body)}
            )
            return self._append(sql, kind, named)

    def record(self, request: Mapping[str, Any], body: bytes, facts: Iterable[Fact]) -> Event:
        """Write one reply with the facts it states: body, event and derived rows in one transaction.

        Parameters
        ----------
        request : mapping
            At least `source`, `family`, `chain`, `path`, `status`, `url`, `host`, `subject`, `retrieved`.
        """
        rows = [encode(fact) for fact in facts]
        with self._file.writing() as sql:
            sha256 = self._keep(sql, body)
            event = self._append(sql, "fetch", {**request, "sha256": sha256, "size": len(body)})
            sql.execute("insert into reply values (?, ?, ?)", (event.seq, request["source"], request["path"]))
            sql.executemany(
                "insert into fact values (?, ?, ?, ?, ?, ?)",
                [(event.seq, n, *row[:3], canonical_json(row[3])) for n, row in enumerate(rows)],
            )
            return event

    def step(self, recipe: Recipe, result: str, *, bodies: Iterable[bytes] = ()) -> tuple[int, bool]:
        """Write one step of the analysis, once; return its log number and whether it was there already.

        Parameters
        ----------
        recipe : Recipe
            What was done; its verb names the kind of event (`trace` → `trace.run`).
        result : str
            The digest of what came out.
        bodies : iterable of bytes
            What is needed to do it again and is stored by its digest (a list of tags).

        Raises
        ------
        NotReproduced
            If the same recipe gave another result before.
        """
        kind = f"{recipe.verb}.run"
        query = "select seq, result from step where recipe = ? order by seq limit 1"
        for seq, known in self.rows(query, recipe.digest):
            if known != result:
                raise NotReproduced(
                    f"{recipe.verb} gave {result[:16]}…, the same step gave {known[:16]}… (log entry {seq})",
                    hint="nothing was overwritten; compare the chainflow versions of the two steps",
                )
            return int(seq), True
        with self._file.writing() as sql:
            kept = [self._keep(sql, body) for body in bodies]
            content = {
                "recipe": recipe.as_dict(),
                "recipe_digest": recipe.digest,
                "result": result,
                "bodies": kept,
            }
            event = self._append(sql, kind, content)
            sql.execute("insert into step values (?, ?, ?, ?)", (event.seq, kind, recipe.digest, result))
        return event.seq, False

    def events(self, *kinds: str) -> Iterator[Event]:
        """Yield the log's entries in order, all or only those of some kinds.

        Raises
        ------
        CaseCorrupt
            If an entry does not say what an event of its kind says.
        """
        for row in self.rows("select seq, hash, body from log order by seq"):
            event = event_of(*row)
            if not kinds or event.kind in kinds:
                yield event

    def body(self, sha256: str) -> bytes:
        """Return a raw body, checked against its size and hash.

        Raises
        ------
        CaseCorrupt
            If it is missing or does not hash to its name.
        """
        for size, packed in self.rows("select size, body from raw where sha256 = ?", sha256):
            body = _unpacked(packed, size)
            if len(body) == size and hashlib.sha256(body).hexdigest() == sha256:
                return body
        raise CaseCorrupt(
            f"raw reply {sha256} is missing or damaged", hint="run chainflow verify on the case"
        )

    def facts_of(self, source: str, path: str) -> list[Fact] | None:
        """Return what the newest reply to this question stated, `None` if it was never asked."""
        query = "select seq from reply where source = ? and path = ? order by seq desc limit 1"
        return next((self._facts(seq) for (seq,) in self.rows(query, source, path)), None)

    def _facts(self, seq: int) -> list[Fact]:
        query = "select kind, chain, subject, content from fact where seq = ? order by n"
        try:
            return [decode((*row[:3], json.loads(row[3]))) for row in self.rows(query, seq)]
        except (BadInput, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise CaseCorrupt(
                f"what log entry {seq} states cannot be read: its derived rows are malformed",
                hint="run chainflow verify on the case",
            ) from None

    def statements(self) -> Iterator[tuple[Fact, Evidence]]:
        """Yield every fact with the reply that stated it, in the order they were learnt."""
        for event in self.events("fetch"):
            named = (event.content[name] for name in ("sha256", "source", "url", "retrieved"))
            origin = Evidence(event.seq, *named)
            for fact in self._facts(event.seq):
                yield fact, origin

    def unread(self) -> list[Unread]:
        """Return what is not held of the histories that were begun, as far as the log shows it, and why.

        A question for a page of a history names the lists that the source has beside it. What was asked for
        later, or again, is among it all the same: whoever knows the pages that are held must leave it out.
        """
        found: dict[tuple[str, str, str, str, str], str] = {}
        begun = set[tuple[str, str, str]]()
        for event in self.events("fetch", "reject"):
            content = event.content
            if "lists" not in content:
                continue
            of = (str(content["chain"]), str(content["source"]), str(content.get("address", "")))
            if event.kind == "fetch" or content["status"] is not None:
                begun.add(of)
            for which in content["lists"]:
                found.setdefault((*of, which, ""), "not asked for")
            for which in content.get("not_offered", ()):
                found.setdefault((*of, which, ""), "not offered by this source")
            if event.kind == "reject":
                what = "not answered" if content["status"] is None else "refused"
                page = (content.get("list", ""), content.get("after", ""))
                found[*of, *page] = f"{what}: {content['error']}"
        return [
            Unread(chain, source, address, which, why, after)
            for (chain, source, address, which, after), why in found.items()
            if (chain, source, address) in begun  # a source that is down has no say
        ]

    @property
    def head(self) -> tuple[int, str]:
        """The number and hash of the last entry: write it down elsewhere to prove the log later."""
        found = self.rows("select seq, hash from log order by seq desc limit 1")
        return (int(found[0][0]), str(found[0][1])) if found else (0, ROOT)

    @property
    def evidence_digest(self) -> str:
        """A digest that changes exactly when a reply or a refusal is added: what a ledger is built from."""
        counts = list(self.rows("select max(seq), count(*) from reply")[0])
        # a scan of the text, for the kind of an entry has no column; refusals are few
        refused = self.rows("""select count(*) from log where instr(body, '"kind":"reject"') > 0""")[0][0]
        return digest_of([*counts, refused] if refused else counts)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a reading query over the tables."""
        return self._file.rows(query, *values)

    def reading(self) -> AbstractContextManager[None]:
        """Return a context with one view of the file: what is written meanwhile is not in it."""
        return self._file.reading()

    def close(self) -> None:
        """Close the file and leave it one file: what is in the `-wal` beside it is moved into it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _unpacked(packed: bytes, size: int) -> bytes:
    """Return a stored body; empty if it is no zlib stream or states a size that no body has."""
    try:
        # a case may come from elsewhere: never expand more than the row says; 0 would be without end
        return zlib.decompressobj().decompress(packed, size + 1) if 0 <= size <= LARGEST_BODY else b""
    except (zlib.error, TypeError):
        return b""
