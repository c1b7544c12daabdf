"""The shell commands that make a recorded trace again, with the files that it takes out of the case."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainflow.report.traces import Study
from chainflow.tags import Tags
from chainflow.tracing.stops import DEFAULT_TXS

__all__ = ["trace_commands"]


def trace_commands(study: Study, case: str, tags: Tags, clusterings: Mapping[str, int]) -> Iterator[str]:
    """Yield the shell commands that make a trace again: first those that write the files which it reads.

    Parameters
    ----------
    case : str
        The case file's name, quoted for a shell.
    tags : Tags
        Those of the case today: without further words the shell stops at its services.
    clusterings : mapping of str to int
        Digest of the recipe of a clustering → its log entry.
    """
    recipe = study.trace.recipe
    chosen, seeds = recipe.parameters, recipe.parameters["seeds"]
    owners = clusterings.get(recipe.inputs[1]) if len(recipe.inputs) > 1 else None
    if any(":=" in one for one in seeds) or ("max_cluster" in chosen and owners is None):
        yield f"# step {study.step}: a label with := or a clustering that is not in this log cannot be said in a shell;"
        yield f"# in Python: by the parameters of log entry {study.step}"
        return
    if isinstance(chosen["stop"], str) and chosen["stop"] != tags.services.digest:
        yield _written(case, study.step, 1, _file(study, "tags"))
    if "conversions" in chosen:
        yield _written(case, study.step, 1 + isinstance(chosen["stop"], str), _file(study, "conversions"))
    words = [*_seeds(seeds), *_words(study, tags)]
    words += (
        [] if owners is None else ["--max-cluster", str(chosen["max_cluster"]), "--clustering", str(owners)]
    )
    yield f"chainflow trace --read-only {case} {shlex.join(words)}"


def _file(study: Study, what: str) -> str:
    return f"{what}-of-step-{study.step}.json"


def _written(case: str, step: int, body: int, file: str) -> str:
    return f"chainflow evidence {case} --raw {step} --body {body} -o {file}"


def _seeds(seeds: Mapping[str, Sequence[str]] | Sequence[str]) -> list[str]:
    if isinstance(seeds, Mapping):
        return [f"{label}:={claim}" for label, claims in seeds.items() for claim in claims]
    return list(seeds)


def _words(study: Study, tags: Tags) -> Iterator[str]:
    """Yield the options of a trace, those left out that are the shell's own."""
    chosen = study.trace.recipe.parameters
    yield from ("--policy", study.trace.policy, "--direction", study.trace.direction)
    yield from _stop_words(study, tags)
    yield from _listed_words(chosen, "coinjoins", "--coinjoin", "--no-coinjoins")
    yield from _listed_words(chosen, "contracts", "--contract", "--no-contracts")
    limits = (
        ("max_hops", "--max-hops", None),
        ("max_txs", "--max-txs", DEFAULT_TXS),
        ("dust_sat", "--dust", 0),
    )
    for name, option, default in (
        *limits,
        ("min_purity_ppm", "--min-purity", None),
        ("chain", "--chain", None),
    ):
        if chosen.get(name, default) != default:
            yield from (option, str(chosen[name]))
    if "within" in chosen:
        yield from ("--within", f"{chosen['within']}s")
    for name, option in (("targets", "--target"), ("asset", "--asset")):
        for one in chosen.get(name, ()):
            yield from (option, one)
    if "conversions" in chosen:
        yield from ("--conversions", _file(study, "conversions"))


def _stop_words(study: Study, tags: Tags) -> Iterator[str]:
    stop = study.trace.recipe.parameters["stop"]
    if isinstance(stop, str):
        yield from () if stop == tags.services.digest else ("--stop-tags", _file(study, "tags"))
    elif not stop:
        yield "--no-stop"
    else:
        for one in stop:
            yield from ("--stop-at", one)


def _listed_words(chosen: Mapping[str, Any], name: str, option: str, none: str) -> Iterator[str]:
    """Yield what ends a trace where a list was given: nothing at all is a choice, too."""
    listed = chosen.get(name)
    if listed is not None and not listed:
        yield none
    for one in listed or ():
        yield from (option, one)
