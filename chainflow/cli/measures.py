"""Commands about rules and how often they are wrong: rules, shapes, evaluate, calibrate."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from chainflow.cli.chosen import rule_option, rule_option_option, rules_chosen
from chainflow.cli.group import case_argument, commands, existing_case, json_option
from chainflow.console import print_json, print_section, print_table, print_text, records
from chainflow.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainflow.clustering import Calibration, ErrorFigure, Evaluation, Share

_LISTED = 10
"""Names of a list that are printed; --json prints all."""
_NOT_MEASURED = "not measured"
_EXACT = (
    "exact: the rule joins two forms of one key or script. That follows from the bytes, nothing is guessed, so "
    "there is nothing to be wrong so many times; who holds the key it does not say."
)


@commands.command()
@click.argument("name", required=False)
@json_option
def rules(as_json: bool, name: str | None) -> None:
    """List the clustering rules with what they rest on and how often each was wrong, or tell of one."""
    from chainflow.clustering import rule_sheet

    found = [row for row in rule_sheet() if name in (None, row["name"])]
    if not found:
        raise click.BadParameter(f"no rule {name!r}; `chainflow rules` lists them", param_hint="NAME")
    if as_json:
        print_json({"rules": found})
    elif name:
        print_section(name, "\n".join(f"{key}: {value}" for key, value in found[0].items() if value))
    else:
        _print_sheet([(row["name"], row["id"], row["kind"], row["error"]) for row in found])


def _print_sheet(rows: list[tuple[str, str, str, str]]) -> None:
    """Print the rules with one column per population: wrong / counted, or why there is none."""
    from chainflow.clustering import error_figures

    figures = {name: {f.population: f for f in error_figures(name) if f.of} for name, *_ in rows}
    populations = list(dict.fromkeys(place for found in figures.values() for place in found))
    header = ["rule", "id", "kind", *(f"wrong on {chr(65 + n)}" for n in range(len(populations)))]
    table = [
        (name, id_, kind, *(_share(figures[name].get(place), error) for place in populations))
        for name, id_, kind, error in rows
    ]
    print_table("Clustering rules: wrong / counted", header, table)
    named = "\n".join(f"{chr(65 + n)}: {place}" for n, place in enumerate(populations))
    print_section(
        "Where",
        f"{named}\n{_EXACT}\n`chainflow rules NAME` tells intervals, dates, and when a rule is known to fail.",
    )


def _share(figure: ErrorFigure | None, error: str) -> str:
    if figure is not None:
        return f"{figure.wrong:,} / {figure.of:,}"
    return "exact" if error.startswith("none") else _NOT_MEASURED


def _families(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a family that there is not; asked late, so that other commands need not load the patterns."""
    from chainflow.patterns import SHAPES

    return tuple(click.Choice(SHAPES).convert(name, option, context) for name in names)


@commands.command()
@case_argument
@click.option("--family", multiple=True, callback=_families, help="Only these families (repeat it).")
@json_option
def shapes(as_json: bool, case_file: pathlib.Path, family: tuple[str, ...]) -> None:
    """Name transactions by shape: CoinJoins by family, Tx0, PayJoin suspects, consolidations, payouts."""
    from chainflow.patterns import shapes as find

    with existing_case(case_file, read_only=True) as case:
        table = find(case.ledger).to_pandas()
        table = table[table["family"].isin(list(family))] if family else table
        if as_json:
            print_json({"shapes": records(table)})
            return
        print_text("A family is a shape: it does not say who took part or why.")
        rows = table[["txid", "family", "ambiguous", "reasons"]].astype(str).values.tolist()
        print_table("Named shapes", ["txid", "family", "ambiguous", "reasons"], rows)


