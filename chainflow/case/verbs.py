"""The case: one file that remembers the evidence and every step, and offers the verbs as methods.

It holds no algorithm: each method calls the function of the same name with what the file knows and
writes down what was done. A repeated step is a confirmation: it is compared, not written again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from typing import Any, Literal, overload

from chainflow import replay
from chainflow.attribution import Exposure, exposure
from chainflow.case.gathering import Gathering
from chainflow.case.growing import BUDGET, grow_trace
from chainflow.case.named import rule_named
from chainflow.case.studies import Studies
from chainflow.clustering import Clustering, Decision, Explanation, Heuristic, cluster
from chainflow.crawl import Plan
from chainflow.errors import BadInput
from chainflow.evidence import Verification, verify
from chainflow.figures import Figure, draw
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.report import Material, explained_digest, render_page
from chainflow.tags import Tags
from chainflow.tracing import AccountPolicy, Policy, Trace, trace
from chainflow.tracing.policies import declared_name
from chainflow.tracing.seeds import Seeds as TraceSeeds
from chainflow.tracing.seeds import labelled
from chainflow.writing import write_whole

__all__ = ["Case"]


class Case(Gathering, Studies):
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

    @overload
    def trace(
        self,
        seeds: TraceSeeds,
        policy: str | Policy | AccountPolicy = ...,
        *,
        dry_run: Literal[False] = ...,
        **options: Any,
    ) -> Trace: ...
    @overload
    def trace(
        self,
        seeds: TraceSeeds,
        policy: str | Policy | AccountPolicy = ...,
        *,
        dry_run: Literal[True],
        **options: Any,
    ) -> Plan: ...
    def trace(
        self,
        seeds: TraceSeeds,
        policy: str | Policy | AccountPolicy = "fifo",
        *,
        stop: Tags | Collection[str] | None = None,
        fetch: bool = False,
        budget: int | None = BUDGET,
        dry_run: bool = False,
        **options: Any,
    ) -> Trace | Plan:
        """Follow value from (or back from) the seeds under one declared policy; see `cf.trace`.

        `stop` defaults to the case's tags of services: inside a custodian's books, coins are not where
        the chain seems to lead. Pass `stop=()` to walk through them.

        Parameters
        ----------
        fetch : bool
            Ask the source for what the trace lacks, the largest amount first; `growth` of the trace says what
            was asked. `budget` is the most requests; made again, it goes on.
        dry_run : bool
            With `fetch`: send nothing, and return the `Plan` of what would be asked and disclosed.

        Raises
        ------
        OfflineMode, SourceError
            With `fetch`: as `case.fetch`.
        """
        if dry_run and not fetch:
            raise BadInput("a dry run of a trace that asks nothing", hint="pass fetch=True, too")
        stop = self.tags.services if stop is None else stop
        name = declared_name(policy)
        if not dry_run:
            self._declare(name)

        def run() -> Trace:
            return trace(self.ledger, seeds, policy, stop=stop, **options)

        if fetch:
            where = [claim.where for some in labelled(seeds).values() for claim in some]
            how: dict[str, Any] = {"sources": self._opened(where), "budget": budget, "dry_run": dry_run}
        trail = grow_trace(self, run, seeds=where, **how) if fetch else run()
        if isinstance(trail, Plan):
            return trail
        bodies = [stop.to_json().encode()] if isinstance(stop, Tags) else []
        if options.get("conversions") is not None:
            bodies.append(options["conversions"].to_json().encode())
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
