"""Change rules that look at the transaction which spends an output: does the same software sign it?

They see the future of a payment: an output that is not spent yet, or whose spender is not held, cannot be
ruled out and gets the vote 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainflow.clustering.change.payments import Payments
from chainflow.clustering.change.prints import FIELDS, STATIC, Prints, same_print
from chainflow.clustering.change.votes import Change, Votes, ballot
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from chainflow.units import whole_number

__all__ = ["ConsumerChange", "FingerprintChange", "FixedFeeChange", "LocktimeChange"]

_LATER = "the payee spends its output the way the payer does, and the change is not spent yet"
_SAME_SOFTWARE = "payer and payee use the same software, so that nothing is ruled out or the wrong output is"
_MOVED = "the owner changed the software, its settings, or sweeps the change from another wallet"


@dataclass(frozen=True, slots=True)
class LocktimeChange(Change):
    """Change is unspent, or spent by a transaction that uses its locktime as this one does (CH-8).

    Parameters
    ----------
    within : int
        0: compare whether there is a locktime. Above 0, the sharper form: compare whether there is none,
        one of a height at most so many blocks below the transaction's own (against fee sniping), or another.

    Raises
    ------
    BadInput
        If `within` is no number of blocks.

    References
    ----------
    Kalodner et al. 2020, BlockSci, USENIX Security (heuristic `locktime`).
    """

    within: int = 0

    name: ClassVar[str] = "locktime-change"
    about: ClassVar[About] = About(
        id="CH-8",
        title="Change is unspent, or spent by a transaction that uses its locktime as this one does.",
        kind=Kind.CHANGE,
        reading="sent what was later spent with the same use of the locktime to",
        source="Kalodner et al. 2020 (BlockSci)",
        wrong_when=(_SAME_SOFTWARE, _LATER, _MOVED),
    )

    def __post_init__(self) -> None:
        whole_number(self.within, "blocks")

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate; 0 too where a locktime is not known."""
        prints = Prints.of(payments.ledger)
        if self.within:
            return same_print(payments, [prints.locktime_classes(self.within)])
        return same_print(payments, [np.where(prints.locktime > 0, 1, prints.locktime)])


@dataclass(frozen=True, slots=True)
class FixedFeeChange(Change):
    """Change is unspent, or spent at exactly this transaction's fee rate (CH-9).

    The rate is ⌊1,000 · fee / vsize⌋. It is not known where an input's amount or the witness is not held.

    References
    ----------
    Kalodner et al. 2020, BlockSci, USENIX Security (heuristic `fixed_fee`).
    """

    name: ClassVar[str] = "fixed-fee-change"
    about: ClassVar[About] = About(
        id="CH-9",
        title="Change is unspent, or spent at exactly this transaction's fee rate.",
        kind=Kind.CHANGE,
        reading="sent what was later spent at exactly the same fee rate to",
        source="Kalodner et al. 2020 (BlockSci)",
        wrong_when=(
            "the wallet estimates its fee for each payment: then it rules out the change",
            "payer and payee both pay the least rate that is relayed",
            _LATER,
        ),
    )

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate; 0 too where a fee rate is not known."""
        return same_print(payments, [Prints.of(payments.ledger).fee_rate])


@dataclass(frozen=True, slots=True)
class ConsumerChange(Change):
    """An output that is spent by a transaction with three or more outputs is not change (CH-14).

    Parameters
    ----------
    outputs : int
        The least number of outputs that no consumer's wallet makes; those that nobody can spend count.

    Raises
    ------
    BadInput
        If `outputs` is below 2: then no spent output could be change.

    References
    ----------
    Nick 2015, Data-Driven De-Anonymization in Bitcoin (the "consumer" heuristic).
    """

    outputs: int = 3

    name: ClassVar[str] = "consumer-change"
    about: ClassVar[About] = About(
        id="CH-14",
        title="Change is not spent by a transaction with three or more outputs.",
        kind=Kind.CHANGE,
        reading="sent the only amount that was not later split among three or more to",
        source="Nick 2015",
        wrong_when=(
            "the payer is no consumer: services pay many at once, and their change is ruled out",
            "the payer sends to several payees or through a mix with its next payment",
            _LATER,
        ),
    )

    def __post_init__(self) -> None:
        whole_number(self.outputs, "outputs", least=2)

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate: the outputs of a transaction that is held are always known."""
        few = Prints.of(payments.ledger).n_outputs < self.outputs
        return ballot(few[payments.spender], unknown=payments.spender < 0)


@dataclass(frozen=True, slots=True)
class FingerprintChange(Change):
    """Change is the only output whose spender shows this transaction's fingerprint (CH-16).

    Parameters
    ----------
    fields : sequence of str
        The columns of `Prints` that must agree; by default those that do not depend on who is paid.

    Raises
    ------
    BadInput
        If a field is none of `FIELDS`, is named twice, or there is none.

    References
    ----------
    Fields: the program wallet-fingerprinting. RBF as in BIP125: a sequence below 0xfffffffe, not below
    0xffffffff as there.
    """

    fields: tuple[str, ...] = STATIC

    name: ClassVar[str] = "fingerprint-change"
    about: ClassVar[About] = About(
        id="CH-16",
        title="Change is the only output whose spender shows this transaction's fingerprint.",
        kind=Kind.CHANGE,
        reading="sent the only amount that was later spent by software of the same fingerprint to",
        source="the fields of the program wallet-fingerprinting; BIP125 for RBF",
        wrong_when=(_SAME_SOFTWARE, _LATER, _MOVED),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", checked_fields(self.fields))

    @property
    def parameters(self) -> Mapping[str, object]:
        """`fields`."""
        return {"fields": list(self.fields)}

    def votes(self, payments: Payments) -> Votes:
        """Return one vote per candidate; −1 where one known field differs, 0 where none does and one lacks."""
        prints = Prints.of(payments.ledger)
        return same_print(payments, [getattr(prints, field) for field in self.fields])


def checked_fields(fields: object) -> tuple[str, ...]:
    """Return names of fingerprint columns as a tuple.

    Raises
    ------
    BadInput
        If one is no column, is named twice, or there is none.
    """
    named = tuple(fields) if isinstance(fields, list | tuple) else ()
    if not named or len(set(named)) < len(named) or not set(named) <= set(FIELDS):
        raise BadInput(f"not fingerprint fields: {fields!r}", hint=f"each once, of {', '.join(FIELDS)}")
    return named
