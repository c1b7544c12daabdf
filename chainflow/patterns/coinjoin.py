"""CoinJoins by family: transactions in which several owners spend together, told by amounts and scripts.

A family is the name of a *shape*: a verdict says that a transaction looks as that software makes them,
with the reasons, and nothing about who took part or why. `docs/concepts/coinjoin.md` gives each rule,
its source, how often it was right on labelled transactions and when it is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from chainflow import cards, units
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import OutputRecord, Recipe, digest_of
from chainflow.patterns.shape import DUST_SAT, Shape

__all__ = ["FAMILIES", "CoinJoins", "Shape", "Verdict", "classify", "coinjoins"]

_ACTIVATION = {"joinmarket": 392_300, "wasabi-1": 530_500, "whirlpool": 570_000, "wabisabi": 741_213}
"""First block of each family on `btc` (Dumplings, `Constants.cs`); no guard elsewhere."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """That one transaction has the shape of a CoinJoin, and why.

    Attributes
    ----------
    family : str
        One of `FAMILIES`.
    ambiguous : bool
        Whether one owner can make this shape too, or some inputs were not there to be tested.
    reasons : tuple of str
        What was counted, for people.
    """

    txid: str
    family: str
    ambiguous: bool
    reasons: tuple[str, ...]


_POOLS = (100_000, 1_000_000, 2_500_000, 5_000_000, 25_000_000, 50_000_000)
_POOL_FEES = {100_000: 5_000, 1_000_000: 50_000, 5_000_000: 175_000, 50_000_000: 1_750_000}
_MIX_FEE = range(100, 110_001)  # what a coin new to the pool brings for the miners


def _is_tx0(shape: Shape) -> bool:
    """Return whether one owner splits coins into premix outputs for Whirlpool (CJ-5): no CoinJoin."""
    if len(shape.outputs) - len(shape.spendable) != 1:
        return False
    for pool, fee in _POOL_FEES.items():
        premix = Counter(o.value_sat for o in shape.spendable if o.value_sat - pool in _MIX_FEE)
        value, count = max(premix.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        others = [o.value_sat for o in shape.spendable if o.value_sat != value]
        # the pool's fee and at most one change, which may by chance be as large as a fee
        if 1 <= count <= 70 and len(others) <= 2 and any(fee <= 2 * other <= 6 * fee for other in others):
            return True
    return False


def _whirlpool(shape: Shape) -> tuple[str, ...] | None:
    """CJ-4: 5 to 8 inputs and as many outputs, all of one pool's value; 1 to 4 inputs are new to the pool."""
    count, (pool, equal) = len(shape.inputs), shape.denomination
    if not (5 <= count <= 8 and equal == count == len(shape.outputs) == shape.payers and pool in _POOLS):
        return None
    brought = [entry.value_sat - pool for entry in shape.known]
    entrants = [excess for excess in brought if excess != 0]
    if not all(excess in _MIX_FEE for excess in entrants) or len(entrants) > 4:
        return None
    if not entrants and not shape.unknown:
        return None
    return (
        f"{_equal(shape)}, a Whirlpool pool, and nothing else",
        f"{len(entrants)} of {count} inputs are new to the pool and bring the miners' fee",
    )


_COORDINATORS = {
    "0014869f5c7a4cd7776ae0c0fcd9c3315abb239a9f0d": "bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew",
    "0014eaaab82317670d0ee3013b073b25a7a5c780f528": "bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw",
}
"""The two addresses that were paid in each round of Wasabi 1 up to about block 610,000."""
_WASABI_BASE = 10_000_000


def _wasabi_1(shape: Shape) -> tuple[str, ...] | None:
    """CJ-6: the coordinator is paid, or equal outputs near 0.1 BTC (and its doubles) are half of all."""
    _, count = shape.denomination
    coordinator = next((o.script for o in shape.spendable if o.script in _COORDINATORS), None)
    if coordinator is not None and 3 <= count <= shape.payers:
        return (_equal(shape), f"pays Wasabi's coordinator {_COORDINATORS[coordinator]}")
    if len(shape.inputs) < 10 or not (shape.spreads_inputs and shape.pays_each_once):
        return None
    levels = _levels(shape)
    most = max(levels.values(), default=0)
    if not (3 <= most <= shape.payers <= 7 * most) or _divides_evenly(shape):
        return None
    mixed = sum(levels.values())
    if 2 * mixed < len(shape.spendable) - 1:
        return None
    return (
        f"{mixed} of {len(shape.spendable)} outputs are equal and near 0.1 BTC or its doubles: {_list(levels, shape)}",
        f"{shape.payers} distinct input scripts, none with more than a tenth of the inputs",
    )


