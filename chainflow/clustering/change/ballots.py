"""What every installed change rule says of each output of a ledger, to be looked up by transaction (CH-19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from chainflow.clustering.change.payments import Payments
from chainflow.clustering.change.votes import Change, Votes
from chainflow.clustering.rules import Heuristic, Kind, installed
from chainflow.ledger import Ledger

__all__ = ["Ballots"]


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """The votes of change rules on the outputs of a ledger.

    Attributes
    ----------
    payments : Payments
        The outputs, `n` of them.
    votes : dict of str to int8[n]
        Rule → its votes: 1 holds, 0 cannot be ruled out, −1 excluded, −2 does not apply.
    unasked : tuple of str
        Installed rules that could not be asked: they cannot be loaded, or need to be told something.
    """

    payments: Payments
    votes: dict[str, Votes]
    unasked: tuple[str, ...] = ()

    @classmethod
    def of(cls, ledger: Ledger, rules: tuple[Heuristic, ...]) -> Self:
        """Gather the votes of these rules, as far as they are change rules, and of all installed ones.

        An installed rule that cannot be asked has no vote, and is named in `unasked`.
        """
        payments, known = Payments.of(ledger), installed(Kind.CHANGE)
        voting = {rule.name: rule for rule in (*known.rules, *rules) if isinstance(rule, Change)}
        votes = {name: rule.votes(payments) for name, rule in sorted(voting.items())}
        return cls(payments, votes, tuple(sorted({*known.untold, *known.unusable} - voting.keys())))

    def on(self, txid: str) -> list[tuple[str, str, dict[str, int]]]:
        """Return chain, label and votes by rule of each output of a transaction, in its order."""
        index = self.payments.ledger.index
        rows = np.flatnonzero(np.isin(self.payments.tx, index.tx_rows(txid))).tolist()
        return [
            (
                index.chains[int(self.payments.tx[row])],
                index.labels[int(self.payments.script[row])],
                {name: int(votes[row]) for name, votes in self.votes.items()},
            )
            for row in rows
        ]
