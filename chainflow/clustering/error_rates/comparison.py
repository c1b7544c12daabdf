"""Several clusterings against one truth, side by side: the lower bound beside the extended clustering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from chainflow import cards, units
from chainflow.clustering.clustering import Clustering
from chainflow.clustering.error_rates.evaluation import Evaluation, evaluate
from chainflow.errors import BadInput
from chainflow.samples.owners import Truth

__all__ = ["MERGED", "Comparison", "compare"]

MERGED = "clusters that merge owners"
"""The line that counts clusters and is no share."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The figures of several clusterings: one line per figure, one column per clustering.

    Attributes
    ----------
    evaluations : mapping of str to Evaluation
        By the name that the caller gave the clustering.
    names : tuple of str
        The figures that are shown, in order.
    """

    evaluations: Mapping[str, Evaluation]
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> Evaluation:
        """Return the evaluation of one clustering.

        Raises
        ------
        BadInput
            If there is none of that name.
        """
        if name not in self.evaluations:
            raise BadInput(f"no clustering {name!r}", hint=f"one of {', '.join(self.evaluations)}")
        return self.evaluations[name]

    def only(self, *names: str) -> Comparison:
        """Return the comparison with these figures alone, in this order.

        Raises
        ------
        BadInput
            If there is no figure of that name.
        """
        for name in names:
            if name not in self.names:
                raise BadInput(f"no figure {name!r}", hint=f"one of {', '.join(self.names)}")
        return replace(self, names=names)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return one figure in words, clustering by clustering."""
        return tuple(_text(one, name) for one in self.evaluations.values())

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per clustering and figure: `clustering`, and the columns of `Evaluation.to_pandas`.

        Which clusters merge owners is in `[name].merged`.
        """
        parts = []
        for clustering, one in self.evaluations.items():
            frame = one.to_pandas().set_index("name", drop=False)
            frame.insert(0, "clustering", clustering)
            parts.append(frame.loc[[name for name in self.names if name in frame.index]])
        return pd.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        clusterings = units.counted(len(self.evaluations), "clustering")
        figures = units.counted(len(self.names), "figure")
        return f"<Comparison {clusterings}, {figures}: {', '.join(self.evaluations)}>"

    def _repr_html_(self) -> str:
        rows = [(name, *self.texts(name)) for name in self.names]
        first = next(iter(self.evaluations.values())).figures[0]
        note = f"Population: {first.population}; date: {first.date or 'not stated'}."
        return cards.card(
            "Clusterings against one truth", rows, header=("figure", *self.evaluations), note=note
        )


def compare(
    clusterings: Mapping[str, Clustering],
    truth: Truth | Mapping[str, str],
    *,
    population: str = "",
    date: str = "",
) -> Comparison:
    """Return the figures of several clusterings side by side.

    Parameters
    ----------
    clusterings : mapping of str to Clustering
        By the name of the column: the lower bound beside the extended one.
    truth, population, date
        As for `evaluate`, which also says what is raised.

    Raises
    ------
    BadInput
        If there is no clustering.
    """
    if not clusterings:
        raise BadInput("no clusterings to compare", hint='{"default": cluster(ledger), …}')
    found = {
        name: evaluate(clustering, truth, population=population, date=date)
        for name, clustering in clusterings.items()
    }
    shares = [share.name for one in found.values() for share in (*one.figures, *one.by_role)]
    return Comparison(found, (*dict.fromkeys(shares), MERGED))


def _text(one: Evaluation, name: str) -> str:
    if name == MERGED:
        return f"{len(one.merged):,}"
    return next((share.text for share in (*one.figures, *one.by_role) if share.name == name), "not measured")
