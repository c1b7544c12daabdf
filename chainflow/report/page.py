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
from chainflow.attribution import Exposure
from chainflow.clustering import Clustering, Decision
from chainflow.figures import Figure
from chainflow.ledger import Ledger
from chainflow.ledger.coverage import HISTORY
from chainflow.ledger.ledger import LEVELS
from chainflow.model import EndReason
from chainflow.report.accounts import moved_by_asset, transfer_rows
from chainflow.report.disputes import Statements, dispute_rows, stated_txs
from chainflow.report.evidence import Entry, log_names, named_only
from chainflow.report.explained import Explained, explain_command, link_rows, told
from chainflow.report.owners import cluster_rows, decision_rows, refused_rows, sheet_rows, size_lines
from chainflow.tags import Tag, Tags
from chainflow.tracing import Trace
from chainflow.units import counted
from chainflow.version import __version__

__all__ = ["Grouping", "Material", "Study", "render_page"]

MOST_ROWS = 200
"""Rows of one table on the page; where more are left out, the page says how many there are."""


@dataclass(frozen=True, slots=True)
class Study:
    """One recorded trace, made again, with where it ended and how it looks.

    `step` is its log number, `declared` that of the entry that named its policy beforehand; `is_same`
    says whether it gave what the log recorded (evidence or tags may have grown since).
    """

    step: int
    declared: int
    trace: Trace
    exposure: Exposure
    figure: Figure
    is_same: bool


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
    `decisions` are those in the log, in its order.
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
    declared, annex = _by_policy(material.studies)
    transfers = list(transfer_rows(material.ledger, MOST_ROWS))
    names = log_names(material.ledger)
    text = environment.get_template("report.html").render(
        title=title or "Transaction-flow report",
        m=material,
        declared=declared,
        annex=annex,
        proved=_proved(material.ledger),
        levels=LEVELS,
        when=_when(material.ledger),
        moved=moved_by_asset(material.ledger),
        is_account_only=_is_account_only(material),
        transfers=transfers,
        disputes=list(dispute_rows(material.ledger, material.statements)),
        in_part=_in_part(material.ledger),
        stated=stated_txs(material.ledger, material.statements),
        by=lambda chain, txid: names.get((chain, txid), ((), "no reply"))[1],
        replies=list(_shown_replies(material, names, transfers)),
        files=[entry for entry in material.replies if entry.is_file],
        named_by={seq: count for (seq, _), count in named_only(material.ledger).items()},
        on_the_way=_tagged_on_the_way,
        parameters=lambda study: _parameters(study.trace, material.tags),
        is_conserving=lambda study: EndReason.POISON.value not in study.trace.balance,
        tags=_tags_used(material),
        clusters=lambda grouping: list(cluster_rows(grouping.owners, MOST_ROWS)),
        size_lines=lambda grouping: list(size_lines(grouping.owners)),
        refused=lambda grouping: refused_rows(grouping.owners),
        explained=list(told(material.explained)),
        link_rows=lambda why: list(link_rows(why)),
        decisions=decision_rows(material.decisions, [grouping.owners for grouping in material.clusterings]),
        sheet=sheet_rows([grouping.owners for grouping in material.clusterings]),
        unknown=list(_unknown(material, declared)),
        commands=list(_commands(material, title)),
        pictures={study.step: study.figure.render("svg").decode() for study in declared},
        most=MOST_ROWS,
        version=__version__,
    )
    return text.encode()


def _is_account_only(material: Material) -> bool:
    """Return whether there is nothing that could be traced, and nothing was."""
    ledger = material.ledger
    return bool(ledger.transfers.num_rows) and not ledger.txs.num_rows and not material.studies


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


def _by_policy(studies: Sequence[Study]) -> tuple[list[Study], list[Study]]:
    """Return the traces under the policy declared first, and those under any other: an annex."""
    first = min((study.declared for study in studies), default=0)
    return (
        [study for study in studies if study.declared == first],
        [study for study in studies if study.declared != first],
    )


def _proved(ledger: Ledger) -> set[tuple[str, int]]:
    """Return the outputs whose value is proved: the transaction that made them is held and hashes."""
    columns = (ledger.outputs[name].to_pylist() for name in ("txid", "vout", "value_proved"))
    return {(txid, vout) for txid, vout, is_proved in zip(*columns, strict=True) if is_proved}


