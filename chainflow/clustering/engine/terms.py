"""The terms of a clustering: what its caller declared, kept so that it can be made again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from chainflow.clustering.decisions import DECISION, Decision
from chainflow.clustering.engine.claims import Claims, Ints
from chainflow.clustering.engine.constraints import Constraint
from chainflow.clustering.rules import Heuristic, Kind, about, described
from chainflow.tags import Tags

__all__ = ["JOINING", "Terms"]

JOINING = (Kind.EXACT, Kind.ASSERTED, Kind.CO_SPEND, Kind.ACCOUNT, Kind.CHANGE)
"""The order in which links are taken: what is surer comes first, and refuses what comes later."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What `cluster` was asked; see its parameters. `decisions` are those in force, as the ledger spells them.

    Attributes
    ----------
    is_lower_bound : bool
        Whether only exact links and uncontested common input count; see `Clustering.lower_bound`.
    without : tuple of str
        Txids that do not count, sorted; see `Clustering.without`.
    """

    rules: tuple[Heuristic, ...]
    veto: Collection[str] | None
    tags: Tags | None
    min_confidence: int
    decisions: tuple[Decision, ...]
    apart: tuple[Constraint, ...]
    known_payments: bool
    quarantine: int | None
    is_lower_bound: bool = False
    without: tuple[str, ...] = ()

    @property
    def kinds(self) -> dict[str, Kind]:
        """Rule → what its links rest on."""
        return {DECISION: Kind.ASSERTED, **{rule.name: about(rule).kind for rule in self.rules}}

    @property
    def veto_kind(self) -> str:
        """Which veto was asked for: `default`, `none`, or `given` where the caller named transactions."""
        if self.veto is None:
            return "default"
        return "given" if len(self.veto) else "none"

    def ranks(self, claims: Claims) -> Ints:
        """Return the place of each link's kind in `JOINING`."""
        names, code = claims.coded()
        rank = np.array([JOINING.index(self.kinds[name]) for name in names], dtype=np.int64)
        return rank[code]

    def parameters(self, veto: object) -> dict[str, object]:
        """Return all of it as a recipe keeps it; `veto` as `Vetoes.recipe` says it."""
        return {
            "rules": [described(rule) for rule in self.rules],
            "veto": veto,
            "tags": self.tags.digest if self.tags else None,
            "min_confidence": self.min_confidence,
            "decisions": [decision.as_dict() for decision in self.decisions],
            "apart": [constraint.as_dict() for constraint in self.apart],
            "known_payments": self.known_payments,
            "quarantine": self.quarantine,
            **self.restrictions,
        }

    @property
    def restrictions(self) -> dict[str, object]:
        """Return what is left out of the whole clustering, as a recipe keeps it: nothing where all counts."""
        mode = {"mode": "lower-bound"} if self.is_lower_bound else {}
        return {**mode, **({"without": list(self.without)} if self.without else {})}
