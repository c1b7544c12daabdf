"""Check a case against itself: the chain of the log, the hash of every reply, and every derived row.

What this proves: nothing in the file was changed, lost or added since it was written, by accident or by
someone who did not rewrite the whole chain. Against someone who did, compare the head with one that was
written down elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainflow import cards
from chainflow.errors import CaseCorrupt, ChainflowError
from chainflow.evidence.facts import encode
from chainflow.evidence.log import ROOT, Log, chain_hash, event_of
from chainflow.model import Fact, canonical_json

__all__ = ["Verification", "verify"]

Decode = Callable[[Mapping[str, Any], bytes], tuple[Fact, ...]]
"""(request as logged, raw body) → the facts that the reply states."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found wrong."""

    path: str
    entries: int
    replies: int
    facts: int
    transactions: int
    head: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts as (what, how many) for people."""
        return [
            ("log entries, each chained to the one before", f"{self.entries:,}"),
            ("raw replies that hash to their name", f"{self.replies:,}"),
            ("derived rows rebuilt from the replies and equal", f"{self.facts:,}"),
            ("statements of transactions whose txid was recomputed", f"{self.transactions:,}"),
            ("head of the log", self.head),
        ]

    def _repr_html_(self) -> str:
        title = "Verified" if self.ok else f"NOT verified: {len(self.problems)} problem(s)"
        return cards.card(
            title, [*self.rows(), *(("problem", text) for text in self.problems)], note=self.path
        )


def verify(log: Log, decode: Decode, *, head: str = "") -> Verification:
    """Check everything a case file holds; never stops at the first problem.

    Parameters
    ----------
    log : Log
        The open case.
    decode : callable
        Turns a logged request and its raw body into facts again.
    head : str, optional
        A head hash written down earlier: it must be in the chain.
    """
    with log.reading():
        return _verified(log, decode, head)


def _verified(log: Log, decode: Decode, head: str) -> Verification:
    problems = [f"SQLite: {row[0]}" for row in log.rows("pragma integrity_check") if row[0] != "ok"]
    entries = log.rows("select seq, prev, hash, body from log order by seq")
    broken = list(_broken_chain(entries))
    problems += broken
    if head and head not in {entry[2] for entry in entries}:
        problems.append(f"the head {head} written down earlier is not in this log")
    rebuilt = _Rebuilt(log, decode)
    problems += rebuilt.check_bodies()
    if not broken:  # a changed entry says nothing that could be rebuilt
        for seq, _, entry, text in entries:
            problems += rebuilt.check_entry(seq, entry, text)
        problems += rebuilt.check_rest()
    return Verification(
        path=log.path,
        entries=len(entries),
        replies=len(rebuilt.sound),
        facts=rebuilt.facts,
        transactions=rebuilt.transactions,
        head=entries[-1][2] if entries else ROOT,
        problems=tuple(problems),
    )


def _broken_chain(entries: list[tuple[Any, ...]]) -> Iterator[str]:
    before = ROOT
    for place, (seq, prev, entry, body) in enumerate(entries, start=1):
        if seq != place:
            yield f"log entry {place} is missing"
            return
        if prev != before or entry != chain_hash(seq, prev, body):
            yield f"log entry {seq} was changed: its hash does not follow from the one before"
            return
        before = entry


_DERIVED = {
    "reply": "select source, path from reply where seq = ?",
    "fact": "select n, kind, chain, subject, content from fact where seq = ? order by n",
    "step": "select kind, recipe, result from step where seq = ?",
}


class _Rebuilt:
    """What follows from the log and the raw replies, made again entry by entry; one body at a time."""

    def __init__(self, log: Log, decode: Decode) -> None:
        self.log, self.decode = log, decode
        self.facts = self.transactions = 0
        self.sound: set[str] = set()
        self.named: set[str] = set()
        self.differing: dict[str, list[int]] = {table: [] for table in _DERIVED}

    def check_bodies(self) -> Iterator[str]:
        """Hash every raw reply."""
        for (sha256,) in self.log.rows("select sha256 from raw order by sha256"):
            try:
                self.log.body(sha256)
            except CaseCorrupt:
                yield f"raw reply {sha256} does not hash to its name"
            else:
                self.sound.add(sha256)

    def check_entry(self, seq: int, entry: str, text: str) -> Iterator[str]:
        """Compare the derived rows of one log entry with those it leads to."""
        wanted: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _DERIVED}
        try:
            event = event_of(seq, entry, text)
        except CaseCorrupt as error:
            yield error.message
            return
        content = event.content
        named = [content["sha256"]] if "sha256" in content else content.get("bodies", [])
        self.named.update(named)
        for sha256 in sorted({*named} - self.sound):
            yield f"log entry {seq} speaks of raw reply {sha256}, which is missing or damaged"
        if event.kind == "fetch":
            wanted["reply"] = [(content["source"], content["path"])]
            try:
                wanted["fact"] = self._facts(content) if content["sha256"] in self.sound else []
            except ChainflowError as error:
                yield f"log entry {seq}: its reply is refused now: {error.message}"
        elif event.kind.endswith(".run"):
            wanted["step"] = [(event.kind, content["recipe_digest"], content["result"])]
        for table, query in _DERIVED.items():
            if self.log.rows(query, seq) != wanted[table]:
                self.differing[table].append(seq)

    def _facts(self, content: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        rows = [encode(fact) for fact in self.decode(content, self.log.body(content["sha256"]))]
        self.facts += len(rows)
        self.transactions += sum(1 for row in rows if row[0] == "tx" and row[3]["raw"] is not None)
        return [(n, *row[:3], canonical_json(row[3])) for n, row in enumerate(rows)]

    def check_rest(self) -> Iterator[str]:
        """Name what differs, and what belongs to no log entry."""
        for table, wrong in self.differing.items():
            query = f"select distinct seq from {table} where seq not in (select seq from log)"  # noqa: S608
            wrong += [row[0] for row in self.log.rows(query)]
            if wrong:
                yield f"table {table} differs from what the replies say, for log entries {wrong[:5]}"
        stored = {row[0] for row in self.log.rows("select sha256 from raw")}
        for sha256 in sorted(stored - self.named, key=str):
            yield f"raw reply {sha256} is in no log entry"
