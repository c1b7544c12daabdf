"""The clustering rules that options name, with their parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.clustering import Heuristic
    from chainflow.tags import Tags

__all__ = ["rule_option", "rule_option_option", "rules_chosen"]

rule_option = click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME",
    help="A rule to use (repeat it), see `rules`; its parameters as JSON after the name, or by --rule-option.",
)
rule_option_option = click.option(
    "--rule-option",
    "rule_options",
    multiple=True,
    metavar="RULE:NAME=VALUE",
    help="A parameter of a rule (repeat it): optimal-change:min_inputs=1; of one that takes names and values: "
    "deposit-reuse:exchanges.ADDRESS=NAME.",
)


def rules_chosen(
    case: Case, texts: tuple[str, ...], options: tuple[str, ...], *, tags: Tags | None
) -> list[str | Heuristic] | None:
    """Return the rules that options name, with their parameters; `None` for the default."""
    from chainflow.case.named import rule_named

    asked: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, _, parameters = text.partition(" ")
        if name in asked:
            raise click.BadParameter(f"{name} is named twice", param_hint="--rule")
        asked[name] = _parameters(name, parameters)
    for option in options:
        _add(asked, option)
    return [rule_named(name, case.ledger, tags, parameters=given) for name, given in asked.items()] or None


def _parameters(name: str, text: str) -> dict[str, Any]:
    """Return the parameters that stand as JSON after the name of a rule."""
    try:
        given = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise click.BadParameter(
            f"{name}: its parameters are not JSON ({error}); --rule-option needs no quotes",
            param_hint="--rule",
        ) from None
    if not isinstance(given, dict):
        raise click.BadParameter(f"{name}: its parameters are no JSON object", param_hint="--rule")
    return given


def _add(asked: dict[str, dict[str, Any]], option: str) -> None:
    """Put one `RULE:NAME=VALUE`, or `RULE:NAME.ENTRY=VALUE`, with the rule that it is of."""
    place, is_given, text = option.partition("=")
    rule, _, name = place.partition(":")
    name, _, entry = name.partition(".")
    if not (is_given and rule and name):
        raise click.BadParameter(f"not RULE:NAME=VALUE: {option!r}", param_hint="--rule-option")
    if rule not in asked:
        raise click.BadParameter(f"{rule!r} is not named by --rule", param_hint="--rule-option")
    into = asked[rule].setdefault(name, {}) if entry else asked[rule]
    if not isinstance(into, dict) or (entry or name) in into:
        raise click.BadParameter(f"{rule}: {name} is given twice", param_hint="--rule-option")
    into[entry or name] = _value(text)


def _value(text: str) -> object:
    """Return JSON, or the text itself where it is none: an address needs no quotes then."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
