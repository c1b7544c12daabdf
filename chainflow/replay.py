"""The log read back: its entries as rows, and recorded clusterings and traces made again from it."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from chainflow import registry, schema, units
from chainflow.attribution import exposure
from chainflow.clustering import Clustering, Constraint, Decision, cluster, rule_of, vetoes_again
from chainflow.errors import BadInput, ChainflowError, PluginError
from chainflow.evidence import Event, Log
from chainflow.figures import draw
from chainflow.formats import FILE
from chainflow.formats import GROUP as FORMATS
from chainflow.hosts import server_of
from chainflow.ledger import Ledger
from chainflow.model import Fact, digest_of
from chainflow.report import (
    Explained,
    Grouping,
    Material,
    Study,
    declared_of,
    entry_of,
    explained_digest,
    of_disputes,
)
from chainflow.sources import GROUP as SOURCES
from chainflow.sources import Source
from chainflow.tags import Tags
from chainflow.tracing import AccountTrace, Trace, trace
from chainflow.tracing.conversions import Conversions

__all__ = [
    "asked",
    "clustering_at",
    "decisions_of",
    "declared_policies",
    "disclosure_rows",
    "facts_again",
    "material_of",
    "newest_terms",
    "step_rows",
    "with_false_amounts",
]


def step_rows(log: Log) -> list[tuple[int, datetime, str, str, str]]:
    """Return every entry of a log: number, UTC time, kind, what, hash."""
    return [(e.seq, _moment(e), e.kind, _what(e), e.hash) for e in log.events()]


def disclosure_rows(log: Log) -> list[tuple[str, str, datetime, int]]:
    """Return what each host learnt: host, address or txid, first time, number of requests.

    A request counts when it was sent, whatever came back. Of private hosts each port is a server of its own.
    """
    found: dict[tuple[str, str], tuple[datetime, int]] = {}
    for event in log.events("fetch", "reject"):
        host = server_of(str(event.content["host"]), str(event.content.get("source", "")))
        for subject in filter(None, str(event.content["subject"]).split(",")):
            first, count = found.get((host, subject), (_moment(event), 0))
            found[host, subject] = (first, count + 1)
    return [(*key, *value) for key, value in sorted(found.items())]


def declared_policies(log: Log) -> dict[str, int]:
    """Map each policy that was declared to the number of the first entry that says so."""
    found: dict[str, int] = {}
    for event in log.events("policy.declare"):
        found.setdefault(str(event.content["policy"]), event.seq)
    return found


def decisions_of(log: Log) -> tuple[Decision, ...]:
    """Return what analysts decided of pairs of addresses, in the log's order."""
    return tuple(
        Decision.of({**event.content, "when": _moment(event).isoformat()}) for event in log.events("decide")
    )


def material_of(log: Log, ledger: Ledger, tags: Tags, *, question: str) -> Material:
    """Gather what the report prints; the ledger and tags are those of the same log."""
    groupings = [*_clusterings(log, ledger)]
    made = [one for one in groupings if isinstance(one, Grouping)]
    again = [*groupings, *_explanations(log, made), *_studies(log, ledger, tags, made)]
    # the report's own entries would change the next report
    entries = [event for event in log.events() if event.kind not in ("report.run", "draw.run")]
    head = entries[-1]
    return Material(
        question=question,
        ledger=ledger,
        tags=tags,
        clusterings=made,
        studies=[one for one in again if isinstance(one, Study)],
        explained=[one for one in again if isinstance(one, Explained)],
        lost=[one for one in again if isinstance(one, tuple)],
        notes=[(e.seq, _moment(e), e.content["text"]) for e in entries if e.kind == "note"],
        replies=[entry_of(e) for e in entries if e.kind == "fetch"],
        rejected=[entry_of(e) for e in entries if e.kind == "reject"],
        disclosures=disclosure_rows(log),
        steps=[(e.seq, _moment(e), e.kind, _what(e)) for e in entries],
        head=(head.seq, head.hash),
        case_name=pathlib.Path(log.path).name,
        statements=of_disputes(ledger, log.statements()),
        decisions=decisions_of(log),
        unlisted=sum(event.seq < head.seq for event in log.events("report.run", "draw.run")),
    )


