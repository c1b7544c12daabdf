"""The case: one file that remembers the evidence and every step, and offers the verbs as methods.

It holds no algorithm: each method calls the function of the same name with what the file knows and
writes down what was done. A repeated step is a confirmation: it is compared, not written again.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Collection, Container, Sequence
from typing import Any, Literal, Unpack, overload

from chainflow import replay
from chainflow.attribution import Exposure, exposure
from chainflow.case.memory import Memory
from chainflow.case.named import rule_named
from chainflow.clustering import Clustering, Decision, Explanation, Heuristic, cluster
from chainflow.crawl import (
    CrossCheck,
    Fetched,
    LimitOptions,
    Limits,
    Plan,
    Proved,
    Seeds,
    cross_check,
    fetch_into,
    prove,
)
from chainflow.errors import BadInput
from chainflow.evidence import Verification, verify
from chainflow.figures import Figure, draw
from chainflow.formats import FileSource, add_file_to, open_file
from chainflow.ledger import Ledger
from chainflow.model import Recipe, canonical_json
from chainflow.progress import watched
from chainflow.proving import AmountProof, prove_amounts
from chainflow.report import Material, explained_digest, render_page
from chainflow.sources import Source
from chainflow.tags import Tags
from chainflow.tracing import Policy, Trace, policy_named, trace
from chainflow.writing import write_whole

__all__ = ["Case"]


class Case(Memory):
    """One investigation in one file.

    Parameters
    ----------
    path : str or path
        The case file; made when it does not exist.
    source : str, Source or list of them, optional
        Where `fetch` asks: `"esplora"`, `"esplora:http://127.0.0.1:8000"`, or an object; of several the
        first, and the next where it does not answer. Without it, the source that this case asked last.
    chain, proxy : str, optional
        Of a source given as text.
    rates : mapping, str or path, optional
        How fast hosts may be asked, in place of what is shipped: host → `Rate`, or a TOML file of it.
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
            hops, direction, follow, max_txs, budget, spends, counts, proofs: see `chainflow.crawl.Limits`.

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

    def add_file(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        format: str | None = None,  # noqa: A002
        *,
        chain: str | None = None,
        **options: object,
    ) -> FileSource:
        """Read a file, or several that belong together, into the case; its bytes are kept as evidence.

        Look first: `cf.open_file(path, …).preview()` shows what is understood and which rows are not used.
        The same file read in the same way is written once.

        Parameters
        ----------
        path : path or sequence of paths
        format, chain, **options
            As for `cf.open_file`.

        Raises
        ------
        BadInput, BadResponse
            If it cannot be read, or needs a mapping that was not given; nothing is written then.
        """
        listed = [path] if isinstance(path, str | os.PathLike) else list(path)
        opened = open_file([pathlib.Path(one) for one in listed], format, chain, **options)
        add_file_to(self.log, opened)
        return opened

    def cross_check(
        self, source: str | Source, txids: Collection[str] | None = None, **options: Any
    ) -> CrossCheck:
        """Ask another source for transactions of this case and say where it says otherwise; see `crawl`.

        Differences become disputes, which every total leaves out and names.

        Parameters
        ----------
        source : str or Source
            Of another operator than the one that gave them.
        txids : collection of str, optional
            By default all transactions of the case.
        **options
            `budget`: the most requests.
        """
        with self._sources.other(source, self.ledger.chain) as opened, watched("cross-check") as report:
            return cross_check(self.log, opened, txids, progress=report, **options)

    def prove(self, txids: Collection[str] | None = None, **options: Any) -> Proved:
        """Ask for merkle branches and headers of confirmed transactions: they rise to level 3 or more.

        Parameters
        ----------
        txids : collection of str, optional
            By default all that are below level 3.
        **options
            `budget`: the most requests; `anchor=True`: ask for the headers up to a checkpoint, too (level 4).
        """
        (first, *_) = self._opened(sorted(txids) if txids else ())
        return prove(self.log, first, txids, **options)

    def prove_amounts(self, txids: Collection[str] | None = None) -> AmountProof:
        """Check claimed input amounts with Bitcoin Core's engine (extra `verify`); see `cf.prove_amounts`.

        An amount that is false becomes a dispute of this case: no total counts the transaction.
        """
        found = prove_amounts(self.ledger, txids)
        false = [list(row.values()) for row in found.disputes.to_pylist()]
        self._step(found.recipe, found.digest, [canonical_json(false).encode()] if false else [])
        self._ledgers = {}
        return found

    def cluster(
        self,
        rules: Collection[str | Heuristic] | None = None,
        *,
        veto: Collection[str] | None = None,
        **options: Any,
    ) -> Clustering:
        """Group the addresses by owner under declared rules; see `cf.cluster`.

        The case's tags keep addresses of different actors apart, and its decisions overrule the rules.
        Pass `tags=None` or `decisions=()` to leave them out. A rule by name that needs to know exchanges
        takes the accounts that these tags call one; they stand in the recipe.

        Raises
        ------
        BadInput
            If a rule by name needs exchanges and no tag names one, or needs pools.
        """
        given = {"tags": self.tags, "decisions": self.decisions, **options}
        tags = given["tags"]
        if rules is not None:
            held = self.ledger
            rules = [rule_named(one, held, tags) if isinstance(one, str) else one for one in rules]
        owners = cluster(self.ledger, rules, veto=veto, **given)
        self._step(owners.recipe, owners.digest, [tags.to_json().encode()] if isinstance(tags, Tags) else [])
        return owners

    def explain(self, a: str, b: str, *, owners: Clustering | None = None) -> Explanation:
        """Say why two addresses are together, or why not, and write the pair down: the report prints it.

        Parameters
        ----------
        owners : Clustering, optional
            One that this case made. By default under the terms of its newest one, with the decisions and
            tags of today; under those of `cluster()` where there is none.

        Raises
        ------
        BadInput
            If the clustering is not one that this case wrote down.
        SeedUnknown, AddressInvalid
            If one of them is not in this case, or is no address.
        """
        if owners is None:
            terms = replay.newest_terms(self.log, self.ledger) or {}
            owners = self.cluster(terms.pop("rules", None), **terms)
        elif not self.read_only and not self._has(owners.recipe):
            raise BadInput(
                "this clustering is not written down in the case",
                hint="make it with case.cluster(…); owners.explain(a, b) explains any other",
            )
        why = owners.explain(a, b)
        asked = {"a": why.a, "b": why.b, "clustering": owners.recipe.digest}
        self._step(Recipe("explain", asked, inputs=owners.recipe.inputs), explained_digest(why))
        return why

    def _has(self, recipe: Recipe) -> bool:
        """Return whether a step with this recipe is written down."""
        return bool(self.log.rows("select 1 from step where recipe = ? limit 1", recipe.digest))

    def decide(self, verdict: str, a: str, b: str, *, because: str, who: str = "") -> Decision:
        """Write down that two addresses have the `same` owner, `different` owners, or that one is `unsure`.

        From then on `cluster` keeps to it: asserted by you, not inferred. A later decision on the same pair
        takes the place of this one.

        Raises
        ------
        BadInput
            For another verdict, one address twice, or no reason.
        SeedUnknown, AddressInvalid
            If one of them is not in this case, or is no address.
        ContradictoryDecisions
            If it contradicts what follows from earlier ones; nothing is written then.
        """
        owners = cluster(self.ledger, (), veto=())
        first, second = (owners.places.name(owners.places.find(text)) for text in (a, b))
        decision = Decision(verdict, first, second, because, who)
        cluster(self.ledger, veto=(), decisions=(*self.decisions, decision), quarantine=None)
        fields = decision.as_dict()
        del fields["when"]  # the log's own time says it
        self.log.append("decide", fields)
        return self.decisions[-1]

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
        """Write the case as one self-contained HTML page, the same bytes twice; return its SHA-256."""
        material = self.material()
        body = render_page(material, title=title)
        write_whole(path, body)
        sha256 = hashlib.sha256(body).hexdigest()
        self._step(Recipe("report", {"title": title}, inputs=[material.head[1]]), sha256)
        return sha256

    def verify(self, *, head: str = "") -> Verification:
        """Check every hash in the file and rebuild every derived row; see `chainflow.evidence.verify`."""
        return verify(self.log, replay.facts_again, head=head)
