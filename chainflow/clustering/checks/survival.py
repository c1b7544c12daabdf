"""Does a conclusion hang on one rule? It is drawn again with each rule off, and what survives is listed (L-6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards
from chainflow.clustering.rules import Kind
from chainflow.errors import BadInput

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering
    from chainflow.clustering.engine.terms import Terms

__all__ = ["Finding", "Survival", "survival_of"]

Finding = tuple[str, str] | Callable[["Clustering"], object]
"""Two addresses (are they together?), or a function from a clustering to a conclusion that can be compared."""


@dataclass(frozen=True, slots=True)
class Survival:
    """Which conclusions survive without which rule.

    Attributes
    ----------
    found : mapping of str to object
        Finding → what the clustering as it is says.
    without : mapping of str to mapping
        What was left out → finding → what is said then.
    """

    found: Mapping[str, object]
    without: Mapping[str, Mapping[str, object]]

    @property
    def robust(self) -> tuple[str, ...]:
        """The findings that no single omission changes."""
        return tuple(name for name in self.found if not self.rests_on(name))

    def rests_on(self, finding: str) -> tuple[str, ...]:
        """Return what a finding does not survive the omission of.

        Raises
        ------
        BadInput
            If there is no such finding.
        """
        if finding not in self.found:
            raise BadInput(f"no finding {finding!r}", hint=f"one of {', '.join(self.found)}")
        whole = self.found[finding]
        return tuple(name for name, said in self.without.items() if said[finding] != whole)

    @property
    def sentence(self) -> str:
        """What was found and what it rests on, finding by finding; at last what was left out, in words."""
        return " ".join([*self._sentences(), f"Left out, one at a time: {'; '.join(self.without)}."])

    def _sentences(self) -> Iterator[str]:
        for name, said in self.found.items():
            rests = self.rests_on(name)
            if rests:
                yield f"{name}: {said}; this does not survive leaving out {', or '.join(rests)}."
            else:
                yield f"{name}: {said}; this survives each omission."

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per omission: `without`, then for each finding what is said and if it survives."""
        rows = []
        for left_out, said in self.without.items():
            row: dict[str, object] = {"without": left_out}
            for name, whole in self.found.items():
                row |= {name: said[name], f"{name} survives": said[name] == whole}
            rows.append(row)
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<Survival {len(self.robust)} of {len(self.found)} findings survive each omission>"

    def _repr_html_(self) -> str:
        rows = [
            (name, str(whole), "; ".join(self.rests_on(name)) or "no single one")
            for name, whole in self.found.items()
        ]
        return cards.card(
            "Which findings survive", rows, header=("finding", "result", "rests on"), note=self.sentence
        )


def survival_of(owners: Clustering, findings: Mapping[str, Finding]) -> Survival:
    """Return which findings survive; see `Clustering.survives`."""
    if not findings:
        raise BadInput("no finding to test", hint="give two addresses, or a function of a clustering")
    without = {name: _told(made, findings) for name, made in _less(owners)}
    return Survival(_told(owners, findings), without)


def _told(owners: Clustering, findings: Mapping[str, Finding]) -> dict[str, object]:
    told: dict[str, object] = {}
    for name, finding in findings.items():
        if callable(finding):
            told[name] = finding(owners)
            continue
        a, b = _pair(name, finding)
        told[name] = "together" if owners.of(a) == owners.of(b) else "apart"
    return told


def _pair(name: str, finding: object) -> tuple[str, str]:
    if isinstance(finding, str) or not isinstance(finding, Sequence) or len(finding) != 2:
        raise BadInput(f"not a finding: {name!r}", hint="give two addresses, or a function of a clustering")
    return str(finding[0]), str(finding[1])


def _less(owners: Clustering) -> Iterator[tuple[str, Clustering]]:
    """Yield the clustering again with one thing left out at a time; what it did not have is not left out.

    Of a lower bound every one is a lower bound.
    """
    from chainflow.clustering.engine.join import proposals, settle

    proposed = owners.places.claims(proposals(owners.ledger, owners.rules))
    spoken = proposed.table["rule"]
    for name, changed in _omissions(owners.terms):
        left = pc.is_in(spoken, value_set=pa.array([rule.name for rule in changed.rules], pa.string()))
        claims = proposed.only(np.asarray(left.to_numpy(), dtype=np.bool_))
        yield name, settle(owners.ledger, owners.places, claims, changed)
    if not owners.terms.is_lower_bound:
        yield "all but exact and uncontested common-input links", owners.lower_bound


def _omissions(terms: Terms) -> Iterator[tuple[str, Terms]]:
    for rule in terms.rules:
        rest = tuple(other for other in terms.rules if other is not rule)
        yield f"the rule {rule.name}", replace(terms, rules=rest)
    change = tuple(rule for rule in terms.rules if terms.kinds[rule.name] is not Kind.CHANGE)
    if len(terms.rules) - len(change) > 1:
        yield "all change rules", replace(terms, rules=change)
    if terms.veto_kind == "none":
        yield "what CoinJoins link", replace(terms, veto=None)
    else:
        yield "the veto", replace(terms, veto=())
    if terms.decisions:
        yield "the decisions", replace(terms, decisions=())
    if terms.tags is not None and len(terms.tags):
        yield "the tags", replace(terms, tags=None)
    if terms.apart:
        yield "the pairs given to be kept apart", replace(terms, apart=())
    if terms.known_payments:
        yield "the known payments", replace(terms, known_payments=False)
    if terms.quarantine is not None:
        yield "the quarantine", replace(terms, quarantine=None)
