"""Change rules that follow a payer from payment to payment: what is left over is carried on, hop by hop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.clustering.change.prints import Prints, same_print
from chainflow.clustering.change.spenders import checked_fields
from chainflow.clustering.change.votes import ABSTAINS, POSSIBLE, SUPPORTED, Change, Votes, ballot
from chainflow.clustering.rules import About, Kind
from chainflow.errors import SeedUnknown
from chainflow.ledger import Ledger
from chainflow.units import whole_number

__all__ = ["ChainChange", "PeelingChange"]


@dataclass(frozen=True, slots=True)
class PeelingChange(Change):
    """In a peeling chain, change is unspent or spent by the chain's next transaction (CH-12).

    A transaction *looks* like a peel with one input and two outputs. It is one if it looks so and so does the
    transaction before it, or one that spends it. The rule is silent where that is not shown: nothing is
    ruled out by a neighbour that is not held.

    References
    ----------
    Kalodner et al. 2020, BlockSci, USENIX Security (heuristic `peeling_chain`).
    """

    name: ClassVar[str] = "peeling-change"
    about: ClassVar[About] = About(
        id="CH-12",
        title="In a peeling chain, change is unspent or spent by the chain's next transaction.",
        kind=Kind.CHANGE,
        reading="sent the only amount that a chain of such payments goes on with to",
        source="Kalodner et al. 2020 (BlockSci)",
        wrong_when=(
            "the payee spends with one input and two outputs too, as most wallets do, and the payer's next "
            "payment has more inputs",
            "the payee's output goes on and the change is swept",
        ),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate; the rule does not apply to what is no peel."""
        index, spender = payments.ledger.index, payments.spender
        looks: Bools = (payments.n_inputs == 1) & (Prints.of(payments.ledger).n_outputs == 2)
        before = index.created_by[payments.input_rows]
        goes_on = (spender >= 0) & looks[spender]
        is_next = payments.any_input((before >= 0) & looks[before])
        is_peel = looks & (is_next | (payments.count(goes_on) > 0))
        return ballot(goes_on, unknown=spender < 0, applies=is_peel[payments.tx])


@dataclass(frozen=True, slots=True)
class ChainChange(Change):
    """Change is the only output whose spender keeps the fingerprint, and that keeps the script type (CH-17).

    Such an output is a *hop*. From a transaction the hops are followed forward and backward; the chain
    ends where no output or two qualify. Unlike `FingerprintChange` it needs a spender that is held: an
    unspent output never is a hop, but it may be, and then there are two.

    Parameters
    ----------
    hops : int
        Fewest hops of the chain that a change output lies on; 1: every hop counts.
    fields : sequence of str
        Columns of `Prints` that must agree from one transaction to the next.

    Raises
    ------
    BadInput
        If `hops` is below 1, or a field is none of `prints.FIELDS`.

    References
    ----------
    Kappos et al. 2022, How to Peel a Million, USENIX Security, arXiv 2205.13882. The rule's form is recalled,
    not checked against the paper.
    """

    hops: int = 1
    fields: tuple[str, ...] = ("version", "locktime_class", "rbf", "compressed")

    name: ClassVar[str] = "chain-change"
    about: ClassVar[About] = About(
        id="CH-17",
        title="Change is the only output of its inputs' script type whose spender keeps the fingerprint.",
        kind=Kind.CHANGE,
        reading="sent the only amount that a chain of payments with one fingerprint goes on with to",
        source="Kappos et al. 2022, arXiv 2205.13882 (recalled, not checked)",
        wrong_when=(
            "the payee uses the same software and script type, and the payer has changed one of them",
            "the chain passes into a service that signs alike: all hops after that are the service's",
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.hops, "hops", least=1)
        object.__setattr__(self, "fields", checked_fields(self.fields))

    @property
    def parameters(self) -> Mapping[str, object]:
        """`hops` and `fields`."""
        return {"hops": self.hops, "fields": list(self.fields)}

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate; the rule does not apply where no output qualifies."""
        prints = Prints.of(payments.ledger)
        types = prints.input_types[payments.tx]
        keeps_type = ballot(prints.type_bits[payments.rows] == types, unknown=types < 0)
        columns = [getattr(prints, field) for field in self.fields]
        votes = np.minimum(same_print(payments, columns), keeps_type)
        applies = payments.count(votes == SUPPORTED) > 0
        if self.hops > 1:
            applies &= _lengths(payments, votes) >= self.hops
        return np.where(applies[payments.tx], votes, ABSTAINS).astype(np.int8)

    def follow(self, ledger: Ledger, txid: str) -> pa.Table:
        """Return the hops of the chain that a transaction is part of, first to last; none is an empty table.

        Columns `chain`, `txid`, `vout`, `address`, `value_sat` and `spent_by`, the next transaction.

        Raises
        ------
        SeedUnknown
            If the transaction is not in the ledger.
        """
        rows = ledger.index.tx_rows(txid)
        if not rows:
            raise SeedUnknown(f"{txid} is not in this ledger", hint="fetch it first")
        payments = Payments.of(ledger)
        hop = _hops(payments, self.votes(payments))
        following = _following(payments, hop)
        preceding = _turned(following)
        found = [
            tx for row in rows for tx in (*reversed([*_walk(preceding, row)]), row, *_walk(following, row))
        ]
        candidate = dict(zip(payments.tx[hop].tolist(), payments.rows[hop].tolist(), strict=True))
        names = ["chain", "txid", "vout", "address", "value_sat", "spent_by"]
        picked = pa.array([candidate[tx] for tx in found if tx in candidate], pa.int64())
        return ledger.outputs.select(names).take(picked)


def _hops(payments: Payments, votes: Votes) -> Ints:
    """Return the candidates that hold where no other output of their transaction can."""
    only = (payments.count(votes >= POSSIBLE) == 1) & (payments.n_candidates > 1)
    return np.flatnonzero((votes == SUPPORTED) & only[payments.tx])


def _following(payments: Payments, hop: Ints) -> Ints:
    """Return the row of the transaction that each transaction hops to; −1 for none."""
    following = np.full(len(payments.n_inputs), -1, dtype=np.int64)
    following[payments.tx[hop]] = payments.spender[hop]
    return following


def _turned(following: Ints) -> Ints:
    """Return the only transaction that hops to each transaction; −1 for none or several."""
    before = np.flatnonzero(following >= 0)
    arrivals = np.bincount(following[before], minlength=len(following))
    preceding = np.full(len(following), -1, dtype=np.int64)
    preceding[following[before]] = before
    return np.where(arrivals == 1, preceding, -1)


def _walk(step: Ints, start: int) -> Iterator[int]:
    """Yield the transactions after `start`; it ends, because a spender's row is above its parents'."""
    while (start := int(step[start])) >= 0:
        yield start


def _lengths(payments: Payments, votes: Votes) -> Ints:
    """Return the hops, per transaction, of the chain that its own hop lies on; 0 where it has none."""
    following = _following(payments, _hops(payments, votes))
    ahead, behind = _steps(following), _steps(_turned(following))
    return np.where(following >= 0, ahead + behind, 0)


def _steps(step: Ints) -> Ints:
    """Return how many steps lead on from each transaction, in as many rounds as that has binary digits."""
    jump, count = step.copy(), (step >= 0).astype(np.int64)
    while len(going := np.flatnonzero(jump >= 0)):
        count[going] += count[jump[going]]
        jump[going] = jump[jump[going]]
    return count
