"""Rules by name, made as a case can make them: the exchanges that a rule needs are those its tags name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from chainflow import registry
from chainflow.clustering import Heuristic, rule_of
from chainflow.clustering.rules import GROUP
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.tags import Tags

__all__ = ["rule_named"]


def rule_named(
    name: str, ledger: Ledger, tags: Tags | None, *, parameters: Mapping[str, Any] | None = None
) -> Heuristic:
    """Return an installed rule by name, with parameters by theirs.

    What it needs and was not given comes from the tags, and so into the recipe: who the exchanges are.

    Raises
    ------
    BadInput
        If it needs exchanges and no tag names one, or pools, of which no tag says what a deposit is.
    PluginError
        If it is not installed, or does not take its parameters.
    """
    given = dict(parameters or {})
    made = registry.load(GROUP, name)
    needs = {field.name for field in dataclasses.fields(made)} if dataclasses.is_dataclass(made) else set()
    if "exchanges" in needs and not given.get("exchanges"):
        given["exchanges"] = _exchanges(name, ledger, tags)
    if "pools" in needs and not given.get("pools"):
        raise BadInput(
            f"the rule {name} needs pools, and no tag says what one deposit into a pool is",
            hint=f"pools={{address: base units}}; in a shell --rule-option {name}:pools.ADDRESS=UNITS",
        )
    return rule_of({"name": name, "parameters": given})


def _exchanges(name: str, ledger: Ledger, tags: Tags | None) -> dict[str, str]:
    """Return account → exchange, of the tags of category exchange on accounts of the ledger."""
    known = (tags or Tags()).of("exchange")
    best = {address: known.best(address) for address in sorted(known.addresses & ledger.accounts)}
    if not best:
        raise BadInput(
            f"the rule {name} needs exchanges, and no tag in use calls an account of this case one",
            hint="add tags of category exchange, or name them: "
            f"exchanges={{address: name}}; in a shell --rule-option {name}:exchanges.ADDRESS=NAME",
        )
    return {address: tag.actor or tag.label for address, tag in best.items() if tag is not None}
