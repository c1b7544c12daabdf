"""The error figures of the rules on the truth that comes with chainflow, read from `measured.json`.

No figure there is typed: `python -m chainflow.clustering.error_rates.measuring` counts and writes them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from chainflow.clustering.error_rates.figure import NOT_MEASURED, ErrorFigure
from chainflow.clustering.rules import Heuristic, Kind, about
from chainflow.errors import BadInput

__all__ = ["FILE", "WITHOUT_VETO", "counts_of", "error_figures", "figures_in", "figures_of"]

FILE = Path(__file__).with_name("measured.json")
"""The figures that this version comes with."""
WITHOUT_VETO = "{} without veto"
"""The name of a rule's figures that were counted with no CoinJoin left out."""


def error_figures(rule: str, version: str = "") -> tuple[ErrorFigure, ...]:
    """Return what was measured of a rule with its default parameters; empty: not measured.

    One figure per population; its `of` is 0 where the rule made no link there that could be judged.

    Parameters
    ----------
    rule : str
        Its name; `multi-input without veto` for common input with no CoinJoin left out.
    version : str
        Figures of another version of the rule are left out; "" takes any.

    Examples
    --------
    >>> error_figures("deposit-reuse")[0].text
    'not measured on shipped truth, which has no account chain'
    >>> error_figures("nobody's rule")
    ()
    """
    return tuple(one for one in _shipped() if one.rule == rule and version in ("", one.version))


def figures_of(rule: Heuristic, veto: str) -> tuple[ErrorFigure, ...]:
    """Return what was measured of a rule as it is used: a figure of other parameters or vetoes is none.

    Parameters
    ----------
    veto : str
        `default`, `none` or `given`; see `Terms.veto_kind`. Exact and account rules are never vetoed.
    """
    kind = about(rule).kind
    if dict(rule.parameters) != _defaults(type(rule)):
        return ()
    if veto == "default" or kind in (Kind.EXACT, Kind.ACCOUNT):
        return error_figures(rule.name, rule.version)
    return error_figures(WITHOUT_VETO.format(rule.name), rule.version) if veto == "none" else ()


def counts_of(kind: Kind, figures: Iterable[ErrorFigure]) -> str:
    """Return the figures of a link as wrong/counted, population by population, or what stands in their place.

    Examples
    --------
    >>> counts_of(Kind.CHANGE, ())
    'not measured'
    """
    if kind in (Kind.EXACT, Kind.ASSERTED):
        return str(kind)
    return ", ".join(f"{one.wrong:,}/{one.of:,}" for one in figures if one.of) or NOT_MEASURED


def _defaults(made: type[Heuristic]) -> dict[str, object] | None:
    """Return the parameters of a rule made without any; `None` where it needs some."""
    try:
        return dict(made().parameters)
    except (TypeError, BadInput):  # an account rule must be told of exchanges or pools
        return None


@cache
def _shipped() -> tuple[ErrorFigure, ...]:
    return figures_in(FILE.read_text(encoding="utf-8"))


def figures_in(text: str) -> tuple[ErrorFigure, ...]:
    """Return the figures of a file that `measuring` wrote."""
    found = json.loads(text)
    where = {one["population"]: (one["date"], one["reference"]) for one in found["populations"]}
    return tuple(
        ErrorFigure(
            one["rule"],
            one["version"],
            one["wrong"],
            one["of"],
            one["unit"],
            one["population"],
            *where[one["population"]],
            "shipped",
        )
        for one in found["figures"]
    )
