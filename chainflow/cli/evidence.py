"""Commands that gather, keep and check evidence: fetch, tags, verify, log, evidence, serve, plugins."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Any

import click

from chainflow.cli.group import (
    case_argument,
    chain_option,
    commands,
    existing_case,
    json_option,
    proxy_option,
    rates_option,
    seeds_argument,
    source_option,
)
from chainflow.console import err, print_json, print_table, print_text, records, sentence_of

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.crawl import Plan

_SHOWN = 20
"""How many requests of a plan are listed."""


@commands.command()
@case_argument
@seeds_argument
@source_option
@chain_option
@proxy_option
@rates_option
@click.option(
    "--hops",
    default=1,
    show_default=True,
    help="1: the seeds' own histories; 2: their counterparties' too; …",
)
@click.option(
    "--direction",
    default="both",
    show_default=True,
    type=click.Choice(["forward", "backward", "both"]),
    help="Follow payments made, payments received, or both, to the next address.",
)
@click.option(
    "--follow",
    default="addresses",
    show_default=True,
    type=click.Choice(["addresses", "coins"]),
    help="Read whole histories, or only the transactions that spend (or made) the coins: fewer requests.",
)
@click.option(
    "--max-txs",
    default=2000,
    show_default=True,
    help="Do not read addresses with more transactions (services).",
)
@click.option("--budget", type=int, help="The most requests to send.")
@click.option("--spends", is_flag=True, help="Ask of every output at the edge whether it is spent.")
@click.option("--counts", is_flag=True, help="Ask of every address how many transactions it has.")
@click.option("--proofs", is_flag=True, help="Ask for merkle branches and headers too (level 3).")
@click.option(
    "--stop", "stop", multiple=True, metavar="CATEGORY", help="Do not read addresses tagged so in the case."
)
@click.option("--refresh", is_flag=True, help="Ask again for what may have changed.")
@click.option("--offline", is_flag=True, help="Ask nothing; go through what the case holds.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be asked and who would learn what; send nothing."
)
@json_option
def fetch(
    as_json: bool,
    case_file: pathlib.Path,
    seeds: tuple[str, ...],
    source: tuple[str, ...],
    chain: str | None,
    proxy: str | None,
    rates: pathlib.Path | None,
    stop: tuple[str, ...],
    offline: bool,
    **options: Any,
) -> None:
    """Ask a source about SEEDS and keep every reply in a case.

    SEEDS are addresses, txids, outpoints (txid:vout) and blocks (block:HEIGHT, block:FIRST-LAST). The case file is
    made when it does not exist. An interrupted fetch loses nothing: run it again.
    """
    from chainflow.case import Case
    from chainflow.crawl import Plan, chain_of
    from chainflow.crawl import fetch as plan_of
    from chainflow.sources import default_source

    named = list(source)
    if not named and not _has_asked(case_file):
        named = [default_source(chain or chain_of(seeds), seeds)]
    if options["dry_run"] and not case_file.exists():  # a plan makes no case
        options.pop("refresh")
        _say_plan(plan_of(seeds, named, chain=chain, proxy=proxy, **options), as_json=as_json)
        return
    with Case(case_file, named or None, chain=chain, proxy=proxy, rates=rates, offline=offline) as case:
        done = case.fetch(seeds, stop=case.tags.of(*stop) if stop else (), **options)
        if isinstance(done, Plan):
            _say_plan(done, as_json=as_json)
            return
        verified, total = done.ledger.verified
        if as_json:
            print_json(
                {
                    "asked": done.asked,
                    "from_case": done.reused,
                    "transactions": total,
                    "verified": verified,
                    "not_followed": dict(done.not_followed),
                    "failed": dict(done.failed),
                    "coverage": records(done.ledger.coverage),
                }
            )
            return
        print_text(f"{done.asked} request(s) to {done.host}, {done.reused} answer(s) from the case.")
        print_text(done.ledger.verification)
        for name, why in done.failed:
            print_text(f"stopped answering: {name}: {why}")
        columns = ["address", "list", "state", "reason", "received", "claimed", "as_of_height"]
        print_table("Coverage", columns, done.ledger.coverage[columns].astype(object).values.tolist())
        if done.not_followed:
            print_table("Not followed", ["what", "why"], done.not_followed)


def _has_asked(path: pathlib.Path) -> bool:
    if not _is_case(path):
        return False
    with existing_case(path, read_only=True) as case:
        return bool(case.sources)


def _say_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        named = ("host", "requests", "discloses", "reused")
        print_json({name: getattr(plan, name) for name in named})
        return
    print_text(str(plan))
    if plan.requests:
        shown = [(path, subject or "no address, no txid") for path, subject in plan.requests[:_SHOWN]]
        more = len(plan.requests) - len(shown)
        rows = [*shown, (f"and {more:,} more", "")] if more else shown
        print_table(f"Would ask {plan.host}", ["request", "it learns"], rows)


@commands.group()
def tags() -> None:
    """Tag lists: what others say about addresses."""


@tags.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=pathlib.Path))
@click.option("--source", "said_by", default="", help="Who says so, for CSV files without a source column.")
@json_option
def tags_check(as_json: bool, files: tuple[pathlib.Path, ...], said_by: str) -> None:
    """Read tag files and name every row that cannot be used; exits with 1 if there is one."""
    from chainflow.tags import Tags

    found = Tags.read(*files, source=said_by)
    refused = [(r.file, r.line, r.text, r.error.message) for r in found.rejected]
    if as_json:
        names = ("file", "line", "text", "error")
        rows = [dict(zip(names, row, strict=True)) for row in refused]
        print_json({"tags": len(found), "rejected": rows, "conflicts": len(found.conflicts)})
    else:
        print_text(sentence_of(found))
        if refused:
            print_table("Rows that were not used", ["file", "line", "text", "why"], refused)
    if refused:
        sys.exit(1)


@tags.command("add")
@case_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=pathlib.Path))
@click.option("--source", "said_by", default="", help="Who says so, for CSV files without a source column.")
def tags_add(case_file: pathlib.Path, files: tuple[pathlib.Path, ...], said_by: str) -> None:
    """Add tag files to a case."""
    from chainflow.tags import Tags

    with existing_case(case_file) as case:
        case.tags += Tags.read(*files, source=said_by)
        print_text(sentence_of(case.tags))


@commands.command()
@case_argument
@click.option("--head", default="", help="A head hash that you wrote down earlier: it must be in the log.")
@json_option
def verify(as_json: bool, case_file: pathlib.Path, head: str) -> None:
    """Check every hash of a case and rebuild every row; 1 if one differs."""
    with existing_case(case_file, read_only=True) as case:
        found = case.verify(head=head)
    if as_json:
        print_json({"ok": found.ok, **dataclasses.asdict(found)})
    else:
        print_table(f"Verification of {case_file}", ["checked", "found"], found.rows())
        for problem in found.problems:
            print_text(f"problem: {problem}", to=err)
        if found.ok:
            print_text("Everything holds.")
    if not found.ok:
        sys.exit(1)


@commands.command()
@case_argument
@click.option("--disclosed", is_flag=True, help="Which host learnt which address instead.")
@json_option
def log(as_json: bool, case_file: pathlib.Path, disclosed: bool) -> None:
    """List what was done in a case, or what was disclosed to whom."""
    with existing_case(case_file, read_only=True) as case:
        frame = case.disclosures if disclosed else case.steps
    if as_json:
        print_json(records(frame))
    else:
        print_table("Disclosed" if disclosed else "Log", list(frame.columns), frame.values.tolist())


@commands.command("evidence")
@case_argument
@click.argument("name", default="", metavar="[TXID|ADDRESS]")
@click.option("--raw", type=int, metavar="NUMBER", help="Write the raw reply of this log entry, verbatim.")
@click.option(
    "--body",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Which, where the entry is a step that keeps several: of a trace the tags it stops at, conversions.",
)
@click.option("--out", "-o", type=click.Path(path_type=pathlib.Path), help="The file for --raw.")
@json_option
def evidence(
    as_json: bool, case_file: pathlib.Path, name: str, raw: int | None, body: int, out: pathlib.Path | None
) -> None:
    """List which log entries speak of a transaction or an address, or all; with --raw, write one out."""
    from chainflow.report import entries_about

    if (raw is None) != (out is None):
        raise click.UsageError("--raw NUMBER and -o FILE belong together")
    with existing_case(case_file, read_only=True) as case:
        if raw is not None and out is not None:
            _write_raw(case, raw, out, number_of_body=body)
            return
        found = entries_about(case.log, name)
    if as_json:
        print_json({"about": name or None, "entries": [dataclasses.asdict(entry) for entry in found]})
        return
    columns = ["log", "time", "source", "url", "sha256", "size", "status"]
    rows = [
        (e.seq, f"{e.time:%Y-%m-%d %H:%M:%S} UTC", e.source, e.url, e.sha256 or "no reply", e.size, e.state)
        for e in found
    ]
    if rows:
        print_table(f"Evidence of {name}" if name else "Evidence", columns, rows)
        for entry in found:
            for file, sha256 in entry.files if len(entry.files) > 1 else ():
                print_text(f"log entry {entry.seq} bundles {file}: {sha256}")
    else:
        about = f" speaks of {name}: that says nothing about the chain" if name else " is held yet"
        print_text(f"No reply in this case{about}.")


def _write_raw(case: Case, number: int, out: pathlib.Path, *, number_of_body: int) -> None:
    """Write the body that a log entry names, or one of those that a step keeps, checked against its hash."""
    from chainflow.errors import BadInput
    from chainflow.writing import write_whole

    event = next((event for event in case.log.events() if event.seq == number), None)
    content = {} if event is None else event.content
    kept = [content["sha256"]] if "sha256" in content else list(content.get("bodies", ()))
    if len(kept) < number_of_body:
        which = "" if number_of_body == 1 else f" number {number_of_body}"
        raise BadInput(
            f"log entry {number} holds no raw reply{which}",
            hint="chainflow evidence CASE lists the entries that do",
        )
    sha256 = kept[number_of_body - 1]
    body = case.log.body(sha256)
    write_whole(out, body)
    print_text(f"{out}: {len(body):,} bytes, SHA-256 {sha256}")


@commands.command()
@click.argument("file_or_case")
@click.option("--port", default=8000, show_default=True, help="0 takes any free port.")
def serve(file_or_case: str, port: int) -> None:
    """Serve a ledger, a case or a sample as an explorer on this machine.

    It speaks Esplora, listens on 127.0.0.1 only, and knows nothing but that ledger. Samples: colonial, training.
    """
    from chainflow import samples
    from chainflow.case import Case
    from chainflow.ledger import Ledger
    from chainflow.serve import Explorer

    path = pathlib.Path(file_or_case)
    if not path.exists() and file_or_case in samples.NAMES:
        ledger = samples.load(file_or_case)
    elif _is_case(path):
        with Case(path, read_only=True) as case:
            ledger = case.ledger
    else:
        ledger = Ledger.read(path)
    with Explorer(ledger, port=port) as explorer:
        print_text(sentence_of(ledger))
        print_text(f"Serving on {explorer.url}  (source: esplora:{explorer.url})  Ctrl-C stops.")
        with contextlib.suppress(KeyboardInterrupt):
            explorer.wait()


def _is_case(path: pathlib.Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


@commands.command()
def plugins() -> None:
    """List what is installed: sources, formats, heuristics, policies (of outputs, of accounts), renderers."""
    from chainflow import registry

    for group in ("sources", "formats", "heuristics", "policies", "account_policies", "renderers"):
        print_text(f"{group}: {', '.join(sorted(registry.plugins(f'chainflow.{group}')))}")
