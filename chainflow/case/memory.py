"""What a case file remembers: replies, tags, decisions and steps, read back from its log."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Self

import pandas as pd

from chainflow import cards, replay
from chainflow.clustering import Decision
from chainflow.crawl import Seeds, ledger_of
from chainflow.crawl.opening import Rates, Sources
from chainflow.evidence import Log
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.sources import Source, SourceNames
from chainflow.tags import Tags

__all__ = ["Memory"]


class Memory:
    """One investigation in one file: what it knows, without the verbs; made as a `Case` is."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        source: SourceNames | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        rates: Rates = None,
        offline: bool = False,
        read_only: bool = False,
        question: str = "",
    ) -> None:
        self._sources = Sources(source, chain=chain, proxy=proxy, rates=rates)
        self.log = Log(path, read_only=read_only)
        self.offline = offline or read_only
        self.read_only = read_only
        self._ledgers: dict[str, Ledger] = {}
        if question and question != self.question:
            self.log.append("question", {"text": question})

    # --- what the case knows -------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The case file."""
        return self.log.path

    @property
    def question(self) -> str:
        """What the case is to answer, "" if nobody said."""
        return str(next((e.content["text"] for e in reversed([*self.log.events("question")])), ""))

    @property
    def ledger(self) -> Ledger:
        """Everything the replies in this case state, merged."""
        key = self.log.evidence_digest
        if key not in self._ledgers:
            self._ledgers = {key: replay.with_false_amounts(ledger_of(self.log), self.log)}
        return self._ledgers[key]

    @property
    def tags(self) -> Tags:
        """The tags imported so far; `case.tags += Tags.read(…)` adds some and writes that down."""
        newest = next(reversed([*self.log.events("tag.import")]), None)
        return Tags() if newest is None else Tags.from_json(self.log.body(newest.content["sha256"]).decode())

    @tags.setter
    def tags(self, tags: Tags) -> None:
        body = tags.to_json()  # with the rows that were refused: they are part of what was imported
        if body != self.tags.to_json():
            self.log.append("tag.import", {"tags": len(tags), "digest": tags.digest}, body=body.encode())

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What analysts decided of pairs of addresses, in the log's order; the later one on a pair holds."""
        return replay.decisions_of(self.log)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that this case has asked, the newest last."""
        return tuple(reversed(dict.fromkeys(str(one["source"]) for one in reversed(replay.asked(self.log)))))

    @property
    def steps(self) -> pd.DataFrame:
        """The log as a table: number, UTC time, kind, what, hash."""
        return pd.DataFrame(replay.step_rows(self.log), columns=["seq", "time", "kind", "what", "hash"])

    @property
    def disclosures(self) -> pd.DataFrame:
        """Which host learnt which address or txid, when first, and in how many requests."""
        rows = replay.disclosure_rows(self.log)
        return pd.DataFrame(rows, columns=["host", "subject", "first", "requests"])

    @property
    def disputes(self) -> pd.DataFrame:
        """The statements that contradict another: what was used, what was refused, why."""
        return self.ledger.to_pandas("disputes")

    # --- the file ------------------------------------------------------------------------------

    def _opened(self, seeds: Seeds) -> tuple[Source, ...]:
        return self._sources.of(seeds, next(reversed(replay.asked(self.log)), None))

    def _step(self, recipe: Recipe, result: str, bodies: Collection[bytes] = ()) -> None:
        if not self.read_only:
            self.log.step(recipe, result, bodies=bodies)

    def _has(self, recipe: Recipe) -> bool:
        """Return whether a step with this recipe is written down."""
        return bool(self.log.rows("select 1 from step where recipe = ? limit 1", recipe.digest))

    def close(self) -> None:
        """Close the file, and the source if it was opened here; everything is on the disk already."""
        self._sources.close()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        seq, head = self.log.head
        return f"<Case {self.path}: {seq:,} log entries, head {head[:16]}…; {self.ledger!r}>"

    def _repr_html_(self) -> str:
        seq, head = self.log.head
        rows = [
            ("question", self.question or "not stated"),
            ("log", f"{seq:,} entries, head {head}"),
            ("tags", repr(self.tags)),
            (
                "disclosed",
                f"{len(self.disclosures):,} addresses and txids to {self.disclosures.host.nunique()} host(s)",
            ),
        ]
        return cards.card(f"Case {self.path}", rows) + self.ledger._repr_html_()
