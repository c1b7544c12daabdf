"""Commands that add files and check evidence against others: import, cross-check, prove, rates."""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING, Any

import click

from chainflow.cli.group import (
    NAMED_HINT,
    case_argument,
    chain_option,
    commands,
    existing_case,
    json_option,
    proxy_option,
    rates_option,
    something_held,
    still_named,
)
from chainflow.console import err, print_json, print_table, print_text
from chainflow.errors import BadInput

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.formats import FileSource
    from chainflow.tags import Tags


@commands.command("import")
@case_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=pathlib.Path))
@click.option(
    "--format",
    "family",
    help="What kind of file it is, where its columns do not tell: see `chainflow plugins`.",
)
@chain_option
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="How to read it, such as unit=coins, zone=utc, value=Betrag; repeat it.",
)
@click.option(
    "--preview", is_flag=True, help="Show what is understood and which rows are not used; write nothing."
)
@click.option(
    "--confirm", is_flag=True, help="Read a CSV of your own by the mapping that the preview proposes."
)
@click.option(
    "--list-txids",
    is_flag=True,
    help="Print only the transactions that the file names and does not hold, one a line; write nothing.",
)
@click.option(
    "--labels",
    "with_labels",
    is_flag=True,
    help="Add the names that the file gives to addresses to the case's tags, as what the file asserts.",
)
@json_option
def import_(
    as_json: bool,
    case_file: pathlib.Path,
    files: tuple[pathlib.Path, ...],
    family: str | None,
    chain: str | None,
    options: tuple[str, ...],
    preview: bool,
    confirm: bool,
    list_txids: bool,
    with_labels: bool,
) -> None:
    """Read exports, data sets or raw blocks into a case; nobody is asked.

    FILES are kept as evidence, byte for byte. Several are read as one: pass what belongs together. Look with
    --preview first: a row that cannot be used is named there, and an amount whose unit nobody states is not read.
    Where the rows name chains, --chain all reads them for each chain.
    """
    try:
        opened = _opened(files, family, chain, _pairs(options), confirm=confirm)
        if list_txids:
            _say_txids(opened, as_json=as_json)
            return
        shown = [one.preview() for one in opened]
        if not preview:  # all are read before anything is written
            for source in opened:
                source.parsed.usable()
    except BadInput as error:
        if "--" not in error.hint:
            error.hint = f"{error.hint} (in a shell: --option NAME=VALUE, --confirm)"
        raise
    found: list[dict[str, Any]] = [{"title": one.title, "rows": one.rows()} for one in shown]
    said = [] if preview else _written(case_file, opened, found, with_labels=with_labels)
    if as_json:
        print_json(found[0] if len(found) == 1 else {"chains": found})
        return
    for one in shown:
        print_table(one.title, ["what", "understood as"], one.rows())
    for sentence in said:
        print_text(sentence)
    if preview and any(one.proposal for one in shown):
        print_text("Correct it with --option NAME=VALUE; --confirm takes the proposal.")


def _opened(
    files: tuple[pathlib.Path, ...],
    family: str | None,
    chain: str | None,
    options: dict[str, str],
    *,
    confirm: bool,
) -> list[FileSource]:
    """Return the files as they are to be read, once for each chain."""
    from chainflow.formats import chains_in, open_file

    chains = chains_in(files, family) if chain == "all" else (chain,)
    opened = [open_file(files, family, one, **options) for one in chains]
    return [one.confirmed() for one in opened] if confirm else opened


def _say_txids(opened: list[FileSource], *, as_json: bool) -> None:
    found = {one.chain: one.txids for one in opened}
    if as_json:
        print_json({"txids": found})
        return
    for txid in (txid for txids in found.values() for txid in txids):
        print_text(txid)
    if not any(found.values()):
        print_text("The file names no transaction that it does not hold.", to=err)


def _written(
    case_file: pathlib.Path, opened: list[FileSource], found: list[dict[str, Any]], *, with_labels: bool
) -> list[str]:
    """Write what was opened, tell `found` of it, and return it in sentences."""
    from chainflow.case import Case
    from chainflow.formats import add_file_to

    said = []
    with Case(case_file) as case:
        for one, row in zip(opened, found, strict=True):
            stated = one.facts
            is_new = add_file_to(case.log, one) is not None
            row |= {"facts": len(stated), "rejected": len(one.rejected), "is_new": is_new}
            row["txids"] = one.txids
            state = "written to" if is_new else "already in"
            said.append(
                f"{one.chain}: {len(stated):,} fact(s), {state} {case_file}; "
                f"{len(one.rejected):,} row(s) not used."
            )
        if with_labels:
            said.append(_labelled(case, opened[0], found))
        if named := still_named(case):
            said.append(f"{named}.\n→ {NAMED_HINT}")
    return said


def _labelled(case: Case, opened: FileSource, found: list[dict[str, Any]]) -> str:
    """Add the names in a file to the tags of a case, each as what that file says."""
    tags = _tags_of(opened)
    before = len(case.tags)
    case.tags += tags
    found[0]["tags"] = len(tags)
    refused = f", {len(tags.rejected):,} not used" if tags.rejected else ""
    return f"{len(tags):,} name(s) of addresses{refused}; {len(case.tags) - before:,} new tag(s)."


def _tags_of(opened: FileSource) -> Tags:
    """Return the names in a file as tags that say in which file they stand."""
    import dataclasses

    from chainflow.tags import TagFile, Tags

    read = Tags.of_rows(opened.labels)
    if not (len(read) or read.rejected):
        return read
    name = opened.name
    files = [TagFile(file, digest, len(read), len(read.rejected)) for file, digest in opened.files]
    return Tags(
        tuple(dataclasses.replace(tag, file=name, line=0) for tag in read),
        tuple(dataclasses.replace(row, file=name) for row in read.rejected),
        tuple(files),
    )


