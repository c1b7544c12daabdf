"""The command that screens a list of addresses: screen."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import click

from chainflow.cli.group import case_argument, commands, existing_case, json_option
from chainflow.console import print_json, print_section, print_table, print_text
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.attribution import Screening

_LISTED = 20
"""Rows of a table that are printed; the file has all."""


@commands.command()
@case_argument
@click.argument("addresses", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option(
    "-o",
    "--out",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="The CSV file to write; beside it OUT.json says what it was made from.",
)
@click.option("--as-of", metavar="DATE", help="Was it on the list on that day (2022-04-05)?")
@click.option("--policy", default="haircut", show_default=True, help="The rule of exposure: fifo, haircut, …")
@click.option("--max-hops", type=int, help="Look no further than so many transactions.")
@click.option("--clusters", is_flag=True, help="Let each address stand for its whole cluster.")
@json_option
def screen(
    as_json: bool,
    case_file: pathlib.Path,
    addresses: pathlib.Path,
    target: pathlib.Path,
    clusters: bool,
    **options: Any,
) -> None:
    """Say of each address in a CSV file what the case's evidence and tags tell: tags, sanctions, exposure.

    ADDRESSES has a column called address, or addresses in its first column. Nobody is asked: addresses that are
    not in evidence are named. A run that was stopped goes on where it stopped when it is run again.
    """
    from chainflow.attribution import screen_file
    from chainflow.progress import watched

    with existing_case(case_file, read_only=True) as case, watched("Screening") as progress:
        owners = case.cluster() if clusters else None
        found = screen_file(
            case.ledger, addresses, target, case.tags, owners=owners, progress=progress, **_given(options)
        )
    if as_json:
        print_json({"written": str(target), **_summary(found)})
    else:
        _say(found, target)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given: what was left out changes no recipe."""
    return {name: value for name, value in options.items() if value is not None}


def _summary(found: Screening) -> dict[str, Any]:
    frame = found.to_pandas()
    faulty = frame[frame["error"] != ""]
    return {
        "rows": len(found.rows),
        "as_of": None if found.as_of is None else found.as_of.isoformat(),
        "policy": found.policy,
        "lists": list(found.lists),
        "sanctioned": {str(answer): int(n) for answer, n in frame["sanctioned"].value_counts().items()},
        "not_in_evidence": frame.loc[frame["in_evidence"] == "no", "given"].tolist(),
        "faulty": faulty[["line", "given", "error"]].to_dict("records"),
        "recipe": found.recipe.digest,
        "digest": found.digest,
    }


def _say(found: Screening, target: pathlib.Path) -> None:
    """Print the rows that want a look; the file has every row."""
    told = _summary(found)
    frame = found.to_pandas()
    listed = frame[frame["sanctioned"].str.startswith(("listed", "holder"))]
    columns = ["line", "given", "sanctioned", "sanctioned_by"]
    if len(listed):
        rows = listed[columns].head(_LISTED).to_numpy().tolist()
        print_table(f"On a sanctions list ({len(rows)} of {len(listed):,})", columns, rows)
    if told["faulty"]:
        rows = [list(row.values()) for row in told["faulty"]]
        print_table("Rows with an error, all kept in the file", ["line", "given", "error"], rows)
    if told["not_in_evidence"]:
        absent = told["not_in_evidence"]
        more = f"\n… and {len(absent) - _LISTED:,} more" if len(absent) > _LISTED else ""
        title = f"Not in evidence at all ({len(absent):,}): nothing is known of what they received or sent"
        print_section(title, "\n".join(absent[:_LISTED]) + more)
    print_text(found.note)
    print_text(f"{counted(len(found.rows), 'row')} in {target}.")
