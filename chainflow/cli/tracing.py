"""The command that follows value: trace, with its closing balance and its explanations."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chainflow.cli.group import (
    case_argument,
    chain_option,
    commands,
    existing_case,
    json_option,
    proxy_option,
    rates_option,
    read_only_option,
    refuse_asset,
    seeds_argument,
    source_option,
    top_option,
)
from chainflow.cli.traced import print_trace
from chainflow.console import print_json, records
from chainflow.errors import BadInput
from chainflow.networks import is_account_chain

if TYPE_CHECKING:
    import pandas as pd

    from chainflow.case import Case
    from chainflow.clustering import Clustering
    from chainflow.tracing import Trace
    from chainflow.tracing.explained import Explained

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]+)([smhd])")


class Duration(click.ParamType[int]):
    """A span of time as a person writes it: 90m, 36h, 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return it in seconds."""
        if isinstance(value, int):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no span of time: write 90m, 36h or 30d", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


@commands.command()
@case_argument
@seeds_argument
@click.option(
    "--policy",
    default="fifo",
    show_default=True,
    help="Declared before the run. Outputs: fifo, lifo, haircut, poison, tiho, tilo, seniority. Accounts: fifo, "
    "lifo, haircut, poison, dirty-first, clean-first, libr. Or a plug-in's.",
)
@click.option(
    "--direction",
    default="forward",
    show_default=True,
    type=click.Choice(["forward", "backward"]),
    help="Where it went, or where it came from.",
)
@click.option(
    "--stop", multiple=True, metavar="CATEGORY", help="End at addresses tagged so; default: services."
)
@click.option(
    "--stop-at", multiple=True, metavar="ADDRESS", help="End at these addresses instead; repeat it."
)
@click.option(
    "--stop-tags",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="End at the tags in this file instead, as `evidence --raw NUMBER --body 1` writes it.",
)
@click.option("--no-stop", is_flag=True, help="Walk through services too.")
@click.option("--coinjoin", "coinjoins", multiple=True, metavar="TXID", help="End at these CoinJoins only.")
@click.option("--no-coinjoins", is_flag=True, help="Walk through CoinJoins too.")
@click.option(
    "--contract", "contracts", multiple=True, metavar="ADDRESS", help="End at these contracts only."
)
@click.option("--no-contracts", is_flag=True, help="Walk through contracts too.")
@click.option("--max-cluster", type=int, help="End at clusters of more addresses than that.")
@click.option(
    "--clustering",
    type=int,
    metavar="NUMBER",
    help="With --max-cluster: that of this log entry; default: `cluster`.",
)
@click.option(
    "--target", "targets", multiple=True, metavar="ADDRESS", help="What comes here ends as reached."
)
@click.option("--asset", multiple=True, help="Of accounts: only this contract, or native; repeat it.")
@click.option(
    "--conversions",
    "conversions_file",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="Swaps, bridges and wrapped tokens that you state: a CSV or JSON file.",
)
@click.option("--max-hops", type=int, help="End after so many transactions on a path.")
@click.option("--max-txs", type=int, help="Walk through so many transactions, the largest amounts first.")
@click.option(
    "--dust", "dust_sat", default=0, show_default=True, help="End branches below this many base units."
)
@click.option(
    "--min-purity", "min_purity_ppm", type=int, help="End below so many parts per million of a value."
)
@click.option("--within", type=Duration(), help="End this long after the first seed: 90m, 36h, 30d.")
@click.option(
    "--fetch", is_flag=True, help="Ask the case's source for what the trace lacks, the largest first."
)
@click.option("--budget", type=int, help="With --fetch: the most requests.")
@source_option
@proxy_option
@rates_option
@chain_option
@click.option(
    "--explain", "places", multiple=True, metavar="PLACE", help="Say how it came to txid:vout or an account."
)
@top_option(25, "How many ends to list.")
@read_only_option
@json_option
@click.pass_context
def trace(
    context: click.Context,
    /,
    as_json: bool,
    read_only: bool,
    case_file: pathlib.Path,
    seeds: tuple[str, ...],
    policy: str,
    places: tuple[str, ...],
    top: int,
    **options: Any,
) -> None:
    """Follow the value of SEEDS under one declared rule; the closing balance accounts for every base unit.

    A seed is an address, a txid, txid:vout, or a transfer txid:log:12; SEED=BASE_UNITS claims a part of it, and
    LABEL:=SEED puts it under a label of yours.
    """
    wanted, asking = _labelled(seeds), _asking(options)
    with existing_case(case_file, read_only=read_only, **asking.opened) as case:
        refuse_asset(case.ledger, options["asset"])
        chosen = _chosen(case, options) | asking.given
        trail = case.trace(wanted, policy, **chosen)
        ways = [trail.explain(place) for place in places]
        if as_json:
            print_json(_as_dict(case, trail, ways))
            return
        is_default = context.get_parameter_source("policy") is click.core.ParameterSource.DEFAULT
        print_trace(case, trail, ways, top=top, is_default=is_default)


class _Asking(NamedTuple):
    """How a case is opened, and what is passed on, for a trace that asks or does not ask."""

    opened: dict[str, Any]
    given: dict[str, Any]


def _asking(options: dict[str, Any]) -> _Asking:
    """Take out of the options what is about asking.

    Raises
    ------
    BadInput
        If one is given without --fetch: it would do nothing.
    """
    is_asking, budget = options.pop("fetch"), options.pop("budget")
    source, proxy, rates = (options.pop(name) for name in ("source", "proxy", "rates"))
    for name, value in (("--budget", budget), ("--source", source or None)):
        if not is_asking and value is not None:
            raise BadInput(f"{name} goes with --fetch", hint="without it nothing is asked")
    if not is_asking:
        return _Asking({}, {})
    opened = {"source": list(source) or None, "proxy": proxy, "rates": rates}
    opened |= {"chain": options["chain"]} if source else {}
    return _Asking(opened, {"fetch": True} | ({} if budget is None else {"budget": budget}))


def _chosen(case: Case, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a trace as `case.trace` takes them; what was not given is left out."""
    from chainflow.tracing.conversions import Conversions

    given = dict(options)
    chosen: dict[str, Any] = {"stop": _stop(case, given)}
    for name in ("coinjoins", "contracts"):
        if given.pop(f"no_{name}"):
            if given[name]:
                raise BadInput(f"--no-{name} and --{name[:-1]} exclude each other", hint="give one of them")
            chosen[name] = ()
    clustering = given.pop("clustering")
    if given["max_cluster"] is not None:
        chosen["owners"] = _owners(case, clustering)
    elif clustering is not None:
        raise BadInput("--clustering goes with --max-cluster", hint="say how large a cluster may be")
    file = given.pop("conversions_file")
    if file is not None:
        chosen["conversions"] = Conversions.read(file, strict=True)
    return {name: value for name, value in given.items() if value not in (None, ())} | chosen