def _questions(log: Log, kind: str) -> Iterator[tuple[Event, Mapping[str, Any]]]:
    """Yield the recorded steps of a kind with their parameters: each question once, in the log's order."""
    seen = set[str]()
    for event in log.events(kind):
        parameters = event.content["recipe"]["parameters"]
        question = digest_of(parameters)
        if question not in seen:
            seen.add(question)
            yield event, parameters


def _studies(
    log: Log, ledger: Ledger, tags: Tags, made: Sequence[Grouping]
) -> Iterator[Study | tuple[int, str]]:
    """Yield every recorded trace, made again on today's evidence.

    What cannot be made again (its policy is not installed here) is a log number and the reason.
    """
    by_step = {one.step: one for one in made}
    by_recipe = {
        str(event.content["recipe_digest"]): by_step[event.seq]
        for event in log.events("cluster.run")
        if event.seq in by_step
    }
    for event, _ in _questions(log, "trace.run"):
        try:
            trail = _trace_again(log, ledger, event.content["recipe"], event.content["bodies"], by_recipe)
        except KeyError:
            yield event.seq, "the clustering that it ends at is not recorded, or cannot be made again"
            continue
        except _NOT_HERE as error:
            yield event.seq, _why(error)
            continue
        yield Study(
            step=event.seq,
            order=declared_of(log, event),
            trace=trail,
            exposure=exposure(trail, tags),
            figure=None if isinstance(trail, AccountTrace) else draw(trail, ledger=ledger, tags=tags),
            is_same=trail.digest == event.content["result"],
        )


def _trace_again(
    log: Log, ledger: Ledger, recipe: Mapping[str, Any], bodies: list[str], made: Mapping[str, Grouping]
) -> Trace:
    options = dict(recipe["parameters"])
    texts = [log.body(sha256).decode() for sha256 in bodies]
    stop = options.pop("stop")
    if isinstance(stop, str):
        stop = Tags.from_json(texts.pop(0))
    if "conversions" in options:
        options["conversions"] = Conversions.from_json(texts.pop(0))
    if "max_cluster" in options:
        options["owners"] = made[recipe["inputs"][1]].owners
    return trace(ledger, options.pop("seeds"), options.pop("policy"), stop=stop, **options)


def _clusterings(log: Log, ledger: Ledger) -> Iterator[Grouping | tuple[int, str]]:
    """Yield every recorded clustering, made again on today's evidence, or why it cannot be."""
    for event, parameters in _questions(log, "cluster.run"):
        try:
            owners = _cluster_again(log, ledger, parameters, event.content["bodies"])
        except _NOT_HERE as error:
            yield event.seq, _why(error)
            continue
        yield Grouping(event.seq, owners, is_same=owners.digest == event.content["result"])


def clustering_at(log: Log, ledger: Ledger, step: int) -> Clustering:
    """Return the clustering of a log entry, made again on today's evidence.

    Raises
    ------
    BadInput
        If that entry is none.
    """
    for event in log.events("cluster.run"):
        if event.seq == step:
            return _cluster_again(log, ledger, event.content["recipe"]["parameters"], event.content["bodies"])
    raise BadInput(f"log entry {step} is no clustering", hint="chainflow log CASE lists the steps")


def _cluster_again(log: Log, ledger: Ledger, parameters: Mapping[str, Any], bodies: list[str]) -> Clustering:
    options = _terms_again(log, ledger, parameters, bodies)
    return cluster(ledger, options.pop("rules"), **options)


def _terms_again(
    log: Log, ledger: Ledger, parameters: Mapping[str, Any], bodies: list[str]
) -> dict[str, Any]:
    """Return what `cluster` was asked, by the names of its parameters."""
    return {
        **parameters,
        "rules": [rule_of(rule) for rule in parameters["rules"]],
        "veto": vetoes_again(ledger, parameters["veto"]),
        "decisions": [Decision.of(fields) for fields in parameters.get("decisions", ())],
        "apart": [Constraint(**fields) for fields in parameters.get("apart", ())],
        "tags": Tags.from_json(log.body(bodies[0]).decode()) if bodies else None,
    }


