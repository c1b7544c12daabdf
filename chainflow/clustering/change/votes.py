"""Change rules as values that vote on each output and compose: `a & b`, `a | b`, `a - b`, `a.unique`.

A vote is one of four numbers, and the whole vector is kept, never only the verdict (CH-19):

=====  ==========================================================================================
`1`    the rule holds for this output
`0`    it cannot rule the output out: what it asks about is not in evidence, or has not happened
`-1`   the rule excludes this output
`-2`   the rule does not apply to this transaction and says nothing
=====  ==========================================================================================

The *candidates* of a transaction are the outputs with 0 or 1. A link is proposed only where there is
exactly one (C-4): with two, nothing is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.clustering.change.payments import Bools, Payments
from chainflow.clustering.engine.claims import link_table
from chainflow.clustering.rules import About, Kind, described
from chainflow.errors import PluginError
from chainflow.ledger import Ledger

__all__ = [
    "ABSTAINS",
    "POSSIBLE",
    "RULED_OUT",
    "SUPPORTED",
    "Change",
    "Votes",
    "ballot",
    "composed",
    "vote_table",
]

Votes = npt.NDArray[np.int8]
SUPPORTED, POSSIBLE, RULED_OUT, ABSTAINS = 1, 0, -1, -2


def ballot(holds: Bools, *, unknown: Bools | None = None, applies: Bools | None = None) -> Votes:
    """Return the votes of a rule that `holds` for some candidates, where it is known and where it applies.

    Parameters
    ----------
    holds, unknown, applies : bool[n]
        Per candidate; `unknown` wins over `holds`, not applying over both.
    """
    votes = np.where(holds, SUPPORTED, RULED_OUT).astype(np.int8)
    if unknown is not None:
        votes[unknown] = POSSIBLE
    if applies is not None:
        votes[~applies] = ABSTAINS
    return votes


class Change(ABC):
    """A change rule: which outputs of a transaction it cannot rule out as the sender's own.

    A subclass is a frozen dataclass whose fields are its parameters, with `about` and `version`, and one
    method, `votes`. It is a `Heuristic`: its links run from the first known input to the only candidate.
    """

    about: ClassVar[About]
    version: ClassVar[str] = "1"

    @property
    @abstractmethod
    def name(self) -> str:
        """The rule's name; of a composed rule, the expression."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """The fields of the rule, as JSON-able values."""
        return {part.name: getattr(self, part.name) for part in fields(self)}  # type: ignore[arg-type]

    @abstractmethod
    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate."""

    def __and__(self, other: Change) -> Change:
        return Composed("&", (self, other))

    def __or__(self, other: Change) -> Change:
        return Composed("|", (self, other))

    def __sub__(self, other: Change) -> Change:
        return Composed("-", (self, other))

    @property
    def unique(self) -> Change:
        """The same rule, silent about every transaction with another number of candidates than one."""
        return Composed("unique", (self,))

    def candidates(self, payments: Payments) -> Bools:
        """Return, per candidate, whether it is the only one that its transaction's votes leave.

        Where there is one spendable output none was ruled out, and to send all has no change: it is no
        candidate, whatever its vote.
        """
        possible = self.votes(payments) >= POSSIBLE
        only: Bools = (payments.count(possible) == 1) & (payments.n_candidates > 1)
        return np.logical_and(possible, only[payments.tx])

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from the first known input to the only candidate of each transaction.

        Columns as in `schema.LINKS`, in spending order. A transaction of which no input is in evidence
        gives none: whose the change would be is not known.
        """
        payments = Payments.of(ledger)
        index = ledger.index
        picked = np.flatnonzero(self.candidates(payments) & (payments.n_known_inputs[payments.tx] > 0))
        tx = payments.tx[picked]
        a, b = index.script_of[index.in_rows[index.in_ptr[tx]]], payments.script[picked]
        return link_table(ledger, self.name, a=a, b=b, tx=tx)


_OF = {
    "&": ("both", "say both rules"),
    "|": ("either", "says one of the rules"),
    "-": ("without", "says the first rule and not the second"),
    "unique": ("unique", "says the rule, which leaves one output only"),
}


@dataclass(frozen=True, eq=True)
class Composed(Change):
    """Change rules put together; made by `&`, `|`, `-` and `.unique`."""

    op: str
    of: tuple[Change, ...]

    @property
    def name(self) -> str:
        """The expression, such as `(optimal-change & address-type-change).unique`."""
        if self.op == "unique":
            return f"{self.of[0].name}.unique"
        return f"({f' {self.op} '.join(part.name for part in self.of)})"

    @property
    def version(self) -> str:  # type: ignore[override]
        """The versions of the parts."""
        return ",".join(part.version for part in self.of)

    @cached_property
    def about(self) -> About:  # type: ignore[override]
        """What the parts say of themselves, together."""
        parts = [part.about for part in self.of]
        return About(
            id=f" {self.op} ".join(part.id for part in parts) if len(parts) > 1 else parts[0].id,
            title=f"{_OF[self.op][0]}: {'; '.join(part.title for part in parts)}",
            kind=Kind.CHANGE,
            reading=parts[0].reading,
            source="; ".join(dict.fromkeys(part.source for part in parts)),
            wrong_when=tuple(dict.fromkeys(why for part in parts for why in part.wrong_when)),
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """The operation and the rules it is of."""
        return {"op": self.op, "of": [described(part) for part in self.of]}

    def votes(self, payments: Payments) -> Votes:
        """Return the votes of the whole: for `&` the least, for `|` the greatest of the parts' votes.

        `a - b` is `a` where `b` excludes or abstains. `unique` abstains where there is not one candidate.
        """
        votes = [part.votes(payments) for part in self.of]
        if self.op == "&":
            return np.minimum(*votes)
        if self.op == "|":
            return np.maximum(*votes)
        if self.op == "-":
            return np.where(votes[1] >= POSSIBLE, np.minimum(votes[0], RULED_OUT), votes[0]).astype(np.int8)
        possible = votes[0] >= POSSIBLE
        return np.where(payments.count(possible)[payments.tx] == 1, votes[0], ABSTAINS).astype(np.int8)


def composed(op: str, of: Sequence[object]) -> Change:
    """Return the rule that a composed rule's parameters describe.

    Raises
    ------
    PluginError
        If the operation is not one of `&`, `|`, `-`, `unique`, or a part is no change rule.
    """
    parts = tuple(part for part in of if isinstance(part, Change))
    if op not in _OF or len(parts) != len(of) or len(parts) != (1 if op == "unique" else 2):
        raise PluginError(f"not a composed change rule: {op!r}", hint=f"one of {', '.join(_OF)}")
    return Composed(op, parts)


def vote_table(ledger: Ledger, rules: Sequence[Change]) -> pa.Table:
    """Return every candidate output with the vote of each rule.

    Columns `chain`, `txid`, `vout`, `address` (null: it has none), `value_sat`, and one int8 column per
    rule, named after it; in spending order.
    """
    payments = Payments.of(ledger)
    table = ledger.outputs.select(["chain", "txid", "vout", "address", "value_sat"]).take(
        pa.array(payments.rows)
    )
    for rule in rules:
        table = table.append_column(rule.name, pa.array(rule.votes(payments), pa.int8()))
    return table
