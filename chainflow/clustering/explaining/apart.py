"""Why two addresses are not in one cluster: what was refused, what speaks for two owners, what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from chainflow import cards
from chainflow.clustering.change.votes import POSSIBLE, Change

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Apart", "Refusal", "why_apart"]

_DECIDED = "An analyst's decision"
_NO_EVIDENCE = "That is no evidence that they have different owners."


class Refusal(NamedTuple):
    """A link that did not count: what refused it, and why."""

    txid: str
    rule: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Apart:
    """Why two addresses are apart.

    Attributes
    ----------
    refused : tuple of Refusal
        The refused links on the shortest chain that there would be if all links counted; empty where no
        chain of links joins them in this ledger.
    separations : tuple of str
        What keeps the two clusters apart on purpose: decisions, tags of different actors, known payments.
        This alone is evidence of different owners, as good as whoever says it.
    ambiguous : tuple of str
        Payments between the two in which a change rule leaves several outputs: nothing follows (L-9).
    unknown : tuple of str
        What was not there to be looked at.
    """

    a: str
    b: str
    refused: tuple[Refusal, ...]
    separations: tuple[str, ...]
    ambiguous: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The whole in words."""
        said = [f"{self.a} and {self.b} are kept apart:"]
        if self.refused:
            listed = " ".join(f"{r.txid or _DECIDED} ({r.rule}; {r.by}: {r.reason})." for r in self.refused)
            said.append(f"only links that do not count would join them: {listed}")
        else:
            said.append("no chain of links joins them in this ledger.")
        said += [f"{why}." for why in (*self.separations, *self.ambiguous)]
        said += [f"Not known: {what}." for what in self.unknown]
        return " ".join([*said, *([] if self.separations else [_NO_EVIDENCE])])

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per refused link: `txid`, `rule`, `by`, `reason`."""
        return pd.DataFrame(list(self.refused), columns=list(Refusal._fields))

    def __repr__(self) -> str:
        return f"<Apart {self.sentence}>"

    def _repr_html_(self) -> str:
        header = ("transaction", "rule", "refused by", "reason")
        return cards.card(
            "Kept apart", self.refused, header=header if self.refused else (), note=self.sentence
        )


def why_apart(owners: Clustering, start: int, end: int) -> Apart:
    """Return why two places are apart; they are not in one cluster."""
    names = owners.places.name(start), owners.places.name(end)
    return Apart(
        *names,
        _refusals(owners, start, end),
        owners.separations(start, end),
        tuple(_ambiguous(owners, start, end)),
        _unknown(owners, (start, end)),
    )


def _refusals(owners: Clustering, start: int, end: int) -> tuple[Refusal, ...]:
    """Return the refused links on the shortest chain that there would be if all links counted."""
    web = owners.web_of_all
    columns = [owners.refused[name].to_pylist() for name in Refusal._fields]
    refused = {(row[0], row[1]): Refusal(*row) for row in zip(*columns, strict=True)}
    steps = [
        (owners.txid_of(int(web.tx[statement])), web.rule[statement])
        for _, statement, _ in web.path(start, end) or ()
    ]
    return tuple(refused[step] for step in dict.fromkeys(steps) if step in refused)


def _ambiguous(owners: Clustering, start: int, end: int) -> Iterator[str]:
    """Yield each payment from one place to the other in which a change rule leaves several candidates."""
    rules = [rule for rule in owners.rules if isinstance(rule, Change)]
    if not rules:
        return
    payments, votes = owners.ballots.payments, owners.ballots.votes
    labels = owners.ledger.index.labels
    for payer, payee in ((start, end), (end, start)):
        one, other = owners.places.labels[payer], owners.places.labels[payee]
        spends = payments.input_tx[[labels[script] == one for script in payments.input_script.tolist()]]
        paid = np.array([labels[script] == other for script in payments.script.tolist()], dtype=np.bool_)
        for row in np.flatnonzero(paid & np.isin(payments.tx, spends)).tolist():
            among = payments.tx == payments.tx[row]
            for rule in rules:
                count = int((votes[rule.name][among] >= POSSIBLE).sum())
                if votes[rule.name][row] >= POSSIBLE and count > 1:
                    txid = owners.ledger.index.txids[int(payments.tx[row])]
                    yield (
                        f"In {txid} the rule {rule.name} leaves {count} candidates for the change of "
                        f"{owners.places.name(payer)}, {owners.places.name(payee)} among them"
                    )


def _unknown(owners: Clustering, places: tuple[int, int]) -> tuple[str, ...]:
    """Return what the ledger does not hold that could join two addresses."""
    table = owners.ledger.coverage_table
    columns = (table[name].to_pylist() for name in ("chain", "address", "state"))
    states: dict[tuple[str, str], set[str]] = {}
    for chain, address, state in zip(*columns, strict=True):
        states.setdefault((chain, address), set()).add(state)
    known = [states.get((owners.places.chain(p), owners.places.labels[p])) == {"complete"} for p in places]
    return tuple(
        f"the whole history of {owners.places.name(place)}"
        for place, is_known in zip(places, known, strict=True)
        if not is_known
    )
