"""All transactions at once: which can have a named shape at all, from integer columns alone.

The sweep keeps every transaction that some readable rule may accept and drops the rest, so that the rules
are asked about few. What it keeps is not a verdict; `payjoin`, `consolidation` and `batch-payout` are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from chainflow.ledger import Ledger
from chainflow.patterns.families import FAMILIES
from chainflow.patterns.shape import DUST_SAT
from chainflow.patterns.whirlpool import MIX_FEE, POOLS

__all__ = ["MANY_INPUTS", "MANY_OUTPUTS", "OTHER_SHAPES", "Columns", "sweep"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

OTHER_SHAPES = ("tx0", "payjoin", "consolidation", "batch-payout")
"""The named shapes that are no CoinJoin, in the order they are asked."""

MANY_INPUTS = 5
"""From so many inputs to one output is a consolidation (CJ-12; the ratio of mempool's flag, CJ-3)."""

MANY_OUTPUTS = 11
"""From so many spendable outputs on is a batch payout (CJ-12; more than 10, CH-20)."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Transactions as integer columns; inputs and outputs of transaction t are at `ptr[t]` to `ptr[t + 1]`.

    Attributes
    ----------
    in_ptr, out_ptr : int64[n + 1]
        Where the inputs in evidence, and the outputs, of each transaction begin.
    in_value, out_value : int64
        Base units of each.
    in_script, out_script : int64
        Script number of each: equal numbers, equal scripts.
    in_type : int64
        Script-type number of each input in evidence.
    is_op_return : bool
        Per output.
    n_inputs : int64[n]
        Inputs of each transaction, those not in evidence included; 0 for a coinbase.
    """

    in_ptr: Ints
    in_value: Ints
    in_script: Ints
    in_type: Ints
    out_ptr: Ints
    out_value: Ints
    out_script: Ints
    is_op_return: Bools
    n_inputs: Ints

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Return the columns of a ledger: views of its index, gathered by transaction."""
        index = ledger.index
        types = ledger.outputs["script_type"].combine_chunks()
        codes = types.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
        barred = pc.equal(types, "op_return").to_numpy(zero_copy_only=False)
        spent, made = index.in_rows, index.out_rows
        is_coinbase = np.array(index.is_coinbase, dtype=np.bool_)
        return cls(
            in_ptr=index.in_ptr,
            in_value=index.value[spent],
            in_script=index.script_of[spent],
            in_type=codes[spent],
            out_ptr=index.out_ptr,
            out_value=index.value[made],
            out_script=index.script_of[made],
            is_op_return=barred[made].astype(np.bool_),
            n_inputs=np.where(is_coinbase, 0, np.array(index.n_inputs, dtype=np.int64)),
        )


def sweep(columns: Columns) -> dict[str, Bools]:
    """Return, for each named shape, which transactions can have it (bool[n]), in the order they are asked.

    Necessary, never sufficient: a transaction that is left out has not that shape, one that is kept is for
    the readable rule to judge. Heights are not looked at. Time grows with the inputs and outputs, and with
    the sorting of the outputs of transactions that have two inputs and two outputs.
    """
    spendable = _sums((~columns.is_op_return).astype(np.int64), columns.out_ptr)
    unspendable = np.diff(columns.out_ptr) - spendable
    found = {name: np.zeros(len(columns.n_inputs), dtype=np.bool_) for name in (*FAMILIES, *OTHER_SHAPES)}
    found["tx0"] = _premix(columns) & (unspendable == 1) & (spendable >= 2) & (columns.n_inputs >= 1)
    found["payjoin"] = _needless(columns, spendable)
    found["consolidation"] = (columns.n_inputs >= MANY_INPUTS) & (spendable == 1)
    found["batch-payout"] = (columns.n_inputs >= 1) & (spendable >= MANY_OUTPUTS)
    rows = _with_twins(columns, spendable)
    counts = _Counts.of(columns, rows, spendable[rows])
    for family, holds in _possible(counts).items():
        found[family][rows] = holds
    return found


def _sums(values: Ints, ptr: Ints) -> Ints:
    total = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=total[1:])
    return total[ptr[1:]] - total[ptr[:-1]]


def _premix(columns: Columns) -> Bools:
    """Return which transactions pay a value that is a little more than a pool's (CJ-5)."""
    pools = np.array(sorted(POOLS), dtype=np.int64)
    place = np.searchsorted(pools, columns.out_value - MIX_FEE.start, side="right") - 1
    above = columns.out_value - pools[np.maximum(place, 0)]
    hit = (place >= 0) & (above < MIX_FEE.stop)
    found: Bools = _sums(hit.astype(np.int64), columns.out_ptr) > 0
    return found


def _needless(columns: Columns, spendable: Ints) -> Bools:
    """Return which transactions have an input that neither output needed, and are PayJoin suspects (CJ-11)."""
    known = np.diff(columns.in_ptr)
    found: Bools = (spendable == 2) & (columns.n_inputs >= 2) & (known == columns.n_inputs)
    rows = np.flatnonzero(found)
    _, spent = _members(columns.in_ptr, rows)
    if not len(rows):
        return found
    starts = np.concatenate(([0], np.cumsum(known[rows])[:-1]))
    value, kind, script = (column[spent] for column in (columns.in_value, columns.in_type, columns.in_script))
    total = np.add.reduceat(value, starts)
    _, paid = _members(columns.out_ptr, rows)
    amounts = columns.out_value[paid]
    ends = np.concatenate(([0], np.cumsum(np.diff(columns.out_ptr)[rows])[:-1]))
    largest = np.maximum.reduceat(np.where(columns.is_op_return[paid], 0, amounts), ends)
    fee = total - np.add.reduceat(amounts, ends)
    found[rows] = (
        (total - np.minimum.reduceat(value, starts) >= largest + fee)
        & (np.minimum.reduceat(kind, starts) == np.maximum.reduceat(kind, starts))
        & (np.minimum.reduceat(script, starts) != np.maximum.reduceat(script, starts))
    )
    return found


def _members(ptr: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return (place among `rows`, position) of everything that the transactions `rows` have."""
    sizes = ptr[rows + 1] - ptr[rows]
    place = np.repeat(np.arange(len(rows), dtype=np.int64), sizes)
    first = np.cumsum(sizes) - sizes
    return place, np.arange(int(sizes.sum()), dtype=np.int64) + (ptr[rows] - first)[place]


def _with_twins(columns: Columns, spendable: Ints) -> Ints:
    """Return the transactions of two inputs or more that pay one value above dust twice."""
    rows = np.flatnonzero((columns.n_inputs >= 2) & (spendable >= 2))
    tx, paid = _members(columns.out_ptr, rows)
    keep = ~columns.is_op_return[paid] & (columns.out_value[paid] > DUST_SAT)
    tx, value = tx[keep], columns.out_value[paid[keep]]
    order = np.lexsort((value, tx))
    tx, value = tx[order], value[order]
    twins = (tx[1:] == tx[:-1]) & (value[1:] == value[:-1])
    found: Ints = rows[np.unique(tx[1:][twins])]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """What `Shape` counts, as one array entry per transaction."""

    inputs: Ints
    outputs: Ints
    spendable: Ints
    payers: Ints
    equal: Ints
    repeated: Ints
    mixed: Ints

    @classmethod
    def of(cls, columns: Columns, rows: Ints, spendable: Ints) -> Self:
        inputs = columns.n_inputs[rows]
        tx, spent = _members(columns.in_ptr, rows)
        payers = _distinct(tx, columns.in_script[spent], len(rows))
        unknown = inputs - np.diff(columns.in_ptr)[rows]
        tx, paid = _members(columns.out_ptr, rows)
        keep = ~columns.is_op_return[paid] & (columns.out_value[paid] > DUST_SAT)
        equal, repeated, mixed = _repeats(
            tx[keep], columns.out_value[paid[keep]], columns.out_script[paid[keep]], len(rows)
        )
        outputs = np.diff(columns.out_ptr)[rows]
        return cls(inputs, outputs, spendable, payers + unknown, equal, repeated, mixed)


def _distinct(tx: Ints, script: Ints, count: int) -> Ints:
    order = np.lexsort((script, tx))
    tx, script = tx[order], script[order]
    is_new = np.ones(len(tx), dtype=np.bool_)
    is_new[1:] = (tx[1:] != tx[:-1]) | (script[1:] != script[:-1])
    return np.bincount(tx[is_new], minlength=count).astype(np.int64)


def _repeats(tx: Ints, value: Ints, script: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """Return, per transaction, the scripts paid its commonest value, the repeated values, the scripts paid those."""
    order = np.lexsort((script, value, tx))
    tx, value, script = tx[order], value[order], script[order]
    is_run, is_new = np.ones(len(tx), dtype=np.bool_), np.ones(len(tx), dtype=np.bool_)
    is_run[1:] = (tx[1:] != tx[:-1]) | (value[1:] != value[:-1])
    is_new[1:] = is_run[1:] | (script[1:] != script[:-1])
    starts = np.flatnonzero(is_run)
    sizes = np.add.reduceat(is_new.astype(np.int64), starts) if len(starts) else starts
    equal, repeated, mixed = (np.zeros(count, dtype=np.int64) for _ in range(3))
    runs = tx[starts]
    np.maximum.at(equal, runs, sizes)
    np.add.at(repeated, runs, sizes >= 2)
    np.add.at(mixed, runs, np.where(sizes >= 2, sizes, 0))
    return equal, repeated, mixed


def _possible(counts: _Counts) -> dict[str, Bools]:
    """Return the necessary conditions of each CoinJoin family over the counts."""
    c = counts
    fits = (c.equal >= 2) & (c.equal <= c.payers)
    half, mixed = 2 * c.equal >= c.spendable - 1, 2 * c.mixed >= c.spendable - 1
    native = fits & (c.equal >= 10)
    base = (c.inputs >= 10) & (c.equal >= 3) & (c.payers >= 3)
    return {
        "whirlpool": (c.inputs >= 5) & (c.inputs <= 8) & (c.equal == c.inputs) & (c.outputs == c.inputs),
        "wasabi-1.0": (base & mixed) | (fits & (c.equal >= 3) & half),
        "wasabi-1.1": (base & mixed) | (fits & (c.equal >= 3)) | native,
        "wabisabi": (c.inputs >= 10) & (c.repeated >= 3),
        "joinmarket": fits & (c.equal >= 3) & (c.equal == (c.outputs + 1) // 2),
        "stonewall": (c.payers >= 2) & (c.spendable <= 4) & (c.equal == 2),
        "equal-output": fits & (half | ((c.repeated >= 3) & mixed)),
    }
