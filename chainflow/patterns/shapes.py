"""Every named shape of a ledger: CoinJoins, and what explains a transaction without a second owner.

`tx0`, `consolidation` and `batch-payout` are explanations, `payjoin` is a doubt; none of them is an alarm,
and none vetoes common spending by itself.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from chainflow import units
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.patterns.coinjoin import shapes_of, with_lineage
from chainflow.patterns.families import FAMILIES, classify, missing
from chainflow.patterns.shape import Shape
from chainflow.patterns.sweep import MANY_INPUTS, MANY_OUTPUTS, OTHER_SHAPES, Columns, sweep
from chainflow.patterns.verdict import Verdict, Verdicts
from chainflow.patterns.whirlpool import tx0_parts

__all__ = ["SHAPES", "Shapes", "recognise", "shapes"]

SHAPES = (*FAMILIES, *OTHER_SHAPES)
"""All names a transaction can have, in the order they are asked."""


class Shapes(Verdicts):
    """The transactions of a ledger that have a named shape: txid → `Verdict`, in spending order."""

    _note: ClassVar[str] = (
        "A name is that of a shape: it does not say who took part or why. payjoin is a doubt, no finding."
    )


def shapes(ledger: Ledger) -> Shapes:
    """Return every transaction of a named shape, with its one main verdict: CoinJoin families first.

    Coinbases have none. See `recognise` for the rules; `coinjoins` gives the part that serves as a veto.

    Examples
    --------
    >>> from chainflow import samples
    >>> shapes(samples.peel_chain(length=2).ledger)
    <Shapes 0>
    """
    found = sweep(Columns.of(ledger))
    verdicts: dict[str, Verdict] = {}
    for shape in shapes_of(ledger, np.flatnonzero(np.any(list(found.values()), axis=0))):
        verdict = recognise(shape)
        if verdict is not None:
            verdicts.setdefault(verdict.txid, verdict)
    return Shapes(with_lineage(ledger, verdicts), Recipe("shapes", {}, inputs=[ledger.digest]))


def recognise(shape: Shape) -> Verdict | None:
    """Return the main verdict on one transaction that is no coinbase; `None` if its shape has no name.

    In this order: a CoinJoin family (see `classify`); `tx0` (CJ-5); `payjoin`, a suspect (CJ-11);
    `consolidation`, from 5 inputs to one output, and `batch-payout`, to more than 10 outputs (CJ-12).

    Examples
    --------
    >>> from chainflow.model import OutputRecord
    >>> coins = tuple(OutputRecord(1_000, f"0014{n:040x}") for n in range(6))
    >>> recognise(Shape(coins[:5], (OutputRecord(4_900, coins[5].script),))).family
    'consolidation'
    """
    return classify(shape) or _tx0(shape) or _payjoin(shape) or _consolidation(shape) or _batch(shape)


def _tx0(shape: Shape) -> Verdict | None:
    parts = tx0_parts(shape)
    if parts is None:
        return None
    pool, premix, fee = (parts[0], parts[1], units.format_coins(parts[2], shape.chain))
    reasons = (
        f"{units.counted(premix, 'equal output')} a little above the Whirlpool pool of "
        f"{units.format_coins(pool, shape.chain)}, with one OP_RETURN",
        f"one output of {fee} is of the size of the pool's fee",
    )
    return Verdict(shape.txid, "tx0", False, reasons, missing(shape))


def _payjoin(shape: Shape) -> Verdict | None:
    """CJ-11: two outputs, inputs of two scripts and one type, one of them needed for neither output."""
    if len(shape.spendable) != 2 or len(shape.inputs) < 2 or shape.payers < 2 or shape.fee_sat is None:
        return None
    values = [entry.value_sat for entry in shape.known]
    largest = max(output.value_sat for output in shape.spendable)
    spare = sum(values) - min(values) - largest - shape.fee_sat
    if spare < 0 or len(shape.types_spent) != 1:
        return None
    reasons = (
        f"without its smallest input ({units.format_coins(min(values), shape.chain)}) the others "
        "would still pay the larger output and the fee, so the payee may have added it",
        f"{shape.payers} input scripts of one type ({min(shape.types_spent)}), two outputs",
    )
    against = ["one owner who gathers small coins makes this shape too"]
    if shape.payers < len(shape.inputs):
        against.append("some inputs share a script: a wallet that spends all coins of an address at once")
    if shape.pays_itself:
        against.append("a script that is spent from is paid again")
    return Verdict(shape.txid, "payjoin", True, reasons, tuple(against))


def _consolidation(shape: Shape) -> Verdict | None:
    if len(shape.spendable) != 1 or len(shape.inputs) < MANY_INPUTS:
        return None
    scripts = units.counted(shape.payers, "script")
    reasons = (f"{len(shape.inputs)} inputs of {scripts} and one output",)
    return Verdict(shape.txid, "consolidation", False, reasons, missing(shape))


def _batch(shape: Shape) -> Verdict | None:
    outputs, inputs = len(shape.spendable), len(shape.inputs)
    if outputs < MANY_OUTPUTS or inputs < 1:
        return None
    reasons = (f"{outputs} outputs, paid with {units.counted(inputs, 'input')}",)
    against = [f"{inputs} inputs are many for a payout of {outputs} outputs"] if 5 * inputs > outputs else []
    if shape.repeated:
        against.append(f"{shape.mixed} outputs repeat one of {units.counted(len(shape.repeated), 'value')}")
    return Verdict(shape.txid, "batch-payout", False, reasons, tuple(against))
