"""Commands about who belongs together: cluster, decide."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import click

from chainflow.cli.chosen import rule_option, rule_option_option, rules_chosen
from chainflow.cli.group import (
    case_argument,
    commands,
    existing_case,
    json_option,
    read_only_option,
    top_option,
)
from chainflow.console import print_json, print_section, print_table, print_text, records, sentence_of

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.clustering import Clustering, Explanation

_QUESTIONS = ("explain", "why_not", "survives", "bridges", "growth", "since")


@commands.command()
@case_argument
@rule_option
@rule_option_option
@click.option("--explain", nargs=2, metavar="A B", help="Why these two are together; the report prints it.")
@click.option("--why-not", nargs=2, metavar="A B", help="Why these two addresses are apart.")
@click.option("--picture", type=click.Path(path_type=pathlib.Path), help="With --explain: write it as SVG.")
@click.option("--survives", nargs=2, metavar="A B", help="Does it hold with each rule off?")
@click.option("--bridges", metavar="CLUSTER_OR_ADDRESS", help="What alone holds this cluster together.")
@click.option(
    "--growth", is_flag=True, help="The unions that made the clusters, those of two large parts first."
)
@click.option("--since", type=int, metavar="HEIGHT", help="What has changed since this block.")
@click.option(
    "--lower-bound", is_flag=True, help="Exact links and common spending only, contestable ones left out."
)
@click.option("--as-of", type=int, metavar="HEIGHT", help="What could be known at this block.")
@click.option(
    "--quarantine",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Hold back what alone joins two parts of so many addresses; 0: never.",
)
@click.option("--no-veto", is_flag=True, help="Let CoinJoins link too: shows what the veto prevents.")
@click.option("--no-tags", is_flag=True, help="Do not keep addresses of different actors apart.")
@click.option(
    "--min-confidence",
    type=click.IntRange(0, 100),
    default=50,
    show_default=True,
    help="Tags below this confidence keep nothing apart.",
)
@click.option("--known-payments", is_flag=True, help="Keep payees apart from the payer, for change links.")
@top_option(20, "How many rows to list.")
@read_only_option
@json_option
def cluster(
    as_json: bool,
    read_only: bool,
    case_file: pathlib.Path,
    picture: pathlib.Path | None,
    top: int,
    **asked: Any,
) -> None:
    """Group addresses by owner under declared rules; explain a pair."""
    questions = {name: asked[name] for name in _QUESTIONS if asked[name] not in (None, False)}
    if len(questions) > 1:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in questions)
        raise click.UsageError(f"one question at a time, not {named}")
    if picture is not None and "explain" not in questions:
        raise click.UsageError("--picture draws an explanation: give --explain A B too")
    with existing_case(case_file, read_only=read_only) as case:
        whole = _clustered(case, asked)
        owners = _part(whole, asked, as_of=asked["as_of"])
        if "explain" in questions:
            pair = asked["explain"]
            why = case.explain(*pair, owners=whole) if owners is whole else owners.explain(*pair)
            _explain(why, picture, as_json=as_json)
        elif "since" in questions:
            _since(_part(whole, asked, as_of=asked["since"]), owners, top, as_json=as_json)
        else:
            _answer(owners, questions, top, as_json=as_json)


def _answer(owners: Clustering, questions: dict[str, Any], top: int, *, as_json: bool) -> None:
    """Answer the one question about a clustering that was asked, or list its clusters."""
    if "why_not" in questions:
        _why_not(owners, questions["why_not"], as_json=as_json)
    elif "survives" in questions:
        _survives(owners, questions["survives"], as_json=as_json)
    elif "bridges" in questions:
        _bridges(owners, questions["bridges"], top, as_json=as_json)
    elif "growth" in questions:
        _growth(owners, top, as_json=as_json)
    else:
        _list(owners, top, as_json=as_json)


def _clustered(case: Case, asked: dict[str, Any]) -> Clustering:
    """Return the clustering that options declare."""
    tags = None if asked["no_tags"] else case.tags
    return case.cluster(
        rules_chosen(case, asked["rules"], asked["rule_options"], tags=tags),
        veto=() if asked["no_veto"] else None,
        tags=tags,
        min_confidence=asked["min_confidence"],
        known_payments=asked["known_payments"],
        quarantine=asked["quarantine"] or None,
    )


def _part(owners: Clustering, asked: dict[str, Any], *, as_of: int | None) -> Clustering:
    """Return what could be known at a block, and the lower bound of it, where options ask for them."""
    owners = owners if as_of is None else owners.as_of(as_of)
    return owners.lower_bound if asked["lower_bound"] else owners


def _explain(why: Explanation, picture: pathlib.Path | None, *, as_json: bool) -> None:
    if picture is not None:
        from chainflow.figures import draw

        draw(why).save(picture)
    sentences = list(dict.fromkeys(one.sentence for one in why.what_if()))
    if as_json:
        links = records(why.to_pandas())
        print_json({"joined": why.joined, "sentence": why.sentence, "links": links, "what_if": sentences})
        return
    print_section("Why", why.sentence)
    if sentences:
        print_section("What if", "\n".join(sentences))


def _why_not(owners: Clustering, pair: tuple[str, str], *, as_json: bool) -> None:
    apart = owners.why_not(*pair)
    if as_json:
        print_json({"joined": False, "sentence": apart.sentence, "refused": records(apart.to_pandas())})
    else:
        print_section("Why not", apart.sentence)


def _survives(owners: Clustering, pair: tuple[str, str], *, as_json: bool) -> None:
    found = owners.survives({"the pair": pair})
    table, whole = found.to_pandas(), found.found["the pair"]
    if as_json:
        said = {"pair": list(pair), "found": whole, "sentence": found.sentence}
        print_json({**said, "without": records(table)})
        return
    print_section(f"Are {pair[0]} and {pair[1]} together?", f"With nothing left out: {whole}.")
    print_table("With one thing left out", list(table.columns), table.astype(str).values.tolist())
    print_text(found.sentence)


def _bridges(owners: Clustering, name: str, top: int, *, as_json: bool) -> None:
    found = owners.bridges(name)
    if as_json:
        rows = [{"txid": b.txid, "rule": b.rule, "parts": list(b.parts)} for b in found]
        print_json({"cluster": owners.of(name), "bridges": rows})
    elif not found:
        print_text(
            f"No transaction alone holds two parts of two or more addresses of {owners.of(name)} together."
        )
    else:
        title = f"Bridges of {owners.of(name)}, the largest first ({min(top, len(found))} of {len(found):,})"
        print_section(title, "\n".join(bridge.sentence for bridge in found[:top]))


def _growth(owners: Clustering, top: int, *, as_json: bool) -> None:
    rows = owners.growth.to_pylist()
    if as_json:
        print_json({"unions": rows})
        return
    # a large cluster gains single addresses all the time: what matters is the smaller side
    rows.sort(key=lambda row: sorted((-row["size_a"], -row["size_b"]), reverse=True))
    title = (
        f"Unions, those of two large parts first ({min(top, len(rows))} of {len(rows):,}); sizes before them"
    )
    header = ["txid", "rule", "a", "value size of a", "b", "value size of b"]
    cells = [[row[n] for n in ("txid", "rule", "a", "size_a", "b", "size_b")] for row in rows[:top]]
    print_table(title, header, [[cell or "a decision" for cell in row] for row in cells])


def _since(before: Clustering, owners: Clustering, top: int, *, as_json: bool) -> None:
    from chainflow.clustering import difference

    found = difference(before, owners)
    said = [change.sentence for change in found.changes]
    if as_json:
        print_json({"changes": said, "new": found.new, "gone": found.gone})
        return
    print_text(
        f"{len(found.merged):,} merged, {len(found.split):,} split; "
        f"addresses: {len(found.new):,} new, {len(found.gone):,} gone."
    )
    if said:
        title = f"Changes ({min(top, len(said))} of {len(said):,})"
        print_section(title, "\n".join(f"{one}." for one in said[:top]))


def _list(owners: Clustering, top: int, *, as_json: bool) -> None:
    sizes = [(name, int(size)) for name, size in owners.sizes.items()]
    alarms = [alarm.sentence for alarm in owners.alarms()]
    if as_json:
        counts = {"clusters": len(owners), "vetoed": len(owners.vetoed), "refused": owners.refused.num_rows}
        print_json({**counts, "sizes": dict(sizes), "alarms": alarms})
        return
    print_text(sentence_of(owners))
    several = [row for row in sizes if row[1] > 1]
    title = f"Clusters of two or more ({min(top, len(several))} of {len(several):,}; the others are single addresses)"
    print_table(title, ["cluster", "addresses"], several[:top])
    if alarms:
        print_section("Look at these first", "\n".join(alarms))


@commands.command()
@case_argument
@click.argument("verdict", type=click.Choice(["same", "different", "unsure"]))
@click.argument("a")
@click.argument("b")
@click.option("--because", required=True, help="Why; it is printed in every explanation that rests on it.")
@click.option("--who", default="", help="Who decides.")
def decide(case_file: pathlib.Path, verdict: str, a: str, b: str, because: str, who: str) -> None:
    """Write down that A and B have the same owner, different owners, or that it is unsure."""
    with existing_case(case_file) as case:
        decision = case.decide(verdict, a, b, because=because, who=who)
        print_text(f"{decision.verdict}: {decision.a} and {decision.b}, because: {decision.because}")
