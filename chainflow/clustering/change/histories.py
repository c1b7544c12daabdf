"""Change rules that ask what an address did before: its first appearance, its reuse, its own inputs.

*Fresh* means that nothing in this ledger shows the address earlier. That proves it was new only where its whole
history is held; elsewhere the vote is 0, "cannot be ruled out". An earlier appearance that is shown is certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainflow.clustering.change.amounts import OptimalChange
from chainflow.clustering.change.payments import Bools, Payments
from chainflow.clustering.change.receipts import (
    heights,
    last_height,
    next_receipt,
    prior_receipts,
    was_self_change,
)
from chainflow.clustering.change.votes import ABSTAINS, POSSIBLE, RULED_OUT, SUPPORTED, Change, Votes, ballot
from chainflow.clustering.rules import About, Kind
from chainflow.units import whole_number

__all__ = ["ErmilovChange", "FreshChange", "LegacyChange", "OneTimeChange", "SelfChange", "ShadowChange"]

_REUSED = "the sender's wallet reuses its change address, and the payee's address is new"


@dataclass(frozen=True, slots=True)
class FreshChange(Change):
    """Every output whose address appears for the first time: wallets make a new one for change (CH-3).

    References
    ----------
    BlockSci, `change_address.cpp`, client change address behaviour.
    """

    name: ClassVar[str] = "fresh-change"
    about: ClassVar[About] = About(
        "CH-3",
        "The change goes to an address that never appeared before.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only output to an address not seen before)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp",
        ("the payee gives a new address for every payment, as wallets and shops do", _REUSED),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for an address shown to be new, 0 for one not shown before, −1 for one shown before."""
        return ballot(payments.is_fresh, unknown=payments.is_fresh & ~payments.is_history_known)


