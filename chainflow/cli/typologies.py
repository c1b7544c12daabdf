"""Commands that look for shapes of payments: patterns of several transactions, and red-flag indicators."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import click

from chainflow.cli.group import (
    case_argument,
    commands,
    existing_case,
    json_option,
    read_only_option,
    top_option,
)
from chainflow.console import print_json, print_records, print_text, records
from chainflow.units import format_time

if TYPE_CHECKING:
    from chainflow.typologies import Findings

_NEEDED = {
    "needs threshold=": "needs --threshold BASE_UNITS",
    "needs exchanges=": "needs tags of the category exchange: chainflow tags add CASE FILE",
}
"""What a pattern lacks, in the words of the shell."""


@commands.command()
@case_argument
@click.option("--kind", "kinds", multiple=True, help="Only this pattern; repeat it. Default: all.")
@click.option("--threshold", help="What structuring stays under, in base units.")
@top_option(25, "How many hits to list.")
@read_only_option
@json_option
def patterns(
    as_json: bool,
    read_only: bool,
    case_file: pathlib.Path,
    kinds: tuple[str, ...],
    threshold: str | None,
    top: int,
) -> None:
    """List patterns of several transactions: peel chains, fans, cycles, layers and others.

    Shapes of payments with their base rate in ordinary traffic. A hit names no purpose and no crime.
    """
    from chainflow.typologies import KINDS

    with existing_case(case_file, read_only=read_only) as case:
        options: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
        exchanges = sorted(case.tags.of("exchange").addresses)
        if exchanges:
            options["exchanges"] = exchanges
        found = case.patterns(kinds or KINDS, **options)
    if as_json:
        print_json(
            {
                "hits": [hit.as_dict() for hit in found],
                "counts": found.counts,
                "not_looked_for": dict(found.not_looked_for),
                "cut": dict(found.cut),
                "left_out": dict(found.left_out),
                "recipe": found.recipe.digest,
            }
        )
        return
    rows = [
        (hit.kind, format_time(hit.first_time), hit.reading, "; ".join(hit.against), hit.base_rate)
        for hit in found.hits[:top]
    ]
    names = ["pattern", "from", "what the chain shows", "what speaks against", "base rate"]
    print_records(f"Patterns ({len(rows):,} of {len(found):,})", names, rows)
    _say_left_out(found)


def _say_left_out(found: Findings) -> None:
    """Print what was not looked for, or not all, and what a pattern is not."""
    for kind, why in found.not_looked_for.items():
        print_text(f"Not looked for: {kind} {_NEEDED.get(why, why)}")
    for why, count in {**found.cut, **found.left_out}.items():
        print_text(f"Cut or left out: {why} ({count:,})")
    print_text("A pattern is a shape of payments: it names no purpose and proves nothing.")


@commands.command()
@case_argument
@click.argument("address")
@read_only_option
@json_option
def indicators(as_json: bool, read_only: bool, case_file: pathlib.Path, address: str) -> None:
    """List which red flags of FATF and Egmont the evidence shows of ADDRESS; never a score."""
    with existing_case(case_file, read_only=read_only) as case:
        found = case.indicators(address)
    if as_json:
        print_json(
            {"subject": found.subject, "rows": records(found.to_pandas()), "recipe": found.recipe.digest}
        )
        return
    rows = [
        (
            row.title,
            str(row.state),
            " ".join(one.reading for one in row.shown),
            "; ".join(row.missing),
            "; ".join(row.sources),
            row.base_rate,
        )
        for row in found
    ]
    names = ["indicator", "state", "evidence", "not at hand", "listed by", "base rate"]
    print_records(f"Indicators of {found.subject}", names, rows)
    print_text("A single indicator proves nothing; they are not added up.")
