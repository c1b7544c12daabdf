"""An analyst's decisions as links and constraints: those in force, and what they contradict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from chainflow import schema
from chainflow.clustering.decisions import DECISION, Decision
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.engine.places import Places
from chainflow.clustering.engine.union import roots_of
from chainflow.clustering.engine.web import Web
from chainflow.errors import BadInput, ContradictoryDecisions

__all__ = ["in_force", "refuse_contradictions", "same_owner"]


def in_force(places: Places, decisions: Collection[Decision]) -> tuple[Decision, ...]:
    """Return the decisions that hold, with the addresses as the ledger spells them, in their order.

    Of several on one pair the last one given holds; `unsure` takes an earlier one back.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If an address is not in the ledger, or is none.
    BadInput
        If a decision is about one address in two spellings, or joins two chains.
    """
    held: dict[tuple[str, str], Decision] = {}
    for decision in decisions:
        first, second = places.find(decision.a), places.find(decision.b)
        spelt = replace(decision, a=places.name(first), b=places.name(second))
        if places.chain(first) != places.chain(second) and decision.verdict == "same":
            raise BadInput(
                f"{spelt.a} and {spelt.b} are on two chains, which are never joined",
                hint="a cluster is of one chain; tag both with the same actor instead",
            )
        held.pop(spelt.pair, None)
        held[spelt.pair] = spelt
    return tuple(decision for decision in held.values() if decision.verdict != "unsure")


def same_owner(places: Places, decisions: Sequence[Decision]) -> Claims:
    """Return the decisions `same` as claims, each a statement of its own."""
    same = [decision for decision in decisions if decision.verdict == "same"]
    ends = np.array([[places.find(d.a), places.find(d.b)] for d in same], dtype=np.int64).reshape(-1, 2)
    rows: list[tuple[object, ...]] = [
        (places.labels[a], places.labels[b], DECISION, "") for a, b in ends.tolist()
    ]
    number = np.arange(len(same))
    table = schema.rows_to_table(rows, schema.LINKS)
    return Claims(table, number, number - len(same), ends[:, 0], ends[:, 1])


def refuse_contradictions(places: Places, certain: Claims, decisions: Sequence[Decision]) -> None:
    """Raise if addresses that are decided to be different are the same by decisions and exact links.

    Raises
    ------
    ContradictoryDecisions
        Naming the chain between them.
    """
    root = roots_of(len(places), certain.a, certain.b)
    for decision in decisions:
        start, end = places.find(decision.a), places.find(decision.b)
        if decision.verdict == "different" and root[start] == root[end]:
            web = Web.of(certain, len(places))
            steps = [
                f"{places.name(a)} = {places.name(b)} ({web.rule[said]})"
                for a, said, b in web.path(start, end) or ()
            ]
            raise ContradictoryDecisions(
                f"{decision.a} and {decision.b} are decided to be different, but {', '.join(steps)}",
                hint="take one of the decisions back: decide 'unsure' on its pair",
            )
