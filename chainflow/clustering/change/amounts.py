"""Change rules that look at the amounts and script types of one transaction, and at nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.clustering.change.votes import Change, Votes, ballot
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from chainflow.units import whole_number

__all__ = [
    "AddressTypeChange",
    "LoneTypeChange",
    "OptimalChange",
    "PowerOfTenChange",
    "PrecisionChange",
    "UnnecessaryInputChange",
]

_DIGITS = range(1, 19)
"""Powers of ten that a 64-bit amount can be divided by."""


@dataclass(frozen=True, slots=True)
class OptimalChange(Change):
    """The change is smaller than the smallest input: with more change, one input would have done (CH-4).

    Parameters
    ----------
    min_inputs : int
        Fewest inputs of a transaction the rule speaks about. With one, almost every output qualifies.

    Raises
    ------
    BadInput
        If `min_inputs` is less than 1.

    References
    ----------
    BlockSci, `change_address.cpp`, optimal change.
    """

    min_inputs: int = 1
    name: ClassVar[str] = "optimal-change"
    about: ClassVar[About] = About(
        "CH-4",
        "The change is smaller than every input.",
        Kind.CHANGE,
        "are taken for a sender and its change (an amount smaller than every input)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp",
        (
            "the wallet adds inputs that it does not need, to gather small coins or on purpose",
            "the payment is smaller than every input too, and the change is not",
            "there is no change at all",
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.min_inputs, "inputs", least=1)

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for an amount below the smallest input; an input not in evidence may be smaller still."""
        least = payments.min_input[payments.tx]
        is_below = payments.value < least
        unknown = (~payments.are_inputs_known)[payments.tx] & (is_below | (least < 0))
        return ballot(is_below, unknown=unknown, applies=(payments.n_inputs >= self.min_inputs)[payments.tx])


