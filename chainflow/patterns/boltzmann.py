"""Boltzmann: in how many ways a transaction's inputs can have paid its outputs, counted exactly or not at all.

An **interpretation** splits the inputs into groups, the outputs into as many groups, none of them empty, and
gives each group of inputs one group of outputs that it can pay for. Coins of one amount are different coins.
The counts say what amounts alone leave open, and nothing of who owned what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import comb, log2
from numbers import Integral

import pandas as pd

from chainflow import cards
from chainflow.errors import BadInput, SeedUnknown
from chainflow.ledger import Ledger
from chainflow.model import Recipe, digest_of
from chainflow.patterns.groupings import TooLarge, count_groupings
from chainflow.patterns.shape import Shape

__all__ = [
    "STEPS",
    "EqualMix",
    "Interpretations",
    "boltzmann",
    "boltzmann_of",
    "boltzmann_of_shape",
    "equal_mix",
]

STEPS = 8_000_000
"""How many steps a count may take by default: a few seconds."""


@dataclass(frozen=True, repr=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Interpretations:
    """The interpretations of one transaction, or why they were not counted.

    Attributes
    ----------
    inputs, outputs : tuple of int
        Amounts that took part, base units. Outputs of value 0 take no part: `vouts` says which these are.
    count : int or None
        N, exact. `None`: not counted, and `why_not` says why. It is never an estimate.
    together : tuple of tuple of int
        In how many interpretations input i (row) and output o (column) are in one group.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    vouts: tuple[int, ...]
    count: int | None
    together: tuple[tuple[int, ...], ...]
    why_not: str
    recipe: Recipe = field(compare=False)

    @property
    def txid(self) -> str:
        """The transaction, "" where only amounts were given."""
        return str(self.recipe.parameters["txid"])

    @property
    def intra_fee_sat(self) -> int:
        """What was assumed: how much more than it brings a group may receive."""
        return int(str(self.recipe.parameters["intra_fee_sat"]))

    @property
    def is_complete(self) -> bool:
        """Whether all interpretations were counted."""
        return self.count is not None

    @property
    def entropy(self) -> float | None:
        """E = log2 N, in bits; `None` where N is not known."""
        return None if self.count is None else log2(self.count)

    @cached_property
    def links(self) -> tuple[tuple[Fraction, ...], ...]:
        """The link probability of each input (row) and output (column): the share of interpretations, exact."""
        return tuple(tuple(Fraction(number, self.count or 1) for number in row) for row in self.together)

    @cached_property
    def deterministic(self) -> tuple[tuple[int, int], ...]:
        """The pairs (input, vout) that every interpretation puts together: probability exactly 1.

        Where N is 1 these are all pairs: the amounts allow one payment only, and nothing tells which coin paid
        for which output inside it.
        """
        return tuple(
            (vin, vout)
            for vin, row in enumerate(self.together)
            for vout, number in zip(self.vouts, row, strict=True)
            if number == self.count
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per pair: `vin`, `vout`, `input_sat`, `output_sat`, `together`, `probability`.

        `together` is an exact count, `probability` an exact `Fraction`. Empty where nothing was counted.
        """
        rows = [
            (vin, vout, self.inputs[vin], self.outputs[column], row[column], self.links[vin][column])
            for vin, row in enumerate(self.together)
            for column, vout in enumerate(self.vouts)
        ]
        names = ["vin", "vout", "input_sat", "output_sat", "together", "probability"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.astype({"together": object, "probability": object})

    def __repr__(self) -> str:
        shape = (
            f"{self.txid}{', ' if self.txid else ''}{len(self.inputs)} inputs, {len(self.outputs)} outputs"
        )
        shape += f", intra-fee {self.intra_fee_sat:,}" if self.intra_fee_sat else ""
        if self.count is None:
            return f"<Interpretations {shape}: not counted: {self.why_not}>"
        found = f"{self.count:,} interpretations, {self.entropy:.2f} bits"
        return f"<Interpretations {shape}: {found}, {len(self.deterministic)} deterministic links>"

    def _repr_html_(self) -> str:
        assumed = f"{self.intra_fee_sat:,} base units at most" if self.intra_fee_sat else "none"
        rows: list[tuple[str, object]] = [
            ("transaction", self.txid or "amounts only"),
            ("inputs, outputs", f"{len(self.inputs)}, {len(self.outputs)}"),
            ("assumed payments between participants", assumed),
        ]
        if self.count is None:
            rows.append(("interpretations", f"not counted: {self.why_not}"))
        else:
            pairs = ", ".join(f"input {vin} – output {vout}" for vin, vout in self.deterministic[:12])
            more = f" and {len(self.deterministic) - 12:,} more" if len(self.deterministic) > 12 else ""
            rows += [
                ("interpretations", f"{self.count:,}"),
                ("entropy", f"{self.entropy:.2f} bits"),
                ("links in every interpretation", f"{pairs}{more}" if pairs else "none"),
            ]
        note = (
            "From amounts alone, and under the assumption above: a participant who pays another more than "
            "that has links that are not counted here. Other knowledge (addresses, later spends) can rule "
            "out interpretations."
        )
        return cards.card("Interpretations of a transaction", rows, note=note)


def boltzmann(
    inputs: Sequence[int], outputs: Sequence[int], *, intra_fee_sat: int = 0, limit: int = STEPS
) -> Interpretations:
    """Return in how many ways these inputs can have paid these outputs, and how often each pair meets (CJ-10).

    A group of inputs can pay a group of outputs if it brings at least as much. What it brings beyond is its
    part of the fee: nothing says how payers share it, so every share from nothing to all of it is allowed.

    Assumes that every payer both brings and receives something here. Wrong where participants pay one
    another inside the transaction by more than `intra_fee_sat`.

    Parameters
    ----------
    inputs, outputs : sequence of int
        Amounts in base units, each above 0; the fee is what is left over.
    intra_fee_sat : int
        What a group may receive more than it brings, such as a JoinMarket maker's fee; another group then
        pays for it.
    limit : int
        Steps after which the count is given up. The same amounts always take the same steps.

    Raises
    ------
    BadInput
        If there is no input or no output, an amount is not above 0, or the outputs exceed the inputs.

    References
    ----------
    LaurentMT, *Bitcoin Transactions & Privacy* and *Boltzmann*, 2015–2017: groups match if their
    difference is from 0 to the fee, or from −maker fee to fee + taker fee.

    Examples
    --------
    >>> found = boltzmann([10, 10], [8, 8, 2, 2])
    >>> found.count, found.links[0][0]
    (5, Fraction(3, 5))
    """
    _check(inputs, outputs, intra_fee_sat)
    recipe = _recipe(intra_fee_sat, limit, digest_of([list(inputs), list(outputs)]))
    return _counted(inputs, outputs, range(len(outputs)), intra_fee_sat, limit, recipe)


def boltzmann_of(ledger: Ledger, txid: str, *, intra_fee_sat: int = 0, limit: int = STEPS) -> Interpretations:
    """Return the interpretations of one transaction of a ledger; outputs of value 0 take no part.

    Not counted where an input's value is not in evidence.

    Raises
    ------
    SeedUnknown
        If the transaction is not in the ledger.
    BadInput
        If it is a coinbase, or pays nothing.
    """
    index = ledger.index
    rows = index.tx_rows(txid)
    if not rows:
        raise SeedUnknown(f"{txid} is not in this ledger", hint="fetch it first")
    tx = rows[0]  # chains that share history share its amounts
    if index.is_coinbase[tx]:
        raise BadInput(f"{txid} is a coinbase", hint="it has no inputs to tell apart")
    known = index.value[index.inputs_of(tx)].tolist()
    inputs = [*known, *[None] * (index.n_inputs[tx] - len(known))]
    outputs = index.value[index.outputs_of(tx)].tolist()
    return _stated(inputs, outputs, intra_fee_sat, limit, _recipe(intra_fee_sat, limit, ledger.digest, txid))


def boltzmann_of_shape(shape: Shape, *, intra_fee_sat: int = 0, limit: int = STEPS) -> Interpretations:
    """Return the interpretations of a shape, as `boltzmann_of` does.

    Raises
    ------
    BadInput
        If it has no inputs, or pays nothing.
    """
    inputs = [None if entry is None else entry.value_sat for entry in shape.inputs]
    outputs = [output.value_sat for output in shape.outputs]
    recipe = _recipe(intra_fee_sat, limit, digest_of([inputs, outputs]), shape.txid)
    return _stated(inputs, outputs, intra_fee_sat, limit, recipe)


@dataclass(frozen=True, slots=True)
class EqualMix:
    """The interpretations of a mix of equal inputs and equal outputs, exact.

    Attributes
    ----------
    count : int
        N: how many there are.
    together : int
        In how many of them one input and one output are in one group; every pair alike.
    """

    count: int
    together: int

    @property
    def link(self) -> Fraction:
        """The link probability of each input and output, exact."""
        return Fraction(self.together, self.count)


def equal_mix(participants: int) -> EqualMix:
    """Return N, and in how many interpretations one input and one output meet, of n equal inputs and outputs.

    Holds where the fee is below one output: then a group of k inputs pays exactly k outputs.

    *N*: let k be the size of the group of the first input. Its k − 1 companions are any of the n − 1 other
    inputs, its outputs any k of n, the rest is a smaller mix: N(n) = Σ C(n−1, k−1) C(n, k) N(n−k), N(0) = 1.
    Summed over the sizes s of all groups, with m(j) groups of one size:
    N(n) = Σ over partitions of n: n!² / (Π s!² Π m(j)!), and N(n) / n!² are the coefficients of
    exp(Σ zᵏ / k!², k ≥ 1).

    *The pair*: all inputs are alike and so are all outputs, so every pair meets equally often, T(n). Let k be
    the size of the group that has both: its companions are k − 1 of n − 1 inputs and k − 1 of n − 1 outputs,
    the rest is a smaller mix: T(n) = Σ C(n−1, k−1)² N(n−k). The link probability is T(n) / N(n).

    Raises
    ------
    BadInput
        For fewer than one participant.

    Examples
    --------
    >>> equal_mix(5)
    EqualMix(count=1496, together=512)
    """
    if participants < 1:
        raise BadInput(f"a mix of {participants}", hint="one participant or more")
    ways = [1]
    for n in range(1, participants + 1):
        ways.append(sum(comb(n - 1, k - 1) * comb(n, k) * ways[n - k] for k in range(1, n + 1)))
    n = participants
    together = sum(comb(n - 1, k - 1) ** 2 * ways[n - k] for k in range(1, n + 1))
    return EqualMix(ways[n], together)


def _recipe(intra_fee_sat: int, limit: int, source: str, txid: str = "") -> Recipe:
    parameters = {"txid": txid, "intra_fee_sat": intra_fee_sat, "limit": limit}
    return Recipe("boltzmann", parameters, inputs=[source])


def _check(inputs: Sequence[int], outputs: Sequence[int], intra_fee_sat: int) -> None:
    amounts = (*inputs, *outputs, intra_fee_sat)
    if not all(isinstance(amount, Integral) for amount in amounts):  # a float of money, NaN among them
        raise BadInput("an amount is not a whole number", hint="give base units: satoshis")
    if not inputs or not outputs or min(*inputs, *outputs) <= 0 or intra_fee_sat < 0:
        raise BadInput(
            f"{len(inputs)} inputs, {len(outputs)} outputs, an intra-fee of {intra_fee_sat}",
            hint="give at least one of each, every amount above 0, and no negative fee",
        )
    if sum(outputs) > sum(inputs):
        raise BadInput(
            f"the outputs ({sum(outputs):,}) exceed the inputs ({sum(inputs):,})",
            hint="no transaction does that; is an input missing?",
        )


def _stated(
    inputs: Sequence[int | None], outputs: Sequence[int], intra_fee_sat: int, limit: int, recipe: Recipe
) -> Interpretations:
    """Count what a transaction states: some inputs may be unknown, and some outputs hold nothing."""
    vouts = [vout for vout, value in enumerate(outputs) if value]
    paid, known = [outputs[vout] for vout in vouts], [value for value in inputs if value is not None]
    if len(known) < len(inputs):
        why = f"{len(inputs) - len(known)} of {len(inputs)} inputs are not in evidence"
        return Interpretations(tuple(known), tuple(paid), tuple(vouts), None, (), why, recipe)
    _check(known, paid, intra_fee_sat)
    return _counted(known, paid, vouts, intra_fee_sat, limit, recipe)


def _counted(
    inputs: Sequence[int],
    outputs: Sequence[int],
    vouts: Iterable[int],
    intra_fee_sat: int,
    limit: int,
    recipe: Recipe,
) -> Interpretations:
    amounts = (tuple(inputs), tuple(outputs), tuple(vouts))
    try:
        count, together = count_groupings(inputs, outputs, intra_fee_sat=intra_fee_sat, limit=limit)
    except TooLarge as error:
        return Interpretations(*amounts, None, (), str(error), recipe)
    return Interpretations(*amounts, count, together, "", recipe)
