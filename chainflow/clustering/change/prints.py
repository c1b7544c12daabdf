"""Fingerprints: what each transaction shows of the software that made it, as columns; −1 is not known.

Read from a transaction's bytes where the ledger holds them, else from its inputs in `ledger.outputs`. No
wallet makes a coinbase: only its outputs are described. `docs/rules/fingerprints.md` says what each column
means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.clustering.change.votes import Votes, ballot
from chainflow.errors import BadBytes
from chainflow.ledger import Ledger
from chainflow.sources.shown import pushes
from chainflow.transactions import Transaction
from chainflow.wire import parse_transaction

__all__ = ["FIELDS", "NEAR", "STATIC", "TYPES", "Prints", "same_print"]

STATIC = ("version", "locktime_class", "rbf", "input_types", "compressed")
"""Fields that a wallet's software repeats, whoever is paid."""

_VARYING = (
    *("output_types", "low_r", "bip69_inputs", "bip69_outputs"),
    *("rising_inputs", "falling_inputs", "oldest_first", "n_outputs", "fee_rate"),
)
FIELDS = (*STATIC, *_VARYING)
"""Every column that two transactions can be compared by."""

TYPES = (
    *("p2pk", "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "multisig"),
    *("anchor", "witness_unknown", "op_return", "empty", "unknown"),
)
"""Script types: type `n` is the bit `1 << n` of `input_types` and `output_types`."""

NEAR = 100
"""Blocks below its height that a locktime against fee sniping may lie: Bitcoin Core takes up to 99 off."""

_NONE_SHOWN = 2
_READ = ("version", "locktime", "least_sequence", "vsize", "compressed", "low_r", "bip69_inputs")
_SIGNALS_BELOW = 0xFFFFFFFE  # BIP125: a sequence of 0xfffffffe enables the locktime and signals nothing
_FIRST_TIME = 500_000_000  # a locktime from here on is a time, not a height
_WRAPPED = (b"\x16\x00\x14", b"\x22\x00\x20")  # how the scriptSig of a wrapped P2WPKH or P2WSH begins


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Prints:
    """The fingerprint columns of a ledger: `int64[n_txs]`, each made when it is first asked for.

    Examples
    --------
    >>> from chainflow import samples
    >>> Prints.of(samples.load("colonial")).version.tolist()
    [2, 2, 2, 2, 2, 2, 2, 2, 2, 1]
    """

    ledger: Ledger

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Return the fingerprints of a ledger, the same ones each time: reading bytes is the slow part."""
        found: Self = vars(ledger).setdefault("_prints", cls(ledger))  # as `cached_property` keeps its value
        return found

    @property
    def table(self) -> pa.Table:
        """Columns `chain`, `txid` and `FIELDS`, null where not known; in spending order."""
        columns = self.ledger.txs.select(["chain", "txid"])
        for field in FIELDS:
            values = getattr(self, field)
            columns = columns.append_column(field, pa.array(values, pa.int64(), mask=values < 0))
        return columns

    # --- from the bytes --------------------------------------------------------------------------

    @cached_property
    def _read(self) -> dict[str, Ints]:
        # a loop: where a field stands depends on all bytes before it
        rows = [_shown(raw) for raw in self.ledger.txs["raw"].to_pylist()]
        columns = np.array(rows, dtype=np.int64).reshape(-1, len(_READ)).T
        return dict(zip(_READ, columns, strict=True))

    @property
    def version(self) -> Ints:
        """nVersion, unsigned."""
        return self._read["version"]

    @property
    def locktime(self) -> Ints:
        """nLockTime."""
        return self._read["locktime"]

    @property
    def vsize(self) -> Ints:
        """Virtual bytes (BIP141); not known where the bytes are held without their witness."""
        return self._read["vsize"]

    @property
    def compressed(self) -> Ints:
        """1: all public keys that inputs show are compressed; 0: one is not; 2: none is shown."""
        return self._read["compressed"]

    @property
    def low_r(self) -> Ints:
        """1: the R of all ECDSA signatures has at most 32 bytes; 0: one is longer; 2: none is shown."""
        return self._read["low_r"]

    @property
    def locktime_class(self) -> Ints:
        """0: no locktime; 1: a height at most 100 below the transaction's own; 2: another."""
        return self.locktime_classes(NEAR)

    def locktime_classes(self, within: int) -> Ints:
        """Return `locktime_class` with another limit than 100 blocks.

        A height lock is not known to be near where the transaction's own height is not known.
        """
        age = self._height - self.locktime
        found = np.where((age > 0) & (age <= within), 1, 2)
        found[(self._height < 0) & (self.locktime < _FIRST_TIME)] = -1
        found[self.locktime == 0] = 0
        return np.where(self.locktime < 0, -1, found)

    # --- from bytes or inputs --------------------------------------------------------------------

    @cached_property
    def rbf(self) -> Ints:
        """1: a sequence is below 0xfffffffe, so that it may be replaced (BIP125); 0: none is."""
        index = self.ledger.index
        sequences = self.ledger.outputs["spent_sequence"].fill_null(-1).to_numpy()[index.in_rows]
        is_whole = (self._count_inputs(sequences >= 0) == self._n_inputs) & (self._n_inputs > 0)
        signals = self._count_inputs((sequences >= 0) & (sequences < _SIGNALS_BELOW)) > 0
        told = np.where(signals, 1, np.where(is_whole, 0, -1))
        least = self._read["least_sequence"]
        return np.where(least >= 0, least < _SIGNALS_BELOW, told)

    @cached_property
    def bip69_inputs(self) -> Ints:
        """1: inputs are sorted by txid, then vout; 0: they are not; 2: there is one only."""
        tx, before, after = self._input_pairs
        txid, vout = pa.array(self.ledger.index.outpoint_txids, pa.string()), self.ledger.index.vout
        told = self._orders(tx, _ascends(txid, before, after, then=vout[before] <= vout[after]))
        read = self._read["bip69_inputs"]
        return np.where(read >= 0, read, told)

    @cached_property
    def rising_inputs(self) -> Ints:
        """1: no input is worth less than the one before; 0: one is; 2: there is one only."""
        tx, before, after = self._input_pairs
        return self._orders(tx, self.ledger.index.value[before] <= self.ledger.index.value[after])

    @cached_property
    def falling_inputs(self) -> Ints:
        """1: no input is worth more than the one before; 0: one is; 2: there is one only."""
        tx, before, after = self._input_pairs
        return self._orders(tx, self.ledger.index.value[before] >= self.ledger.index.value[after])

    @cached_property
    def oldest_first(self) -> Ints:
        """1: no input was made in an earlier block than the one before; 0: one was; 2: there is one only."""
        tx, before, after = self._input_pairs
        made = self.ledger.index.created_by
        height = np.where(made >= 0, self._height[made], -1) if len(self._height) else made
        found = self._orders(tx, height[before] <= height[after])
        placed = self._count_inputs(height[self.ledger.index.in_rows] >= 0)
        return np.where((found == _NONE_SHOWN) | (placed == self._n_inputs), found, -1)

    @cached_property
    def input_types(self) -> Ints:
        """The script types spent, one bit each (`TYPES`)."""
        index = self.ledger.index
        types = _merged(index.spent_by[index.in_rows], self.type_bits[index.in_rows], index.n_txs)
        return np.where(self._are_inputs_known, types, -1)

    # --- from outputs and amounts ----------------------------------------------------------------

    @cached_property
    def type_bits(self) -> Ints:
        """The bit of `TYPES` that the script type of every output row of the ledger is."""
        codes = pc.index_in(self.ledger.outputs["script_type"], value_set=pa.array(TYPES))
        return np.left_shift(1, np.array(codes.fill_null(len(TYPES) - 1), dtype=np.int64))

    @cached_property
    def output_types(self) -> Ints:
        """The script types paid, one bit each (`TYPES`); those that nobody can spend included."""
        index = self.ledger.index
        return _merged(index.created_by[index.out_rows], self.type_bits[index.out_rows], index.n_txs)

    @cached_property
    def bip69_outputs(self) -> Ints:
        """1: outputs are sorted by value, then script; 0: they are not; 2: there is one only."""
        index = self.ledger.index
        tx, before, after = _pairs(index.created_by[index.out_rows], index.out_rows)
        value, script = index.value, self.ledger.outputs["script"].combine_chunks()
        ties = _ascends(script, before, after, then=np.ones(len(tx), dtype=np.bool_))
        ok = (value[before] < value[after]) | ((value[before] == value[after]) & ties)
        return _verdicts(tx, ok, self.n_outputs)

    @cached_property
    def n_outputs(self) -> Ints:
        """Outputs, those that nobody can spend included."""
        return np.array(self.ledger.txs["n_outputs"], dtype=np.int64)

    @cached_property
    def fee_rate(self) -> Ints:
        """⌊1,000 · fee / vsize⌋: base units per 1,000 virtual bytes."""
        fee = self.ledger.txs["fee_sat"].fill_null(-1).to_numpy()
        is_known = (fee >= 0) & (self.vsize > 0)
        return np.where(is_known, fee * 1_000 // np.maximum(self.vsize, 1), -1)

    # --- steps -----------------------------------------------------------------------------------

    @cached_property
    def _height(self) -> Ints:
        return np.array(self.ledger.txs["height"].fill_null(-1), dtype=np.int64)

    @cached_property
    def _n_inputs(self) -> Ints:
        return np.array(self.ledger.index.n_inputs, dtype=np.int64)

    @cached_property
    def _are_inputs_known(self) -> Bools:
        held: Ints = np.diff(self.ledger.index.in_ptr)
        are_known: Bools = (held == self._n_inputs) & (self._n_inputs > 0)
        return are_known

    @cached_property
    def _input_pairs(self) -> tuple[Ints, Ints, Ints]:
        index = self.ledger.index
        return _pairs(index.spent_by[index.in_rows], index.in_rows)

    def _count_inputs(self, mask: Bools) -> Ints:
        index = self.ledger.index
        return np.bincount(index.spent_by[index.in_rows][mask], minlength=index.n_txs).astype(np.int64)

    def _orders(self, tx: Ints, ok: Bools) -> Ints:
        """Return the verdicts on pairs of neighbouring inputs; −1 where an input is not in evidence."""
        found = _verdicts(tx, ok, self._n_inputs)
        return np.where(self._are_inputs_known | (self._n_inputs == 1), found, -1)


def same_print(payments: Payments, columns: Sequence[Ints], *, applies: Bools | None = None) -> Votes:
    """Return, per candidate, whether its spender and the transaction that made it agree in `columns`.

    −1 where both are known of one column and differ; 0 where none differs and one is not known, or the
    spender is not held.
    """
    spender = payments.spender
    differs, lacks = np.zeros((2, len(payments)), dtype=np.bool_)
    for column in columns:
        mine, theirs = column[payments.tx], np.where(spender >= 0, column[spender], -1)
        is_known = (mine >= 0) & (theirs >= 0)
        differs |= is_known & (mine != theirs)
        lacks |= ~is_known
    return ballot(~differs, unknown=lacks & ~differs, applies=applies)


def _shown(raw: bytes | None) -> tuple[int, ...]:
    """Return version, locktime, least sequence, vsize, `compressed`, `low_r`, `bip69_inputs` of bytes."""
    try:
        tx = None if raw is None else parse_transaction(raw)
    except BadBytes:  # a plug-in may hold the bytes of a chain that is read elsewhere
        tx = None
    if tx is None or tx.is_coinbase:
        return (-1,) * len(_READ)
    spent = [(entry.txid, entry.vout) for entry in tx.inputs]
    bip69 = int(spent == sorted(spent)) if len(spent) > 1 else _NONE_SHOWN
    signed = (-1, -1, -1) if _lacks_witness(tx) else (-(-tx.weight // 4), *_keys_and_signatures(tx))
    return (tx.version, tx.locktime, min(entry.sequence for entry in tx.inputs), *signed, bip69)


def _lacks_witness(tx: Transaction) -> bool:
    """Return whether an input cannot have been signed without the witness, of which there is none."""
    if any(entry.witness for entry in tx.inputs):
        return False
    return any(not entry.scriptsig or entry.scriptsig.startswith(_WRAPPED) for entry in tx.inputs)


def _keys_and_signatures(tx: Transaction) -> tuple[int, int]:
    """Return (`compressed`, `low_r`) of the keys and DER signatures that stand as items of their own."""
    is_compressed, is_low = [], []
    for item in _items(tx):
        if (len(item), item[:1]) in ((33, b"\x02"), (33, b"\x03"), (65, b"\x04")):
            is_compressed.append(len(item) == 33)
        elif 9 <= len(item) <= 73 and item[0] == 0x30 and item[1] == len(item) - 3 and item[2] == 2:
            is_low.append(item[3] <= 32)
    return (
        int(all(is_compressed)) if is_compressed else _NONE_SHOWN,
        int(all(is_low)) if is_low else _NONE_SHOWN,
    )


def _items(tx: Transaction) -> Iterator[bytes]:
    for entry in tx.inputs:
        yield from (pushes(entry.scriptsig) or ()) if entry.scriptsig else ()
        yield from entry.witness


def _pairs(tx: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (transaction, row, next row) of each two neighbours in one transaction."""
    found = np.flatnonzero(tx[1:] == tx[:-1])
    return tx[found], rows[found], rows[found + 1]


def _ascends(texts: pa.Array, before: Ints, after: Ints, *, then: Bools) -> Bools:
    """Return whether texts ascend from `before` to `after`; where they are equal, `then`."""
    first, second = texts.take(pa.array(before)), texts.take(pa.array(after))
    is_less, is_equal = (np.array(test(first, second), dtype=np.bool_) for test in (pc.less, pc.equal))
    return is_less | (is_equal & then)


def _verdicts(tx: Ints, ok: Bools, count: Ints) -> Ints:
    """Return per transaction 1 where all pairs are `ok`, 0 where one is not, 2 where there are no pairs."""
    breaks = np.bincount(tx[~ok], minlength=len(count)) > 0
    return np.where(count < 2, _NONE_SHOWN, np.where(breaks, 0, 1))


def _merged(tx: Ints, bits: Ints, count: int) -> Ints:
    found = np.zeros(count, dtype=np.int64)
    np.bitwise_or.at(found, tx, bits)
    return found
