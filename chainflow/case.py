"""The case: one file that remembers the evidence and every step, and offers the verbs as methods.

It holds no algorithm: each method calls the function of the same name with what the file knows and
writes down what was done. A repeated step is a confirmation: it is compared, not written again.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Collection, Container, Mapping
from typing import Any, Literal, Self, Unpack, cast, overload

import pandas as pd

from chainflow import cards, registry, replay
from chainflow.attribution import Exposure, exposure
from chainflow.clustering import Clustering, Heuristic, cluster
from chainflow.crawl import Fetched, LimitOptions, Limits, Plan, Seeds, chain_of, fetch_into, ledger_of
from chainflow.errors import BadInput, CaseError
from chainflow.evidence import Log, Verification, verify
from chainflow.figures import Figure, draw
from chainflow.ledger import Ledger
from chainflow.model import Fact, Recipe
from chainflow.progress import watched
from chainflow.report import Material, render_page
from chainflow.sources import GROUP, Source, open_source
from chainflow.tags import Tags
from chainflow.tracing import Policy, Trace, policy_named, trace
from chainflow.writing import write_whole

__all__ = ["Case"]


class Case:
    """One investigation in one file.

    Parameters
    ----------
    path : str or path
        The case file; made when it does not exist.
    source : str or Source, optional
        Where `fetch` asks: `"esplora"`, `"esplora:http://127.0.0.1:8000"`, or an object; without it, the
        source that this case asked last.
    chain, proxy : str, optional
        Of a source given as text.
    offline : bool
        Ask nothing, whatever the source.
    read_only : bool
        Change no byte of the file: nothing is asked and no step is written down.
    question : str
        What the case is to answer; written down, and printed on the report.

    Raises
    ------
    CaseVersion, CaseCorrupt, CaseBusy
        If the file is not a case this version can read, is damaged, or is being written elsewhere.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        source: str | Source | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        offline: bool = False,
        read_only: bool = False,
        question: str = "",
    ) -> None:
        self._source = None if source is None else open_source(source, chain=chain, proxy=proxy)
        self.log = Log(path, read_only=read_only)
        self.offline = offline or read_only
        self.read_only = read_only
        self._is_ours = source is None or isinstance(source, str)
        self._proxy = proxy
        # a source given as text without a chain takes the one that the seeds say, see _opened
        self._reopen = source if isinstance(source, str) and chain is None else None
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
            self._ledgers = {key: ledger_of(self.log)}
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
    def sources(self) -> tuple[str, ...]:
        """The sources that this case has asked, the newest last."""
        asked = [str(event.content["source"]) for event in self.log.events("fetch")]
        return tuple(reversed(dict.fromkeys(reversed(asked))))

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

    # --- the verbs -----------------------------------------------------------------------------

    @overload
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = ...,
        dry_run: Literal[False] = ...,
        refresh: bool = ...,
        **limits: Unpack[LimitOptions],
    ) -> Fetched: ...
    @overload
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = ...,
        dry_run: Literal[True],
        refresh: bool = ...,
        **limits: Unpack[LimitOptions],
    ) -> Plan: ...
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = (),
        dry_run: bool = False,
        refresh: bool = False,
        **limits: Unpack[LimitOptions],
    ) -> Fetched | Plan:
        """Read the seeds' histories into the case; what is there already is not asked again.

        Every reply is on the disk before the next question. An interrupted fetch loses nothing: run it
        again and it goes on. With `dry_run=True` nothing is sent and the `Plan` says what would be.

        Parameters
        ----------
        seeds : str, Outpoint or collection of them
            Addresses, txids, outpoints.
        stop : container of str
            Addresses not to read, such as `case.tags.of("exchange")`.
        refresh : bool
            Ask again for what may have changed since.
        **limits
            hops, direction, max_txs, budget, spends: see `chainflow.crawl.Limits`.

        Raises
        ------
        OfflineMode
            If the case is offline and does not hold a seed.
        SourceError
            If the source does not answer, or answers with something that cannot be true.
        """
        options: dict[str, Any] = {"offline": self.offline, "refresh": refresh, "dry_run": dry_run}
        with watched("fetch") as report:
            return fetch_into(
                self.log,
                self._opened(seeds),
                seeds,
                limits=Limits(**limits),
                stop=stop,
                progress=report,
                **options,
            )

    def cluster(
        self,
        rules: Collection[str | Heuristic] | None = None,
        *,
        veto: Collection[str] | None = None,
    ) -> Clustering:
        """Group the addresses by owner under declared rules; see `cf.cluster`."""
        owners = cluster(self.ledger, rules, veto=veto)
        self._step(owners.recipe, owners.digest)
        return owners

    def trace(
        self,
        seeds: Seeds,
        policy: str | Policy = "fifo",
        *,
        stop: Tags | Collection[str] | None = None,
        **options: Any,
    ) -> Trace:
        """Follow value from (or back from) the seeds under one declared policy; see `cf.trace`.

        `stop` defaults to the case's tags of services: inside a custodian's books, coins are not where
        the chain seems to lead. Pass `stop=()` to walk through them.
        """
        stop = self.tags.services if stop is None else stop
        rule = policy_named(policy)
        self._declare(rule.name)
        trail = trace(self.ledger, seeds, rule, stop=stop, **options)
        bodies = [stop.to_json().encode()] if isinstance(stop, Tags) else []
        self._step(trail.recipe, trail.digest, bodies)
        return trail

    def _declare(self, policy: str) -> None:
        """Write down a policy before the first run under it: a court asks which came first."""
        if not self.read_only and policy not in replay.declared_policies(self.log):
            self.log.append("policy.declare", {"policy": policy})

    def exposure(self, trail: Trace, owners: Clustering | None = None) -> Exposure:
        """Say where a trace ended, by tag category, each unit once; see `cf.exposure`."""
        found = exposure(trail, self.tags, owners)
        self._step(found.recipe, found.digest)
        return found

    def draw(self, what: Trace | Ledger | None = None, **options: Any) -> Figure:
        """Draw a trace, or the whole ledger, with the case's tags and evidence; see `cf.draw`."""
        figure = draw(self.ledger if what is None else what, ledger=self.ledger, tags=self.tags, **options)
        self._step(figure.recipe, figure.digest)
        return figure

    def note(self, text: str) -> None:
        """Write a remark into the log."""
        if not text.strip():
            raise BadInput("an empty note", hint="say what is to be remembered")
        self.log.append("note", {"text": text})

    def _step(self, recipe: Recipe, result: str, bodies: Collection[bytes] = ()) -> None:
        if not self.read_only:
            self.log.step(recipe, result, bodies=bodies)

    def material(self) -> Material:
        """Gather what the report prints: every part of it is a function of the case file."""
        return replay.material_of(self.log, self.ledger, self.tags, question=self.question)

    def report(self, path: str | os.PathLike[str], *, title: str = "") -> str:
        """Write the case as one self-contained HTML page; two runs give the same bytes.

        Returns
        -------
        str
            The SHA-256 of the file.
        """
        material = self.material()
        body = render_page(material, title=title)
        write_whole(path, body)
        sha256 = hashlib.sha256(body).hexdigest()
        self._step(Recipe("report", {"title": title}, inputs=[material.head[1]]), sha256)
        return sha256

    def verify(self, *, head: str = "") -> Verification:
        """Check every hash in the file and rebuild every derived row; see `chainflow.evidence.verify`."""
        return verify(self.log, _facts_again, head=head)

    # --- the file ------------------------------------------------------------------------------

    def _opened(self, seeds: Seeds) -> Source:
        last = next(reversed([*self.log.events("fetch")]), None)
        source = self._source
        if source is None and last is None:
            raise CaseError(f"{self.path} was opened without a source", hint='Case(path, source="esplora")')
        if source is None and last is not None:  # the one it asked before; offline it is only a name
            source = open_source(last.content["source"], chain=last.content["chain"], proxy=self._proxy)
        elif source is not None and self._reopen is not None:
            known = last.content["chain"] if last and last.content["source"] == source.name else None
            chain = chain_of(seeds) or known
            if chain not in (None, source.chain):
                source.close()
                source = open_source(self._reopen, chain=chain, proxy=self._proxy)
        self._source = source
        return cast("Source", source)

    def close(self) -> None:
        """Close the file, and the source if it was opened here; everything is on the disk already."""
        if self._source is not None and self._is_ours:
            self._source.close()
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


def _facts_again(request: Mapping[str, Any], body: bytes) -> tuple[Fact, ...]:
    """Return what a logged reply states, by the decoder of the family that asked for it."""
    read = _reader(request["family"])
    return read(request["chain"], request["path"], request["status"], body)


@functools.cache
def _reader(family: str) -> Callable[[str, str, int, bytes], tuple[Fact, ...]]:
    """Return the pure reader of a source family; looked up once, not for every reply of a case."""
    return cast("type[Source]", registry.load(GROUP, family)).read
