"""From what a case holds to one HTML page: pure, so that two runs give the same bytes.

The page says what is observed, what a source states, what was inferred by which rule and what somebody
asserted, each in its own place; what is not known has a section of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2

from chainflow import units
from chainflow.clustering import Clustering, Decision
from chainflow.ledger import Ledger
from chainflow.ledger.coverage import HISTORY
from chainflow.ledger.ledger import LEVELS
from chainflow.report.accounts import moved_by_asset, transfer_rows
from chainflow.report.commands import trace_commands
from chainflow.report.declared import grouped
from chainflow.report.disputes import Statements, dispute_rows, stated_txs
from chainflow.report.evidence import Entry, log_names, named_only
from chainflow.report.explained import Explained, explain_command, link_rows, told
from chainflow.report.owners import cluster_rows, decision_rows, refused_rows, sheet_rows, size_lines
from chainflow.report.traces import (
    Study,
    collision_lines,
    end_rows,
    granted_rows,
    lost_sight,
    parameters_of,
    tagged_rows,
    ways_to,
)
from chainflow.tags import Tag, Tags
from chainflow.units import counted
from chainflow.version import __version__

__all__ = ["Grouping", "Material", "render_page"]

MOST_ROWS = 200
"""Rows of one table on the page; where more are left out, the page says how many there are."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """One recorded clustering, made again; `step` and `is_same` as for a `Study`."""

    step: int
    owners: Clustering
    is_same: bool


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the page prints.

    `replies` are what came and was used, `rejected` what was refused or did not come; `statements` are all
    that replies state of what is in dispute; `steps` are (log number, UTC time, kind, what); `notes` (log
    number, UTC time, text); `disclosures` (host, subject, UTC time, requests); `lost` are (log number,
    why) of recorded steps that cannot be made again here; `head` is the log's last entry before the report;
    `decisions` are those in the log, in its order; `unlisted` counts the pictures and reports up to `head`,
    which `steps` leaves out.
    """

    question: str
    ledger: Ledger
    tags: Tags
    clusterings: Sequence[Grouping]
    studies: Sequence[Study]
    lost: Sequence[tuple[int, str]]
    notes: Sequence[tuple[Any, ...]]
    replies: Sequence[Entry]
    rejected: Sequence[Entry]
    disclosures: Sequence[tuple[Any, ...]]
    steps: Sequence[tuple[Any, ...]]
    head: tuple[int, str]
    case_name: str
    statements: Statements = ()
    explained: Sequence[Explained] = ()
    decisions: Sequence[Decision] = ()
    unlisted: int = 0


def render_page(material: Material, *, title: str = "") -> bytes:
    """Return the report as UTF-8 HTML: no script, no network, the same bytes for the same material."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("chainflow.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["coins"] = lambda value, chain: units.format_coins(int(value), chain)
    environment.filters["percent"] = units.percent
    environment.filters["utc"] = _utc
    environment.filters["known"] = lambda value: "unknown" if _missing(value) else value
    environment.tests["missing"] = _missing
    environment.globals["counted"] = counted
    traces = grouped(material.studies)
    shown = (*traces.findings, *traces.others)
    transfers = list(transfer_rows(material.ledger, MOST_ROWS))
    names, when, proved = log_names(material.ledger), _when(material.ledger), _proved(material.ledger)
    text = environment.get_template("report.html").render(
        title=title or "Transaction-flow report",
        m=material,
        traces=traces,
        shown=shown,
        levels=LEVELS,
        when=when,
        moved=moved_by_asset(material.ledger),
        transfers=transfers,
        disputes=list(dispute_rows(material.ledger, material.statements)),
        in_part=_in_part(material.ledger),
        stated=stated_txs(material.ledger, material.statements),
        by=lambda chain, txid: names.get((chain, txid), ((), "no reply"))[1],
        replies=list(_shown_replies(material, names, transfers)),
        files=[entry for entry in material.replies if entry.is_file],
        named_by={seq: count for (seq, _), count in named_only(material.ledger).items()},
        ends=lambda trail: end_rows(trail, when, proved=proved),
        ways=lambda trail: list(ways_to(trail)),
        granted=granted_rows,
        collisions=collision_lines,
        on_the_way=lambda trail: tagged_rows(trail, material.tags),
        parameters=lambda study: parameters_of(study.trace, material.tags),
        tags=_tags_used(material),
        clusters=lambda grouping: list(cluster_rows(grouping.owners, MOST_ROWS)),
        size_lines=lambda grouping: list(size_lines(grouping.owners)),
        refused=lambda grouping: refused_rows(grouping.owners),
        explained=list(told(material.explained)),
        link_rows=lambda why: list(link_rows(why)),
        decisions=decision_rows(material.decisions, [grouping.owners for grouping in material.clusterings]),
        sheet=sheet_rows([grouping.owners for grouping in material.clusterings]),
        unknown=list(_unknown(material, shown)),
        commands=list(_commands(material, title)),
        pictures={
            study.step: study.figure.render("svg").decode() for study in shown if study.figure is not None
        },
        most=MOST_ROWS,
        version=__version__,
    )
    return text.encode()


def _in_part(ledger: Ledger) -> set[tuple[str, str]]:
    """Return the transactions of which something is in dispute that no total depends on."""
    columns = (ledger.disputes[name].to_pylist() for name in ("chain", "txid"))
    return set(zip(*columns, strict=True)) - ledger.disputed


def _shown_replies(
    material: Material, names: dict[tuple[str, str], tuple[tuple[int, ...], str]], transfers: Sequence[Any]
) -> Iterator[Entry]:
    """Yield the first replies, all files, and all that the rows of the annex name."""
    txs = material.ledger.txs.slice(0, MOST_ROWS).select(["chain", "txid"]).to_pylist()
    shown = [(row["chain"], row["txid"]) for row in (*txs, *transfers)]
    cited = {seq for key in shown for seq in names.get(key, ((), ""))[0]}
    for number, entry in enumerate(material.replies):
        if number < MOST_ROWS or entry.seq in cited or entry.is_file:
            yield entry


def _missing(value: object) -> bool:
    # pandas hands out its own NA for a null cell; NA and NaN are the values that do not equal themselves
    return value is None or str(value) in ("<NA>", "NaT", "nan")


def _utc(time: datetime | None) -> str:
    return units.format_time(None if time is None or _missing(time) else int(time.timestamp()))


def _when(ledger: Ledger) -> Callable[[str, str, datetime | None], str]:
    """Return a function of (chain, txid, time) that says why there is no time, where there is none."""
    columns = (ledger.txs[name].to_pylist() for name in ("chain", "txid", "is_confirmed"))
    confirmed = {(chain, txid): state for chain, txid, state in zip(*columns, strict=True)}

    def when(chain: str, txid: str, time: datetime | None) -> str:
        if not _missing(time):
            return _utc(time)
        if (chain, txid) not in confirmed:
            return "not in evidence"
        return "unconfirmed" if confirmed[chain, txid] is False else _utc(None)

    return when


def _proved(ledger: Ledger) -> set[tuple[str, int]]:
    """Return the outputs whose value is proved: the transaction that made them is held and hashes."""
    columns = (ledger.outputs[name].to_pylist() for name in ("txid", "vout", "value_proved"))
    return {(txid, vout) for txid, vout, is_proved in zip(*columns, strict=True) if is_proved}


def _commands(material: Material, title: str) -> Iterator[str]:
    """Yield the shell commands that make the page's figures again and change nothing in the case."""
    case = shlex.quote(material.case_name)
    clusterings = {one.owners.recipe.digest: one.step for one in material.clusterings}
    yield f"chainflow verify {case} --head {material.head[1]}"
    yield f"chainflow evidence {case}"
    for study in material.studies:
        yield from trace_commands(study, case, material.tags, clusterings)
    for one in material.explained:
        yield explain_command(one, case, material.tags, material.decisions)
    named = f" --title {shlex.quote(title)}" if title else ""
    yield f"chainflow report --read-only {case} -o again.html{named}"


