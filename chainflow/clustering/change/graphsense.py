"""The change rules of GraphSense: a consensus of several tests, and clusters that meet again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainflow.clustering.change.amounts import AddressTypeChange, OptimalChange, PowerOfTenChange
from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.clustering.change.receipts import n_payers, n_spenders
from chainflow.clustering.change.votes import ABSTAINS, SUPPORTED, Change, Votes, ballot
from chainflow.clustering.engine.common import common_input
from chainflow.clustering.engine.places import places_of
from chainflow.clustering.engine.union import roots_of
from chainflow.clustering.rules import About, Kind
from chainflow.units import whole_number

__all__ = ["ClusterChange", "ConsensusChange"]


@dataclass(frozen=True, slots=True)
class ConsensusChange(Change):
    """The only output that passes all tests of GraphSense's one-time change (CH-13).

    Of a transaction with 2 to `max_outputs` outputs: the type that all inputs have; not divisible by 10 to the
    `digits`; smaller than every input; an address that is paid by this transaction only, by one output of it,
    and spent from by one at most. That looks at the future: a later reuse takes the answer back. Its further
    test, "first seen not before this block", follows: who was seen before was paid before.

    Parameters
    ----------
    max_outputs : int
        Most outputs of a transaction the rule speaks about.
    digits : int
        As in `PowerOfTenChange`.

    Raises
    ------
    BadInput
        If `max_outputs` is less than 2 or `digits` is not from 1 to 18.

    References
    ----------
    graphsense-lib, `heuristics_service.py`, one-time change.
    """

    max_outputs: int = 10
    digits: int = 3
    name: ClassVar[str] = "consensus-change"
    about: ClassVar[About] = About(
        "CH-13",
        "The change is the only output of the inputs' type, not round, smaller than every input, never reused.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only output that passes the tests of type, size and reuse)",
        "graphsense-lib, heuristics_service.py, one_time_change",
        (
            "the payee's address is of the same type and used once, and the sender's change is round or reused",
            "the ledger ends before the address is reused",
        ),
    )

    def __post_init__(self) -> None:
        PowerOfTenChange(self.digits)
        whole_number(self.max_outputs, "outputs", least=2)

    def votes(self, payments: Payments) -> Votes:
        """Return the least vote of all tests where one output is left; no vote where none or two are."""
        rules = (AddressTypeChange(), PowerOfTenChange(self.digits), OptimalChange())
        votes = np.minimum.reduce([_once(payments), *(rule.votes(payments) for rule in rules)])
        many = np.array(payments.ledger.txs["n_outputs"], dtype=np.int64)
        is_void = payments.is_coinjoin | (many < 2) | (many > self.max_outputs)
        is_void |= payments.count(votes == SUPPORTED) > 1
        return np.where(is_void[payments.tx], ABSTAINS, votes).astype(np.int8)


def _once(payments: Payments) -> Votes:
    """Return the votes of "paid once, by one output, and spent from at most once", as far as is known."""
    pairs = payments.pair(payments.tx, payments.script)
    _, place, outputs = np.unique(pairs, return_inverse=True, return_counts=True)
    once = (n_payers(payments) <= 1) & (n_spenders(payments) <= 1) & (outputs[place] == 1)
    return ballot(once, unknown=once & ~payments.is_history_known)


@dataclass(frozen=True, slots=True)
class ClusterChange(Change):
    """The output whose address common input alone joins with an input's, by other transactions (CH-13).

    CoinJoins join nobody here, and have no change. It looks at the
    future: the transaction that shows it is mostly a later one.

    References
    ----------
    graphsense-lib, `heuristics_service.py`, multi-input change.
    """

    name: ClassVar[str] = "cluster-change"
    about: ClassVar[About] = About(
        "CH-13",
        "The change goes to an address that common input joins with an input's.",
        Kind.CHANGE,
        "are taken for a sender and its change (other transactions spend addresses of both together)",
        "graphsense-lib, heuristics_service.py, multi_input_change",
        (
            "common input is wrong: a CoinJoin not recognised, a PayJoin, a custodian who signs for many",
            "the owner pays its own address, and the change went elsewhere",
        ),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for such outputs, −1 for the others of their transaction, 0 where there is none yet."""
        if not len(payments):
            return ballot(np.zeros(0, dtype=np.bool_))
        cluster_of = _clusters(payments)
        size = np.int64(cluster_of.max() + 1)
        inputs = payments.input_tx * size + cluster_of[payments.input_script]
        is_own: Bools = np.isin(payments.tx * size + cluster_of[payments.script], inputs)
        is_open = (payments.count(is_own) == 0) | ~payments.are_inputs_known
        return ballot(
            is_own, unknown=is_open[payments.tx] & ~is_own, applies=~payments.is_coinjoin[payments.tx]
        )


def _clusters(payments: Payments) -> Ints:
    """Return the common-input cluster of every script number, CoinJoins vetoed."""
    places = places_of(payments.ledger)
    claims = common_input(payments, places)
    return roots_of(len(places), claims.a, claims.b)[places.of_scripts(payments.ledger)]