@dataclass(frozen=True, slots=True)
class UnnecessaryInputChange(Change):
    """Of two outputs the smaller, where some input was not needed to pay the smaller one (CH-5, UIH1).

    With M the sum of all inputs but the smallest: M ≥ smaller + fee. Where even M ≥ larger + fee (UIH2), some
    input was needless whichever is the payment: no ordinary wallet pays so, and the rule says nothing.
    As inputs = outputs + fee, the same is: smallest input ≤ larger, and ≤ smaller for UIH2.

    References
    ----------
    Esplora, `privacy-analysis.js`, unnecessary input heuristics; the names are from A. Gibson's PayJoin notes.
    """

    name: ClassVar[str] = "unnecessary-input-change"
    about: ClassVar[About] = About(
        "CH-5",
        "The change is the smaller of two outputs, if paying it would have left an input unnecessary.",
        Kind.CHANGE,
        "are taken for a sender and its change (the smaller of two amounts, for which some input was unnecessary)",
        "Esplora, privacy-analysis.js",
        (
            "the wallet adds inputs that it does not need, to gather small coins",
            "the payee added an input (PayJoin) and the transaction still does not look like one",
        ),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the smaller output, 0 for both where each needed all inputs.

        Not applying: other than two outputs, one input, two inputs of one script, UIH2.
        """
        total = payments.ledger.txs["output_sat"].to_numpy().astype(np.int64)[payments.tx]
        least = payments.min_input[payments.tx]
        largest, smallest = (part[payments.tx] for part in _largest_and_smallest(payments))
        is_known = payments.are_inputs_known[payments.tx]
        is_plain = (payments.n_candidates == 2) & (payments.n_inputs >= 2) & ~_repeats_an_input(payments)
        applies = is_plain[payments.tx] & ~((least >= 0) & (least <= total - largest))
        is_open = ~is_known | (least > total - smallest)
        return ballot(payments.value < largest, unknown=is_open, applies=applies)


def _largest_and_smallest(payments: Payments) -> tuple[Ints, Ints]:
    """Return the largest and the smallest candidate of every transaction, base units."""
    largest = np.zeros(len(payments.n_inputs), dtype=np.int64)
    smallest = np.full(len(payments.n_inputs), np.iinfo(np.int64).max, dtype=np.int64)
    np.maximum.at(largest, payments.tx, payments.value)
    np.minimum.at(smallest, payments.tx, payments.value)
    return largest, smallest


def _repeats_an_input(payments: Payments) -> Bools:
    """Return whether two known inputs of every transaction have one script."""
    pairs = payments.pair(payments.input_tx, payments.input_script)
    tx = payments.input_tx[np.unique(pairs, return_index=True)[1]]
    return np.bincount(tx, minlength=len(payments.n_inputs)) < payments.n_known_inputs


@dataclass(frozen=True, slots=True)
class AddressTypeChange(Change):
    """The change has the script type of the inputs: a wallet keeps to its own type (CH-6).

    Parameters
    ----------
    form : str
        `one-input-type` (BlockSci): all inputs are of one type. `two-outputs` (Esplora): there are two
        outputs of different types, and just one of these is among the inputs, which may be mixed.

    Raises
    ------
    BadInput
        For another form.

    References
    ----------
    BlockSci, `change_address.cpp`, address type; Esplora, `privacy-analysis.js`.
    """

    form: str = "one-input-type"
    name: ClassVar[str] = "address-type-change"
    about: ClassVar[About] = About(
        "CH-6",
        "The change has the script type of the inputs.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only output with the script type of the inputs)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp; Esplora, privacy-analysis.js",
        (
            "sender and payee use one type and the change another: a wallet that migrates, or copies the payee's type",
            "the wallet has addresses of several types",
        ),
    )

    def __post_init__(self) -> None:
        if self.form not in ("one-input-type", "two-outputs"):
            raise BadInput(f"not a form of the rule: {self.form!r}", hint="one-input-type or two-outputs")

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the inputs' type; 0 wherever an input not in evidence could decide otherwise."""
        types = _Types(payments)
        unknown = (~payments.are_inputs_known)[payments.tx]
        if self.form == "one-input-type":
            return ballot(types.is_own, unknown=unknown, applies=(types.n_kinds <= 1)[payments.tx])
        other = (types.n_output_kinds == 2) & (payments.n_candidates == 2)
        n_own = payments.count(types.is_own)
        applies = other & np.where(payments.are_inputs_known, n_own == 1, n_own <= 1)
        return ballot(types.is_own, unknown=unknown, applies=applies[payments.tx])


@dataclass(frozen=True, slots=True)
class LoneTypeChange(Change):
    """The change is the only output with the type that all inputs have (C-9, BlockSci's "deanon").

    Unlike `AddressTypeChange` it says nothing at all where two outputs have that type.

    References
    ----------
    BlockSci, `tx_identification.cpp`, deanon transactions.
    """

    name: ClassVar[str] = "lone-type-change"
    about: ClassVar[About] = About(
        "C-9",
        "The change is the only output with the script type that all inputs have.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only output with the script type of all inputs)",
        "BlockSci (Kalodner et al. 2020), tx_identification.cpp",
        ("as for address-type-change: a wallet that migrates, copies the payee's type, or has several",),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for that output, −1 for the others of its transaction."""
        types = _Types(payments)
        applies = (payments.n_candidates > 1) & (types.n_kinds <= 1)
        applies &= (payments.count(types.is_own) == 1) | (types.n_kinds == 0)
        unknown = (~payments.are_inputs_known)[payments.tx]
        return ballot(types.is_own, unknown=unknown, applies=applies[payments.tx])


class _Types:
    """The script types of known inputs and of candidates, compared."""

    def __init__(self, payments: Payments) -> None:
        size = np.int64(payments.type_of_row.max(initial=0) + 1)
        inputs = np.unique(payments.input_tx * size + payments.type_of_row[payments.input_rows])
        outputs = payments.tx * size + payments.type
        self.is_own: Bools = np.isin(outputs, inputs)
        self.n_kinds: Ints = np.bincount(inputs // size, minlength=len(payments.n_inputs))
        self.n_output_kinds: Ints = np.bincount(np.unique(outputs) // size, minlength=len(payments.n_inputs))


@dataclass(frozen=True, slots=True)
class PowerOfTenChange(Change):
    """The change is not round: people pay round sums, and the rest is what is left (CH-7).

    Parameters
    ----------
    digits : int
        An amount is round if it can be divided by 10 to this power, in base units. BlockSci takes 6 (0.01 BTC),
        GraphSense 3, wallet-fingerprinting 2.

    Raises
    ------
    BadInput
        If `digits` is not from 1 to 18.

    References
    ----------
    BlockSci, `change_address.cpp`, power of ten value.
    """

    digits: int = 6
    name: ClassVar[str] = "power-of-ten-change"
    about: ClassVar[About] = About(
        "CH-7",
        "The change is an amount that is not round.",
        Kind.CHANGE,
        "are taken for a sender and its change (the only amount that is not round)",
        "BlockSci (Kalodner et al. 2020), change_address.cpp; GraphSense; Esplora",
        (
            "the price was set in another currency: then the payment is not round either",
            "the change is round by chance, or because a round coin paid a round sum and the fee beside it",
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.digits, "digits", least=1, most=18)

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for an amount that is not round; the inputs do not matter."""
        return ballot(payments.value % 10**self.digits != 0)


@dataclass(frozen=True, slots=True)
class PrecisionChange(Change):
    """Of two outputs the one with fewer trailing zeros, if the other has at least three more (CH-7).

    Parameters
    ----------
    difference : int
        How many trailing zeros more the payment has, at least, in base units.

    Raises
    ------
    BadInput
        If `difference` is not from 1 to 18.

    References
    ----------
    Esplora, `privacy-analysis.js`.
    """

    difference: int = 3
    name: ClassVar[str] = "precision-change"
    about: ClassVar[About] = About(
        "CH-7",
        "The change is the output with far fewer trailing zeros than the other.",
        Kind.CHANGE,
        "are taken for a sender and its change (the amount with far fewer trailing zeros)",
        "Esplora, privacy-analysis.js",
        (
            "the price was set in another currency, and the change is round by chance",
            "a round coin is split so that the change is the round part",
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.difference, "digits", least=1, most=18)

    def votes(self, payments: Payments) -> Votes:
        """Return 1 for the more precise of two outputs, 0 for both where they are about alike."""
        zeros = sum((payments.value % 10**k == 0).astype(np.int64) for k in _DIGITS)
        total = np.zeros(len(payments.n_inputs), dtype=np.int64)
        np.add.at(total, payments.tx, zeros)
        lead = total[payments.tx] - 2 * zeros  # trailing zeros of the other output less those of this one
        applies = (payments.n_candidates == 2)[payments.tx]
        return ballot(lead > 0, unknown=np.abs(lead) < self.difference, applies=applies)