def _tags_used(material: Material) -> list[Tag]:
    """Return the tags on addresses that are in evidence."""
    known = {*material.ledger.index.labels, *material.ledger.accounts}
    return [tag for tag in material.tags if tag.address in known]


def _unknown(material: Material, shown: Sequence[Study]) -> Iterator[str]:
    """Yield what this case does not know, in sentences."""
    ledger = material.ledger
    for row in ledger.coverage.itertuples():
        if row.state != "complete":
            which = "" if row.list == HISTORY else f" (list “{row.list}”)"
            yield f"The history of {row.address}{which} is {row.state}: {row.reason}, says {row.source}."
    states = ledger.outputs["spend_state"].to_pylist()
    if unknown := states.count("unknown"):
        whose = "it is" if unknown == 1 else "they are"
        yield (
            f"The case holds {counted(len(states), 'output')}. Whether {unknown:,} of them "
            f"{'is' if unknown == 1 else 'are'} spent no source has told: {whose} called neither spent nor unspent."
        )
    yield from _unknown_transfers(ledger)
    yield from lost_sight(shown)
    yield from (f"Step {seq} of the log cannot be made again here: {why}." for seq, why in material.lost)
    yield from _unused(material)
    if count := ledger.disputes.num_rows:
        verb = "contradicts" if count == 1 else "contradict"
        yield f"{counted(count, 'statement')} {verb} another one; see Disputes in section 1."
    if count := len(ledger.disputed):
        left = "it is" if count == 1 else "they are"
        yield (
            f"Of {counted(count, 'transaction')} sources state different things: {left} left out of every total."
        )
    done, total = ledger.verified
    if done < total:
        yield f"Of {total - done:,} of {counted(total, 'transaction')} the bytes are not held: hearsay."
    yield "Who controls an address is not on the chain: clusters are inferred, tags are asserted."


def _unused(material: Material) -> Iterator[str]:
    """Yield what came and was not used, or was named and did not come."""
    for (seq, url), count in named_only(material.ledger).items():
        verb = "is" if count == 1 else "are"
        yield (
            f"{counted(count, 'transaction')} {verb} named by {url} (log entry {seq}) and not held: fetch "
            f"{'it' if count == 1 else 'them'}."
        )
    for entry in material.replies:
        if entry.rejected:
            verb = "was" if entry.rejected == 1 else "were"
            yield f"{counted(entry.rejected, 'row')} of {entry.url} (log entry {entry.seq}) {verb} not used."
    if count := len(material.rejected):
        replies = "1 reply was" if count == 1 else f"{count:,} replies were"
        yield f"{replies} refused or did not come; see the end of section 8."


def _unknown_transfers(ledger: Ledger) -> Iterator[str]:
    """Yield what is not known of transfers on account chains."""
    total = ledger.transfers.num_rows
    if untold := ledger.transfers["ok"].null_count:
        yield (
            f"Of {untold:,} of {total:,} transfers no source has told whether they succeeded; their amounts are "
            "counted as stated, and as unknown in balances."
        )
    if hearsay := ledger.transfer_levels.get(0, 0):
        yield f"{hearsay:,} of {total:,} transfers are one source's word: no bytes, no second host."
    if total:
        yield (
            "Accounts hold one balance, not coins: drawing them is not in this version. "
            "What a contract pays inside a transaction no hash commits to."
        )