def _levels(shape: Shape) -> dict[int, int]:
    """Return, for each doubling of 0.1 BTC ± 5 %, the value most paid there and to how many (2 or more)."""
    levels: dict[int, int] = {}
    level = _WASABI_BASE
    while 19 * level <= 20 * max(shape.repeated, default=0):
        near = [(count, value) for value, count in shape.repeated.items() if 20 * abs(value - level) <= level]
        if near:
            count, value = max(near)
            levels[value] = count
        level *= 2
    return levels


def _divides_evenly(shape: Shape) -> bool:
    """Return whether few inputs give a whole number of equal values and no change: a split, not a mix."""
    value, _ = shape.denomination
    total = sum(output.value_sat for output in shape.spendable)
    off = min(total % value, -total % value)
    return len(shape.inputs) < 20 and 10_000 * off <= total


def _wabisabi(shape: Shape) -> tuple[str, ...] | None:
    """CJ-7: 20 or more inputs; three or more values repeat and are half of the outputs, but not all."""
    outputs, mixed = len(shape.spendable), sum(shape.repeated.values())
    if len(shape.inputs) < 20 or not (shape.spreads_inputs and shape.pays_each_once):
        return None
    if min((output.value_sat for output in shape.spendable), default=0) < 5_000 or len(shape.repeated) < 3:
        return None
    if not outputs - 1 <= 2 * mixed < 2 * outputs:
        return None
    return (
        f"{mixed} of {outputs} outputs repeat one of {len(shape.repeated)} values",
        f"{len(shape.inputs)} inputs of {shape.payers} distinct scripts, none with more than a tenth of them",
    )


def _joinmarket(shape: Shape) -> tuple[str, ...] | None:
    """CJ-1 and CJ-8: half of the outputs, rounded up, are equal; each other output may be one's change."""
    outputs, (_, count) = len(shape.outputs), shape.denomination
    if len(shape.spendable) < outputs or not shape.pays_each_once or count != (outputs + 1) // 2:
        return None
    if not 3 <= count <= shape.payers or len(shape.inputs) > 4 * outputs or shape.reuses_a_script:
        return None
    if not shape.repays_the_largest_payer:
        return None
    return (
        f"{_equal(shape)}, half of all {outputs} outputs",
        f"{shape.payers} distinct input scripts: enough for {count} participants",
    )


def _equal_output(shape: Shape) -> tuple[str, ...] | None:
    """Equal outputs that no family claims: half of all, to no more scripts than pay (after CJ-2, CJ-9)."""
    outputs, (_, count), mixed = len(shape.spendable), shape.denomination, sum(shape.repeated.values())
    if not 2 <= count <= shape.payers:
        return None
    if 2 * count >= outputs - 1 and shape.repays_the_largest_payer:
        return (
            f"{_equal(shape)} among {outputs} outputs",
            f"{shape.payers} distinct input scripts; one owner can make this shape too",
        )
    if len(shape.repeated) >= 3 and 2 * mixed >= outputs - 1:
        return (
            f"{mixed} of {outputs} outputs repeat one of {len(shape.repeated)} values",
            f"{shape.payers} distinct input scripts; one owner can make this shape too",
        )
    return None


_RULES: dict[str, Callable[[Shape], tuple[str, ...] | None]] = {
    "whirlpool": _whirlpool,
    "wasabi-1": _wasabi_1,
    "wabisabi": _wabisabi,
    "joinmarket": _joinmarket,
    "equal-output": _equal_output,
}
"""In the order they are asked: the narrower first."""

FAMILIES = tuple(_RULES)
"""The families a transaction can be said to look like; `equal-output` is the ambiguous rest."""


def _equal(shape: Shape) -> str:
    value, count = shape.denomination
    return f"{count} outputs of exactly {units.format_coins(value, shape.chain)}"


def _list(counts: Mapping[int, int], shape: Shape) -> str:
    return ", ".join(f"{count} × {units.format_coins(value, shape.chain)}" for value, count in counts.items())


def classify(shape: Shape, *, families: Collection[str] = FAMILIES) -> Verdict | None:
    """Return which CoinJoin family one transaction looks like, and why; `None` for none.

    Assumes nothing but the shape: no tag, no neighbour in the chain. A Whirlpool Tx0 is none.

    Examples
    --------
    >>> mix = [OutputRecord(100_000, f"0014{n:040x}") for n in range(10)]
    >>> paid_in = [OutputRecord(100_300, mix[0].script), *mix[1:5]]
    >>> classify(Shape(tuple(paid_in), tuple(mix[5:]))).family
    'whirlpool'
    """
    if len(shape.inputs) < 2 or not shape.repeated or _is_tx0(shape):
        return None
    for family, rule in _RULES.items():
        if family not in families or _is_too_early(shape, family):
            continue
        reasons = rule(shape)
        if reasons is not None:
            if shape.unknown:
                reasons += (f"{shape.unknown} of {len(shape.inputs)} inputs are not in evidence",)
            return Verdict(shape.txid, family, family == "equal-output" or shape.unknown > 0, reasons)
    return None