@commands.command()
@case_argument
@click.option(
    "--truth",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="CSV with the columns address and owner (and role), or JSON.",
)
@click.option("--population", default="", help="Where the truth is from; by default the file's name.")
@click.option("--date", default="", help="When it held, ISO 8601; it is never taken from the clock.")
@click.option("--lower-bound", is_flag=True, help="Exact links and uncontested common spending only.")
@rule_option
@rule_option_option
@json_option
def evaluate(
    as_json: bool,
    case_file: pathlib.Path,
    truth: pathlib.Path,
    population: str,
    date: str,
    lower_bound: bool,
    rules: tuple[str, ...],
    rule_options: tuple[str, ...],
) -> None:
    """Compare the clustering with a known truth: precision, recall, money flow, roles, with intervals."""
    from chainflow.clustering import Truth
    from chainflow.clustering import evaluate as compare

    with existing_case(case_file, read_only=True) as case:
        owners = case.cluster(rules_chosen(case, rules, rule_options, tags=case.tags))
        known = Truth.read(truth, population=population, date=date)
        found = compare(owners.lower_bound if lower_bound else owners, known)
        if as_json:
            lists = {name: getattr(found, name) for name in ("unknown", "merged", "split", "without_truth")}
            print_json({"figures": records(found.to_pandas()), **lists})
        else:
            _print_evaluation(found)


def _print_evaluation(found: Evaluation) -> None:
    first = found.figures[0]
    rows = [_figure(share) for share in (*found.figures, *found.by_role)]
    print_table(
        "Against the truth", ["figure", "value right", "value counted", "of what", "share", "95 %"], rows
    )
    print_text(f"Population: {first.population}. Date: {first.date or 'none is stated'}.")
    print_text(
        f"{counted(len(found.unknown), 'address')} of the truth file {_are(len(found.unknown))} not in this "
        f"ledger{_listed(found.unknown)}"
    )
    print_text(f"Of {found.without_truth:,} addresses and scripts of the ledger the truth file says nothing.")
    print_text(
        f"{counted(len(found.merged), 'cluster')} {_hold(len(found.merged))} addresses of several owners"
        + _listed([f"{name} ({', '.join(owners)})" for name, owners in found.merged])
    )
    print_text(
        f"{counted(len(found.split), 'owner')} {_are(len(found.split))} split over several clusters"
        + _listed([f"{owner} ({len(clusters):,} clusters)" for owner, clusters in found.split])
    )


def _figure(share: Share) -> tuple[str, ...]:
    """Return a figure for people: what is not measured, and what has no interval, in words."""
    counts = (share.name, f"{share.right:,}", f"{share.of:,}", share.unit)
    if share.value is None:
        return (*counts, _NOT_MEASURED, _NOT_MEASURED)
    if share.interval is None:
        return (*counts, f"{share.value:.2%}", "no interval: amounts are no draws")
    low, high = share.interval
    return (*counts, f"{share.value:.2%}", f"{low:.2%} to {high:.2%}")


def _listed(names: Sequence[str]) -> str:
    """Return the end of a sentence that lists the first names, and says how many more there are."""
    if not names:
        return "."
    more = len(names) - _LISTED
    return f": {'; '.join(names[:_LISTED])}" + (
        f"; and {more:,} more (--json lists all)." if more > 0 else "."
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _hold(count: int) -> str:
    return "holds" if count == 1 else "hold"


@commands.command()
@case_argument
@json_option
def calibrate(as_json: bool, case_file: pathlib.Path) -> None:
    """Count how often each change rule is wrong on change that this case itself revealed later."""
    from chainflow.clustering import calibrate as count

    with existing_case(case_file, read_only=True) as case:
        found = count(case.ledger)
        if as_json:
            print_json({"revealed": found.revealed.num_rows, "figures": records(found.to_pandas())})
            return
        print_text(f"Counted: {found.population}.")
        if not found.revealed.num_rows:
            print_text(
                "Nothing can be measured here: no change was joined to its sender later. That is no figure of 0."
            )
            return
        header = ["rule", "wrong / called", "95 %", "silent / counted"]
        print_table("On this case's own change", header, _calls(found))


def _calls(found: Calibration) -> list[tuple[str, str, str, str]]:
    """Return each rule with how often it was wrong, and how often it said nothing."""
    figures = {figure.rule: figure for figure in found.figures}
    rows = []
    for one in found.calls:
        called = one.right + one.wrong
        low, high = figures[one.rule].interval
        silent = f"{one.silent:,} / {called + one.silent:,}"
        shares = (f"{one.wrong:,} / {called:,}", f"{low:.1%} to {high:.1%}")
        rows.append((one.rule, *(shares if called else (_NOT_MEASURED, _NOT_MEASURED)), silent))
    for rule, _ in found.unmeasured:
        why = f"{_NOT_MEASURED}: {found.why_not[rule]}" if rule in found.why_not else _NOT_MEASURED
        rows.append((rule, why, _NOT_MEASURED, _NOT_MEASURED))
    return rows