def newest_terms(log: Log, ledger: Ledger) -> dict[str, Any] | None:
    """Return what the newest clustering that can be made again was asked; `None` where there is none.

    Tags and decisions are left out where some were written after it: then they are no longer the case's.
    """
    for event in reversed([*log.events("cluster.run")]):
        try:
            terms = _terms_again(log, ledger, event.content["recipe"]["parameters"], event.content["bodies"])
        except _NOT_HERE:
            continue
        for kind, name in (("tag.import", "tags"), ("decide", "decisions")):
            if any(later.seq > event.seq for later in log.events(kind)):
                del terms[name]
        return terms
    return None


def _explanations(log: Log, made: Sequence[Grouping]) -> Iterator[Explained | tuple[int, str]]:
    """Yield each pair that was asked for, as it was last asked, or why it cannot be explained again."""
    first: dict[str, int] = {}
    step_of = {
        event.content["recipe_digest"]: first.setdefault(
            digest_of(event.content["recipe"]["parameters"]), event.seq
        )
        for event in log.events("cluster.run")
    }
    groupings = {one.step: one for one in made}
    asked: dict[tuple[str, str, int], Event] = {}
    for event in log.events("explain.run"):
        a, b, of = (str(event.content["recipe"]["parameters"].get(name)) for name in ("a", "b", "clustering"))
        asked[a, b, step_of.get(of, 0)] = event
    for (a, b, step), event in asked.items():
        try:
            why = groupings[step].owners.explain(a, b)
        except BadInput as error:
            yield event.seq, error.message
        except KeyError:
            yield event.seq, "the clustering that it explains is not recorded, or cannot be made again"
        else:
            yield Explained(event.seq, step, why, is_same=explained_digest(why) == event.content["result"])


_NOT_HERE = (BadInput, PluginError, KeyError, TypeError)
"""A plug-in that is not installed here; a recipe of another form, from a stranger or another version."""


def _why(error: Exception) -> str:
    if isinstance(error, ChainflowError):
        return error.message
    return f"its recipe is not of the known form ({type(error).__name__} {error})"


def _moment(event: Event) -> datetime:
    return units.to_utc(event.time // 1000)


def _what(event: Event) -> str:
    content = event.content
    if event.kind in ("fetch", "reject"):
        answer = "no usable answer" if content["status"] is None else f"status {content['status']}"
        return f"{content['url']} → {answer}, {content.get('size', 0):,} bytes"
    if "recipe" in content:
        return ", ".join(f"{name}={value}" for name, value in content["recipe"]["parameters"].items())
    return ", ".join(f"{name}={value}" for name, value in content.items())


def asked(log: Log) -> list[Mapping[str, Any]]:
    """Return the requests that were answered, in their order: files were asked of nobody."""
    return [event.content for event in log.events("fetch") if event.content["host"]]


def with_false_amounts(ledger: Ledger, log: Log) -> Ledger:
    """Return a ledger with the input amounts that the engine found false, as disputes; see `prove_amounts`.

    They are read from the step that found them: reading a case needs no engine.
    """
    rows = {
        tuple(row)
        for event in log.events("prove-amounts.run")
        for body in event.content["bodies"]
        for row in json.loads(log.body(body))
    }
    if not rows:
        return ledger
    known = {tuple(row.values()) for row in ledger.disputes.to_pylist()}
    disputes = schema.rows_to_table(sorted(rows | known), schema.DISPUTES)
    return dataclasses.replace(ledger, disputes=disputes)


def facts_again(request: Mapping[str, Any], body: bytes) -> tuple[Fact, ...]:
    """Return what a logged reply or file states, by the reader of the family that it is of."""
    read = _reader(request["family"])
    return read(request["chain"], request["path"], request["status"], body)


@functools.cache
def _reader(family: str) -> Callable[[str, str, int, bytes], tuple[Fact, ...]]:
    """Return the pure reader of a family; looked up once, not for every reply of a case."""
    group = FORMATS if family.startswith(FILE) else SOURCES
    return cast("type[Source]", registry.load(group, family.removeprefix(FILE))).read