def _pairs(options: tuple[str, ...]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise BadInput(f"not an option of a format: {wrong[0]!r}", hint="write --option NAME=VALUE")
    return {name: value for name, _, value in pairs}


@commands.command("cross-check")
@case_argument
@click.option("--source", required=True, help="Of another operator than the one that gave the transactions.")
@click.option("--budget", type=int, help="The most requests to send.")
@proxy_option
@rates_option
@json_option
def cross_check(
    as_json: bool,
    case_file: pathlib.Path,
    source: str,
    budget: int | None,
    proxy: str | None,
    rates: pathlib.Path | None,
) -> None:
    """Compare each transaction of a case with another source; 1 if one differs, or nothing was compared.

    What differs is kept as a dispute: both statements stay, and no total counts the transaction.
    """
    with existing_case(case_file, proxy=proxy, rates=rates) as case:
        something_held(case)
        found = case.cross_check(source, budget=budget)
    if as_json:
        names = ("txid", "what", "used", "refused")
        rows = [dict(zip(names, row, strict=True)) for row in found.disputed]
        left = dict(found.not_given)
        whole = {"host": found.host, "compared": found.compared, "agreed": found.agreed}
        print_json({**whole, "disputed": rows, "not_given": left})
    else:
        agreed = f"{len(found.agreed):,} transaction(s) are the same at {found.host}."
        print_text(agreed if found.compared else f"Nothing was compared: {found.host} gave no transaction.")
        if found.disputed:
            print_table("Disputed: the two differ", ["txid", "what", "used", "refused"], found.disputed)
        if found.not_given:
            print_table("Not compared", ["txid", "why"], found.not_given)
    if found.disputed or not found.compared:
        sys.exit(1)


@commands.command()
@case_argument
@click.option("--source", help="Where to ask; by default the source that the case asked last.")
@chain_option
@click.option("--budget", type=int, help="The most requests to send.")
@click.option("--anchor", is_flag=True, help="Also ask for the headers up to a shipped checkpoint (level 4).")
@proxy_option
@rates_option
@json_option
def prove(
    as_json: bool,
    case_file: pathlib.Path,
    source: str | None,
    chain: str | None,
    budget: int | None,
    anchor: bool,
    proxy: str | None,
    rates: pathlib.Path | None,
) -> None:
    """Ask for proof that transactions are in their blocks (level 3 or more).

    For each confirmed transaction below level 3 its merkle branch and the header of its block are asked for.
    Electrum servers, nodes, Esplora and Haskoin have them. With --anchor come the headers between those blocks and
    a checkpoint, from an Electrum server or a node over REST, if that takes at most 50 requests, or what --budget
    allows: what it would take is listed.
    """
    from chainflow.ledger.ledger import LEVELS

    with existing_case(case_file, read_only=True) as case:
        something_held(case)
        case.ledger.refuse_accounts("proving blocks of")
        if source is None and not case.sources:
            raise BadInput("the case has asked no source", hint="name one: --source electrum")
        if source is not None and chain is None:  # a word alone would mean Bitcoin
            chain = case.ledger.chain
    with existing_case(case_file, source=source, chain=chain, proxy=proxy, rates=rates) as case:
        done = case.prove(budget=budget, anchor=anchor)
    if as_json:
        print_json({"levels": done.levels, "not_proved": dict(done.left)})
        return
    rows = [(f"L{level}", LEVELS[level], f"{count:,}") for level, count in sorted(done.levels.items())]
    print_table("Verification", ["level", "meaning", "transactions"], rows)
    if done.left:
        print_table("Not proved", ["what was asked for", "why not"], done.left)


@commands.command("prove-amounts")
@case_argument
@json_option
def prove_amounts(as_json: bool, case_file: pathlib.Path) -> None:
    """Check claimed input amounts with Bitcoin Core's engine (pip install 'chainflow[verify]').

    Nobody is asked. What is false is named, becomes a dispute of the case, and makes the exit code 1.
    """
    with existing_case(case_file) as case:
        something_held(case)
        case.ledger.refuse_accounts("proving amounts of")
        found = case.prove_amounts()
    false = [f"{txid}, input {vin}" for txid, vin in found.failures]
    if as_json:
        print_json({"counts": found.counts, "proved_by_parent": found.by_parent, "false": false})
    else:
        rows = [("proved by the held parent", f"{found.by_parent:,}")]
        rows += [(state, f"{count:,}") for state, count in found.counts.items()]
        print_table("Input amounts", ["what is known", "inputs"], rows)
        for name in false:
            print_text(f"false: {name}", to=err)
    if false:
        sys.exit(1)


@commands.command()
@rates_option
@json_option
def rates(as_json: bool, rates: pathlib.Path | None) -> None:
    """List how fast hosts are asked; --rates FILE shows your changes.

    A file has one table for each host: ["blockstream.info"], then requests = 700, seconds = 3600, and, if there
    is to be a pause between any two, spacing = 0.25. Your own servers (private addresses) have no limit.
    """
    from chainflow.sources.pace import DEFAULT_RATE, RATES, rates_of

    hosts = sorted({**RATES, **rates_of(rates)}.items())
    rows = [
        (host, rate.requests, rate.seconds, rate.spacing)
        for host, rate in (*hosts, ("(any other public host)", DEFAULT_RATE))
    ]
    names = ["host", "requests", "seconds", "spacing"]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    shown = [(host, most, f"{seconds:g}", f"{spacing:g}") for host, most, seconds, spacing in rows]
    print_table("At most so many requests in so many seconds", names, shown)
    print_text("Your own servers (private addresses) have no limit.")
