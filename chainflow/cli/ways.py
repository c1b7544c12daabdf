"""Commands about ways and amounts: paths between two places, the bounds that hold whatever the rule."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from chainflow.cli.group import (
    case_argument,
    commands,
    existing_case,
    json_option,
    read_only_option,
    refuse_asset,
)
from chainflow.console import print_json, print_records, print_table, print_text, records, sentence_of
from chainflow.errors import BadInput

_no_stop_option = click.option("--no-stop", is_flag=True, help="Walk through tagged services too.")
_LIMITS = ("least", "most", "open_least", "open_most", "stopped")
_asset_option = click.option("--asset", help="Of accounts: a contract or native, where several moved.")


@commands.command()
@case_argument
@click.option(
    "--from", "sources", multiple=True, required=True, metavar="PLACE", help="An address, txid or txid:vout."
)
@click.option(
    "--to", "targets", multiple=True, metavar="PLACE", help="The same; default: the nearest tagged service."
)
@click.option(
    "--by",
    default="fewest",
    show_default=True,
    type=click.Choice(["fewest", "fastest", "largest"]),
    help="Transactions, time from the first to the last, or the amount that can have gone along it.",
)
@click.option("--k", default=1, show_default=True, type=click.IntRange(min=1), help="How many paths.")
@click.option("--after", type=int, metavar="HEIGHT", help="Only what moves in this block or later.")
@_no_stop_option
@_asset_option
@read_only_option
@json_option
def paths(
    as_json: bool,
    read_only: bool,
    case_file: pathlib.Path,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    no_stop: bool,
    **options: Any,
) -> None:
    """Find ways that value can have gone, forward in time, and the most that can have gone altogether.

    Where there is none, it says what was reached and where the evidence ends: no path within the evidence.
    """
    from chainflow.tracing.paths import NoPath

    chosen = {name: value for name, value in options.items() if value is not None}
    with existing_case(case_file, read_only=read_only) as case:
        refuse_asset(case.ledger, options["asset"])
        if targets:
            stop = {"stop": ()} if no_stop else {}
            found = case.paths(sources, targets, **stop, **chosen)
            rest = {name: value for name, value in chosen.items() if name in ("after", "asset")}
            flow = case.max_flow(sources, targets, **stop, **rest) if found else None
        else:
            if no_stop:
                raise BadInput("--no-stop goes with --to", hint="the nearest service is where it stops")
            found, flow = case.to_nearest(sources, **chosen), None
        if as_json:
            listed = {"found": bool(found), "rows": records(found.to_pandas()), "recipe": found.recipe.digest}
            print_json(listed | ({} if flow is None else {"most": str(flow.amount)}))
            return
        print_text(found.sentence if isinstance(found, NoPath) else sentence_of(found))
        _print_rows(found)
        if flow is not None:
            print_text(sentence_of(flow))


def _print_rows(found: Any) -> None:
    """Print the steps of paths, or the branches that were reached."""
    frame = found.to_pandas()
    words = found.network.words
    rows = []
    for row in records(frame):
        row = {name: "" if cell is None else cell for name, cell in row.items()}
        row["amount"] = words(int(row["amount"]))
        rows.append([str(cell) for cell in row.values()])
    print_records("Steps" if found else "What was reached", [str(name) for name in frame.columns], rows)


@commands.command()
@case_argument
@click.argument("seeds", nargs=-1, required=True)
@click.option(
    "--target", "targets", multiple=True, required=True, metavar="ADDRESS", help="Where it may have come to."
)
@_no_stop_option
@_asset_option
@read_only_option
@json_option
def bounds(
    as_json: bool,
    read_only: bool,
    case_file: pathlib.Path,
    seeds: tuple[str, ...],
    targets: tuple[str, ...],
    no_stop: bool,
    asset: str | None,
) -> None:
    """Say the least and the most of SEEDS that can have reached an address, whatever the rule.

    An annex to a trace under one declared policy: it says how much the choice of the policy decides.
    """
    chosen: dict[str, Any] = {"stop": ()} if no_stop else {}
    if asset is not None:
        chosen["asset"] = asset
    with existing_case(case_file, read_only=read_only) as case:
        found = case.bounds(seeds, targets, **chosen)
        if as_json:
            print_json(
                {
                    "sentence": found.sentence,
                    **{name: str(getattr(found.limits, name)) for name in _LIMITS},
                    "open": str(found.open),
                    "is_agreed": found.is_agreed,
                    "policies": records(found.to_pandas()),
                    "recipe": found.recipe.digest,
                }
            )
            return
        print_table("What can have reached the target", ["", "amount"], found.rows)
        print_text(found.sentence)
