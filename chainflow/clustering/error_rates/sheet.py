"""The error sheet: every rule with its source, when it is wrong, and how often it was wrong where counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from chainflow.clustering.error_rates.figure import NO_GUESS, NOT_MEASURED, ErrorFigure
from chainflow.clustering.error_rates.measured import error_figures, figures_of
from chainflow.clustering.rules import Heuristic, Kind, about, installed

__all__ = ["rule_sheet"]

_COLUMNS = (
    *("name", "version", "id", "kind", "parameters", "veto", "title", "source", "active_from"),
    *("wrong_when", "error", "page"),
)


def rule_sheet(
    rules: Iterable[Heuristic] | None = None,
    *,
    measured: Sequence[ErrorFigure] = (),
    veto: str = "default",
) -> list[dict[str, str]]:
    """Return one row per rule, in words.

    Parameters
    ----------
    rules : iterable of Heuristic, optional
        By default all that are installed, by name; one that cannot be loaded has a row that says why.
    measured : sequence of ErrorFigure
        What was counted on a case of one's own (`calibrate`); it stands before what was shipped.
    veto : str
        Under which veto they are used: `default`, `none` or `given`; figures of another are left out.

    Returns
    -------
    list of dict
        `name`, `version`, `id`, `kind`, `parameters`, `veto`, `title`, `source`, `active_from`,
        `wrong_when`, `error`, `page`.

    Examples
    --------
    >>> next(row["kind"] for row in rule_sheet() if row["name"] == "multi-input")
    'co-spend'
    """
    if rules is not None:
        return [_row(rule, measured, veto) for rule in rules]
    known = installed()
    # the class of a rule that needs parameters says as much of it as an object would
    rules_known = (*known.rules, *cast("Iterable[Heuristic]", known.untold.values()))
    rows = [_row(rule, measured, veto) for rule in rules_known]
    rows += [_unusable(name, why, veto) for name, why in known.unusable.items()]
    return sorted(rows, key=lambda row: row["name"])


def _unusable(name: str, why: str, veto: str) -> dict[str, str]:
    """Return the row of a plug-in that cannot be loaded: of it nothing is known."""
    known = {"name": name, "veto": veto, "title": f"Cannot be used: {why}", "error": NOT_MEASURED}
    return {**dict.fromkeys(_COLUMNS, ""), **known}


def _row(rule: Heuristic, measured: Sequence[ErrorFigure], veto: str) -> dict[str, str]:
    said = about(rule)
    own = [figure for figure in measured if figure.rule == rule.name]
    is_class = isinstance(rule, type)
    shipped = error_figures(rule.name, rule.version) if is_class else figures_of(rule, veto)
    texts = [figure.text for figure in (*own, *shipped)]
    since = ", ".join(f"{chain} {height:,}" for chain, height in sorted(said.active_from.items()))
    return {
        "name": rule.name,
        "version": rule.version,
        "id": said.id,
        "kind": str(said.kind),
        "parameters": "" if is_class else ", ".join(f"{k}={v}" for k, v in rule.parameters.items()),
        "veto": veto,
        "title": said.title,
        "source": said.source,
        "active_from": since or "the first block",
        "wrong_when": "; ".join(said.wrong_when),
        "error": NO_GUESS if said.kind is Kind.EXACT else "; ".join(texts) or NOT_MEASURED,
        "page": f"docs/rules/{rule.name}.md",
    }
