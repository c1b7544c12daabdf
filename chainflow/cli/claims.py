"""The command that audits somebody else's list: check-claims."""

from __future__ import annotations

import pathlib

import click

from chainflow.cli.group import case_argument, commands, existing_case, json_option
from chainflow.console import print_json, print_table, print_text, records


@commands.command("check-claims")
@case_argument
@click.argument("claims", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--policy", help="The rule that the list declares: fifo, haircut, …; default: its own column.")
@click.option(
    "--seed", "seeds", multiple=True, metavar="SEED", help="Where the trail begins; default: its first hops."
)
@click.option("--unit", default="coins", show_default=True, type=click.Choice(["coins", "base"]),
              help="What amounts count where the list does not say.")  # fmt: skip
@click.option("--no-stop", is_flag=True, help="Do not ask whether it goes on from tagged services.")
@click.option(
    "-o", "--out", type=click.Path(path_type=pathlib.Path), help="Write every row and its verdict as CSV."
)
@json_option
def check_claims(
    as_json: bool,
    case_file: pathlib.Path,
    claims: pathlib.Path,
    policy: str | None,
    seeds: tuple[str, ...],
    unit: str,
    no_stop: bool,
    out: pathlib.Path | None,
) -> None:
    """Audit a list of hops and amounts: what holds, what fails and why, what cannot be said.

    CLAIMS is a CSV or JSON file of somebody's report or tool. Nothing is asked of anybody; what is not in the
    case is never held against the list.
    """
    from chainflow.tracing.claims import check_claims as check

    with existing_case(case_file, read_only=True) as case:
        stop = None if no_stop else case.tags.services
        found = check(case.ledger, claims, policy, seeds=seeds or None, stop=stop, unit=unit)
    if out is not None:
        found.write(out)
    if as_json:
        rows = records(found.to_pandas())
        print_json({"counts": found.counts, "policy": found.policy, "digest": found.digest, "rows": rows})
        return
    print_text(found.sentences[0])
    for sentence in found.sentences[1:]:
        print_text(f"- {sentence}")
    table = [
        (
            row.hop.line,
            row.hop.path,
            "" if row.hop.hop is None else row.hop.hop,
            row.verdict,
            "; ".join(row.reasons),
        )
        for row in found.rows
    ]
    print_table("Every row", ["row", "path", "hop", "verdict", "why"], table)
    if out is not None:
        print_text(f"Written: {out}")