def _is_too_early(shape: Shape, family: str) -> bool:
    return shape.chain == "btc" and shape.height is not None and shape.height < _ACTIVATION.get(family, 0)


@dataclass(frozen=True, eq=False, repr=False)
class CoinJoins(Mapping[str, Verdict]):
    """The transactions of a ledger that look like CoinJoins: txid → `Verdict`, in spending order.

    `in`, `len` and iteration work as for a set of txids, so it serves as a veto or a list of stops.
    """

    verdicts: Mapping[str, Verdict]
    recipe: Recipe

    def __getitem__(self, txid: str) -> Verdict:
        return self.verdicts[txid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all verdicts."""
        return digest_of([asdict(verdict) for verdict in self.verdicts.values()])

    @cached_property
    def families(self) -> dict[str, int]:
        """Family → how many transactions, in the order of `FAMILIES`; a family without any is left out."""
        counts = Counter(verdict.family for verdict in self.verdicts.values())
        return {family: counts[family] for family in FAMILIES if counts[family]}

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per transaction: `txid`, `family`, `ambiguous`, `reasons`."""
        rows = [(v.txid, v.family, v.ambiguous, "; ".join(v.reasons)) for v in self.verdicts.values()]
        return pd.DataFrame(rows, columns=["txid", "family", "ambiguous", "reasons"])

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {family}" for family, count in self.families.items())
        return f"<CoinJoins {len(self):,}{': ' if counts else ''}{counts}>"

    def _repr_html_(self) -> str:
        note = "A family is a shape: it does not say who took part or why. equal-output can have one owner."
        title = f"Transactions that look like CoinJoins: {len(self):,}"
        return cards.card(title, self.families.items(), header=("family", "transactions"), note=note)


def coinjoins(ledger: Ledger, *, families: Collection[str] = FAMILIES) -> CoinJoins:
    """Return the transactions that look like CoinJoins, each with its family and the reasons.

    Wrong in both directions: see `docs/concepts/coinjoin.md`. What is not in the ledger is not judged,
    and an input that is not in evidence makes a verdict ambiguous.

    Parameters
    ----------
    families : collection of str
        Which of `FAMILIES` to look for.

    Raises
    ------
    BadInput
        If a family is not known.

    References
    ----------
    CJ-1, CJ-4 … CJ-9 in `docs/concepts/coinjoin.md`: BlockSci, Dumplings, GraphSense, am-i-exposed;
    Schnoering and Vazirgiannis 2023; Stütz et al. 2022, arXiv 2109.10229.

    Examples
    --------
    >>> from chainflow.ledger import build
    >>> coinjoins(build(()))
    <CoinJoins 0>
    """
    strange = sorted(set(families) - set(FAMILIES))
    if strange:
        raise BadInput(f"no CoinJoin family {strange[0]!r}", hint=f"one of {', '.join(FAMILIES)}")
    chosen = [family for family in FAMILIES if family in families]
    verdicts: dict[str, Verdict] = {}
    for shape in _candidates(ledger):
        verdict = classify(shape, families=chosen)
        if verdict is not None:
            verdicts.setdefault(verdict.txid, verdict)
    recipe = Recipe("coinjoins", {"families": chosen}, inputs=[ledger.digest])
    return CoinJoins(verdicts, recipe)


def _candidates(ledger: Ledger) -> Iterator[Shape]:
    """Yield the shape of each transaction with two inputs or more and two equal outputs above dust."""
    index, txs = ledger.index, ledger.txs
    maker, value = index.created_by[index.out_rows], index.value[index.out_rows]
    order = np.lexsort((value, maker))
    maker, value = maker[order], value[order]
    twins = (maker[1:] == maker[:-1]) & (value[1:] == value[:-1]) & (value[1:] > DUST_SAT)
    joined, heights = txs["n_inputs"].to_pylist(), txs["height"].to_pylist()
    scripts = ledger.outputs["script"].to_pylist()

    def records(rows: list[int]) -> tuple[OutputRecord, ...]:
        return tuple(OutputRecord(int(index.value[row]), scripts[row]) for row in rows)

    for tx in np.unique(maker[1:][twins]).tolist():
        if joined[tx] >= 2:
            known = records(index.inputs_of(tx).tolist())
            missing = (None,) * (joined[tx] - len(known))
            outputs = records(index.outputs_of(tx).tolist())
            yield Shape((*known, *missing), outputs, heights[tx], index.chains[tx], index.txids[tx])
