"""Commands that show what the evidence means: demo, draw, report."""

from __future__ import annotations

import pathlib
import sys

import click

from chainflow.cli.group import (
    case_argument,
    commands,
    existing_case,
    json_option,
    read_only_option,
)
from chainflow.console import print_json, print_section, print_text


@commands.command()
@click.option(
    "-o",
    "--out",
    "folder",
    default="chainflow-demo",
    show_default=True,
    type=click.Path(path_type=pathlib.Path),
    help="The folder to write into.",
)
@json_option
def demo(as_json: bool, folder: pathlib.Path) -> None:
    """Work through a published case, offline, from replies to a report.

    The Colonial Pipeline ransom of 2021. Starts a replay explorer on this machine, fetches the recorded case
    from it over HTTP, verifies every txid, clusters, traces forward and backward, and compares with the
    published and expected figures. Exits with 1 if one figure is not met.
    """
    from chainflow.demo import run

    result = run(folder, say=(lambda *_: None) if as_json else print_section)
    if as_json:
        print_json(result.as_dict())
    if not result.ok:
        sys.exit(1)


@commands.command()
@case_argument
@click.option(
    "-o",
    "--out",
    "target",
    required=True,
    type=click.Path(path_type=pathlib.Path),
    help="…html, …svg or …json",
)
@click.option(
    "--trace", "seed", multiple=True, metavar="SEED", help="Draw a trace from here instead of everything."
)
@click.option("--policy", default="fifo", show_default=True, help="The rule of the trace that is drawn.")
@click.option(
    "--direction",
    default="forward",
    show_default=True,
    type=click.Choice(["forward", "backward"]),
    help="Where it went, or where it came from.",
)
@click.option("--clusters", is_flag=True, help="One item per cluster instead of one per address.")
@read_only_option
def draw(
    read_only: bool,
    case_file: pathlib.Path,
    target: pathlib.Path,
    seed: tuple[str, ...],
    policy: str,
    direction: str,
    clusters: bool,
) -> None:
    """Draw a case, or one trace in it, as one file that opens offline."""
    with existing_case(case_file, read_only=read_only) as case:
        what = case.trace(seed, policy, direction=direction) if seed else None
        figure = case.draw(what, owners=case.cluster() if clusters else None)
        figure.save(target)
        print_text(figure.summary)
        print_text(f"Written: {target}")


@commands.command()
@case_argument
@click.option(
    "-o", "--out", "target", required=True, type=click.Path(path_type=pathlib.Path), help="The file to write."
)
@click.option("--title", default="", help="The heading of the page.")
@click.option("--question", default="", help="What the case is to answer; written into the case.")
@read_only_option
def report(read_only: bool, case_file: pathlib.Path, target: pathlib.Path, title: str, question: str) -> None:
    """Write the case as one HTML page that a third party can check.

    Evidence, coverage, clusters, traces and their balance, what is unknown, and how to check each figure.
    """
    with existing_case(case_file, read_only=read_only, question=question) as case:
        sha256 = case.report(target, title=title)
    print_text(f"Written: {target}\nsha256 {sha256}")