def _stop(case: Case, given: dict[str, Any]) -> Any:
    """Return where a trace is to stop; `None`: at the case's services."""
    from chainflow.tags import Tags

    categories, places, file = (given.pop(name) for name in ("stop", "stop_at", "stop_tags"))
    is_none = given.pop("no_stop")
    if sum(map(bool, (categories, places, file, is_none))) > 1:
        raise BadInput("where to stop is said twice", hint="--stop, --stop-at, --stop-tags or --no-stop")
    if file is not None:
        try:
            return Tags.from_json(file.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{file} holds no tags as a case keeps them", hint="see --stop-tags") from None
    return () if is_none else [*places] if places else case.tags.of(*categories) if categories else None


def _owners(case: Case, step: int | None) -> Clustering:
    """Return the clustering of a log entry, or the case's own by default."""
    from chainflow.replay import clustering_at

    return case.cluster() if step is None else clustering_at(case.log, case.ledger, step)


def _labelled(seeds: Sequence[str]) -> Any:
    """Return seeds as `trace` takes them: with labels where one of them has one.

    Raises
    ------
    BadInput
        If a label is empty, or nothing is claimed of a seed.
    """
    for seed in seeds:
        if seed.startswith(":="):
            raise BadInput(f"no label before {seed}", hint="write LABEL:=SEED, or the seed alone")
        place, _, digits = seed.rpartition(":=")[2].partition("=")
        if digits.isdigit() and not int(digits):
            raise BadInput(f"nothing is claimed of {place}: {digits[:20]}", hint="claim 1 base unit or more")
    if not any(":=" in seed for seed in seeds):
        return seeds
    found: dict[str, list[str]] = {}
    for seed in seeds:
        label, is_labelled, where = seed.partition(":=")
        found.setdefault(label, []).append(where if is_labelled else label)
    return found


def _as_dict(case: Case, trail: Trace, ways: Sequence[Explained]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "policy": trail.policy,
        "direction": trail.direction,
        "seeds": list(trail.seeds),
        "recipe": trail.recipe.digest,
        "digest": trail.digest,
        **_leg_as_dict(trail),
        "exposure": _exact(case.exposure(trail).to_pandas()),
        "explained": {way.place: list(way.sentences) for way in ways},
    }
    if not is_account_chain(trail.chain):
        found |= {"seed_sat": trail.seed_sat, "balance": trail.balance}
    if trail.legs:
        found["legs"] = [{"chain": leg.chain, **_leg_as_dict(leg)} for leg in trail.legs]
    return found


def _leg_as_dict(leg: Trace) -> dict[str, Any]:
    """Return what a trace found on one chain."""
    found = {"closing": _exact(leg.closing().to_pandas()), "ends": _exact(leg.ends)}
    openings = getattr(leg, "openings", None)
    return found if openings is None else found | {"openings": _exact(openings)}


def _exact(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON readers keep them: amounts in `…_raw` as text, for many round beyond 2**53."""
    return [
        {name: str(cell) if name.endswith("_raw") else cell for name, cell in row.items()}
        for row in records(frame)
    ]