@dataclass(frozen=True, slots=True)
class ShadowChange(Change):
    """Of two outputs the one to a new address, where the other's was seen before (CH-2).

    References
    ----------
    Androulaki et al. 2013, "shadow addresses" (recalled, not checked).
    """

    name: ClassVar[str] = "shadow-change"
    about: ClassVar[About] = About(
        "CH-2",
        "Of two outputs the change is the one to a new address, where the other was seen before.",
        Kind.CHANGE,
        "are taken for a sender and its change (the address not seen before, where the other was)",
        "Androulaki et al. 2013",
        (_REUSED, "the old address is the sender's own, and the new one is the payee's"),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the new one, −1 for the old one; other than two outputs: no vote."""
        votes = _sole(FreshChange().votes(payments), payments)
        return _silent(votes, payments.n_candidates != 2, payments)


@dataclass(frozen=True, slots=True)
class OneTimeChange(Change):
    """The only output to a new address, where no output returns to an input's address (CH-1, "heuristic 2").

    Parameters
    ----------
    wait_blocks : int
        Say nothing if the address is paid again within so many blocks; until they have passed, it cannot be
        known. 0: do not wait. The paper takes a day (144) and a week (1008).
    void_once_paid : bool
        Say nothing if another output's address was paid by exactly one transaction before, as far as is shown.
    void_once_self : bool
        Say nothing if another output's address was self-change before.

    Raises
    ------
    BadInput
        If `wait_blocks` is negative.

    References
    ----------
    Meiklejohn et al. 2013, heuristic 2; the refinements of its section on false positives are recalled, not
    checked.
    """

    wait_blocks: int = 0
    void_once_paid: bool = False
    void_once_self: bool = False
    name: ClassVar[str] = "one-time-change"
    about: ClassVar[About] = About(
        "CH-1",
        "The change goes to the only address of the transaction that never appeared before.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only address not seen before, and none of its own)",
        "Meiklejohn et al. 2013, heuristic 2",
        (
            _REUSED,
            "there is no change, and one of the payees is new",
            "the ledger does not hold the blocks in which the other addresses were used before",
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.wait_blocks, "blocks")

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the only new address, −1 for the others; no vote with self-change or two new ones."""
        fresh = FreshChange().votes(payments)
        old = fresh == RULED_OUT
        is_open, is_void = ~payments.are_inputs_known, payments.count(payments.is_self) > 0
        if self.wait_blocks:
            again, waits = self._wait(payments)
            is_void |= payments.count(again & ~old) > 0
            is_open |= payments.count(waits & ~old) > 0
        if self.void_once_paid:
            is_void |= payments.count(old & (prior_receipts(payments) == 1)) > 0
            is_open |= payments.count(old & ~payments.is_history_known) > 0
        if self.void_once_self:
            is_void |= payments.count(old & was_self_change(payments)) > 0
            is_open |= payments.count(old & ~payments.is_history_known) > 0
        votes = _sole(fresh, payments)
        votes[(votes == SUPPORTED) & is_open[payments.tx]] = POSSIBLE
        return _silent(votes, is_void, payments)

    def _wait(self, payments: Payments) -> tuple[Bools, Bools]:
        """Return, per candidate, whether it was paid again in time, and whether the time is not over."""
        of = heights(payments.ledger)
        made, again = of[payments.tx], next_receipt(payments, of >= 0)
        until = np.where(made >= 0, made + self.wait_blocks, -1)
        in_time = (again >= 0) & (of[again] <= until)
        # a payment whose block is not told may have come in time
        is_untold = next_receipt(payments, of < 0) >= 0
        return in_time, (made < 0) | (until > last_height(payments.ledger)[payments.tx]) | is_untold


@dataclass(frozen=True, slots=True)
class SelfChange(Change):
    """An output to an address that is among the inputs: the sender pays itself (CH-10).

    References
    ----------
    BlockSci, address reuse; GraphSense, direct change; Esplora, internal address reuse.
    """

    name: ClassVar[str] = "self-change"
    about: ClassVar[About] = About(
        "CH-10",
        "The change returns to an address that was spent from.",
        Kind.CHANGE,
        "are taken for a sender and its change (an address spent from and paid at once)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp; GraphSense; Esplora",
        ("a payee whose coin is among the inputs (PayJoin, CoinJoin) is paid at the same address",),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for such outputs, −1 for the others; no vote where no output is one."""
        unknown = (~payments.are_inputs_known)[payments.tx]
        applies = (payments.count(payments.is_self) > 0)[payments.tx] | unknown
        return ballot(payments.is_self, unknown=unknown & ~payments.is_self, applies=applies)


@dataclass(frozen=True, slots=True)
class LegacyChange(Change):
    """The only output that is both to a new address and smaller than every input (CH-11).

    References
    ----------
    BlockSci, `change_address.cpp`, legacy change.
    """

    name: ClassVar[str] = "legacy-change"
    about: ClassVar[About] = About(
        "CH-11",
        "The change is the only output to a new address that is smaller than every input.",
        Kind.CHANGE,
        "are taken for a sender and its change (smaller than every input, to an address not seen before)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp",
        (_REUSED, "the wallet adds inputs that it does not need"),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return the lesser of the two rules' votes, where one output only has both; CoinJoins: no vote."""
        both = np.minimum(FreshChange().votes(payments), OptimalChange().votes(payments))
        is_void = payments.is_coinjoin | (payments.n_candidates < 2)
        return _silent(_sole(both, payments), is_void, payments)


@dataclass(frozen=True, slots=True)
class ErmilovChange(Change):
    """Of two outputs the new and precise one, where the other was seen before (CH-15).

    No output returns to an input's address, and there are not two inputs.

    Parameters
    ----------
    decimals : int
        The change has more decimal places than this, of 8: it cannot be divided by 10 to the 8 − decimals.

    Raises
    ------
    BadInput
        If `decimals` is not from 0 to 7.

    References
    ----------
    Ermilov, Panov, Yanovich 2017, "Automatic Bitcoin Address Clustering" (recalled, not checked).
    """

    decimals: int = 4
    name: ClassVar[str] = "ermilov-change"
    about: ClassVar[About] = About(
        "CH-15",
        "Of two outputs the change is the new one with more than four decimal places.",
        Kind.CHANGE,
        "are taken for a sender and its change (the amount with many decimal places to the address not seen before)",
        "Ermilov, Panov, Yanovich 2017",
        (_REUSED, "the price was set in another currency, and the payee's address is new"),
    )

    def __post_init__(self) -> None:
        whole_number(self.decimals, "decimal places", most=7)

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the new and precise one; no vote for other transactions than the rule speaks of."""
        votes = _sole(FreshChange().votes(payments), payments)
        votes[(votes == SUPPORTED) & (~payments.are_inputs_known)[payments.tx]] = POSSIBLE
        # with two that may be new, both stay: that one is round does not show that the other is new
        is_one = payments.count(votes >= POSSIBLE) == 1
        is_round = payments.value % 10 ** (8 - self.decimals) == 0
        votes[is_one[payments.tx] & is_round & (votes >= POSSIBLE)] = RULED_OUT
        is_void = (payments.n_candidates != 2) | (payments.n_inputs == 2)
        return _silent(votes, is_void | (payments.count(payments.is_self) > 0), payments)


def _sole(votes: Votes, payments: Payments) -> Votes:
    """Return the votes of "this, and no other output".

    Two that are certain silence the rule; while another one is possible, none is certain.
    """
    certain = payments.count(votes == SUPPORTED)[payments.tx]
    possible = payments.count(votes >= POSSIBLE)[payments.tx]
    found = np.where((votes == SUPPORTED) & (possible > 1), POSSIBLE, votes).astype(np.int8)
    found[certain > 1] = ABSTAINS
    return found


def _silent(votes: Votes, is_void: Bools, payments: Payments) -> Votes:
    """Return the votes with those of void transactions taken back."""
    return np.where(is_void[payments.tx], ABSTAINS, votes).astype(np.int8)