def _tagged_on_the_way(study: Study, tags: Tags) -> list[tuple[Any, Tag]]:
    """Return the outputs a trace reached at tagged addresses, with the best tag, ends or not."""
    known = tags.by_address
    rows = list(study.trace.outputs.itertuples())
    return [
        (row, best) for row in rows if str(row.address) in known and (best := tags.best(str(row.address)))
    ]


def _parameters(trace: Trace, tags: Tags) -> str:
    """Return what else the caller chose, in words."""
    chosen = trace.recipe.parameters
    stop, mixed = chosen["stop"], chosen["coinjoins"]
    if stop == tags.services.digest:
        at = "addresses tagged as services in this case"
    elif isinstance(stop, str):
        at = f"a list of tags with digest {stop}"
    else:
        at = f"{len(stop)} named addresses" if stop else "no address"
    through = (
        "ends at CoinJoins that the default detectors find"
        if mixed is None
        else (f"ends at {len(mixed)} named CoinJoins" if mixed else "walks through CoinJoins")
    )
    hops = "no limit of hops" if chosen["max_hops"] is None else f"at most {chosen['max_hops']} hops"
    dust = f"dust below {chosen['dust_sat']} base units" if chosen["dust_sat"] else "no dust limit"
    return f"Stops at {at}; {through}; {hops}; at most {chosen['max_txs']:,} transactions; {dust}."


def _commands(material: Material, title: str) -> Iterator[str]:
    """Yield the shell commands that make the page's figures again and change nothing in the case."""
    case = shlex.quote(material.case_name)
    yield f"chainflow verify {case} --head {material.head[1]}"
    yield f"chainflow evidence {case}"
    for study in material.studies:
        chosen = study.trace.recipe.parameters
        is_plain = chosen["coinjoins"] is None and chosen["stop"] in ([], material.tags.services.digest)
        if not is_plain:
            yield f"# step {study.step}: its stops or CoinJoins were given in Python; see its parameters"
            continue
        options = f"--policy {shlex.quote(study.trace.policy)} --direction {study.trace.direction}"
        options += " --no-stop" if chosen["stop"] == [] else ""
        options += f" --max-hops {chosen['max_hops']}" if chosen["max_hops"] is not None else ""
        options += f" --dust {chosen['dust_sat']}" if chosen["dust_sat"] else ""
        seeds = " ".join(shlex.quote(seed) for seed in study.trace.seeds)
        yield f"chainflow trace --read-only {case} {seeds} {options}"
    for one in material.explained:
        yield explain_command(one, case, material.tags, material.decisions)
    named = f" --title {shlex.quote(title)}" if title else ""
    yield f"chainflow report --read-only {case} -o again.html{named}"


def _tags_used(material: Material) -> list[Tag]:
    """Return the tags on addresses that are in evidence."""
    known = {*material.ledger.index.labels, *material.ledger.accounts}
    return [tag for tag in material.tags if tag.address in known]


def _unknown(material: Material, declared: Sequence[Study]) -> Iterator[str]:
    """Yield what this case does not know, in sentences."""
    ledger = material.ledger
    for row in ledger.coverage.itertuples():
        if row.state != "complete":
            which = "" if row.list == HISTORY else f" (list “{row.list}”)"
            yield f"The history of {row.address}{which} is {row.state}: {row.reason}, says {row.source}."
    states = ledger.outputs["spend_state"].to_pylist()
    if unknown := states.count("unknown"):
        yield (
            f"Of {unknown:,} of {len(states):,} outputs no source has told whether they are spent; "
            "they are called neither spent nor unspent."
        )
    yield from _unknown_transfers(ledger)
    yield from (_lost_sight(study) for study in declared if EndReason.UNKNOWN.value in study.trace.balance)
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
            "Accounts hold one balance, not coins: tracing and drawing them is not in this version. "
            "What a contract pays inside a transaction no hash commits to."
        )


def _lost_sight(study: Study) -> str:
    trace = study.trace
    amount = units.format_coins(trace.balance[EndReason.UNKNOWN.value], trace.chain)
    where = "whose spending transaction is not (wholly) in evidence"
    if trace.direction == "backward":
        where = "that were made by a transaction which is not (wholly) in evidence"
    return f"The {trace.direction} trace of step {study.step} loses sight of {amount} at outputs {where}."
