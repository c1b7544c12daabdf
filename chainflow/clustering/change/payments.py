"""The outputs that could be change, as columns: what every change rule looks at, gathered once per ledger.

Arrays over *candidates* (spendable outputs of transactions that are no coinbase, by transaction, then by
vout) or over *transactions* (all rows of the ledger). What is not in evidence is −1, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.ledger import Ledger
from chainflow.patterns import coinjoins

__all__ = ["Bools", "Ints", "Payments"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_NOBODYS = ["op_return"]


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Payments:
    """The candidates of a ledger.

    Attributes
    ----------
    rows : int64[n]
        Row of each candidate in `ledger.outputs`.
    tx : int64[n]
        Row of the transaction that made it, ascending.
    """

    ledger: Ledger
    rows: Ints
    tx: Ints

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Gather the candidates of a ledger: unspendable outputs and coinbases are left out."""
        index = ledger.index
        rows = index.out_rows
        barred = pc.is_in(ledger.outputs["script_type"], value_set=pa.array(_NOBODYS)).to_numpy()
        coinbase = np.array(index.is_coinbase, dtype=np.bool_)
        keep = ~barred[rows] & ~coinbase[index.created_by[rows]]
        return cls(ledger, rows[keep], index.created_by[rows[keep]])

    def __len__(self) -> int:
        return len(self.rows)

    # --- per candidate ---------------------------------------------------------------------------

    @cached_property
    def value(self) -> Ints:
        """Base units of each candidate."""
        return self.ledger.index.value[self.rows]

    @cached_property
    def script(self) -> Ints:
        """Script number of each candidate (`index.labels[script]` is its address)."""
        return self.ledger.index.script_of[self.rows]

    @cached_property
    def type_of_row(self) -> Ints:
        """Script-type code of every output row of the ledger; equal codes, equal types."""
        return np.unique(self.ledger.outputs["script_type"].to_numpy(), return_inverse=True)[1].astype(
            np.int64
        )

    @cached_property
    def type(self) -> Ints:
        """Script-type code of each candidate."""
        return self.type_of_row[self.rows]

    @cached_property
    def spender(self) -> Ints:
        """Row of the transaction that spends each candidate; −1 where it is unspent, unknown or not held."""
        return self.ledger.index.spent_by[self.rows]

    @cached_property
    def is_unspent(self) -> Bools:
        """Whether a source says that the candidate is unspent."""
        unspent = np.array([state == "unspent" for state in self.ledger.index.states], dtype=np.bool_)
        return unspent[self.rows]

    @cached_property
    def is_fresh(self) -> Bools:
        """Whether nothing in this ledger shows the candidate's script before its transaction."""
        return np.equal(self.first_seen[self.script], 2 * self.tx)

    @cached_property
    def is_history_known(self) -> Bools:
        """Whether a source listed the whole history of the candidate's script, and all of it is held.

        Of blocks nobody states whose histories they complete: there nothing is known.
        """
        table = self.ledger.coverage_table
        is_whole = pc.and_(pc.equal(table["state"], "complete"), pc.equal(table["list"], "history"))
        listed = table.filter(is_whole).select(["chain", "address", "received"])
        rows = zip(*(column.to_pylist() for column in listed.columns), strict=True)
        index = self.ledger.index
        known = np.zeros(len(index.labels), dtype=np.bool_)
        for chain, address, received in rows:
            for script in index.scripts_of_label.get(address, ()):
                same = index.output_chains[index.outputs_to(script)[0]] == chain
                known[script] |= same and received == self.n_appearances[script]
        return known[self.script]

    @cached_property
    def is_self(self) -> Bools:
        """Whether the candidate pays a script that is also among its transaction's inputs."""
        return np.isin(self.pair(self.tx, self.script), self.pair(self.input_tx, self.input_script))

    # --- per script ------------------------------------------------------------------------------

    @cached_property
    def first_seen(self) -> Ints:
        """Per script number, twice the row of the transaction that first pays it.

        One less than twice the row of its first spender where the paying transaction is not held: it was
        before that.
        """
        index = self.ledger.index
        seen = np.full(len(index.labels), np.iinfo(np.int64).max, dtype=np.int64)
        made = np.where(index.created_by >= 0, 2 * index.created_by, 2 * index.spent_by - 1)
        shown = (index.created_by >= 0) | (index.spent_by >= 0)
        np.minimum.at(seen, index.script_of[shown], made[shown])
        return seen

    @cached_property
    def n_appearances(self) -> Ints:
        """Per script number, the transactions held that pay it or spend from it."""
        index = self.ledger.index
        pairs = [
            self.pair(tx[tx >= 0], index.script_of[tx >= 0]) for tx in (index.created_by, index.spent_by)
        ]
        script = np.unique(np.concatenate(pairs)) % max(len(index.labels), 1)
        return np.bincount(script, minlength=len(index.labels)).astype(np.int64)

    # --- inputs and transactions -----------------------------------------------------------------

    @cached_property
    def input_rows(self) -> Ints:
        """Output rows that are spent in this ledger, by spending transaction, then in input order."""
        return self.ledger.index.in_rows

    @cached_property
    def input_tx(self) -> Ints:
        """Row of the transaction that spends each of `input_rows`."""
        return self.ledger.index.spent_by[self.input_rows]

    @cached_property
    def input_script(self) -> Ints:
        """Script number of each of `input_rows`."""
        return self.ledger.index.script_of[self.input_rows]

    @cached_property
    def n_inputs(self) -> Ints:
        """Inputs of every transaction, those not in evidence included."""
        return np.array(self.ledger.index.n_inputs, dtype=np.int64)

    @cached_property
    def n_known_inputs(self) -> Ints:
        """Inputs of every transaction whose spent output is in evidence."""
        return np.diff(self.ledger.index.in_ptr)

    @cached_property
    def are_inputs_known(self) -> Bools:
        """Whether all inputs of a transaction are in evidence."""
        return np.equal(self.n_known_inputs, self.n_inputs)

    @cached_property
    def min_input(self) -> Ints:
        """Smallest *known* input of every transaction, base units; −1 where none is known."""
        found = np.full(len(self.n_inputs), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(found, self.input_tx, self.ledger.index.value[self.input_rows])
        return np.where(self.n_known_inputs > 0, found, -1)

    @cached_property
    def is_coinjoin(self) -> Bools:
        """Whether any CoinJoin family fires for a transaction, ambiguous shapes included."""
        found = pa.array(sorted(coinjoins(self.ledger)), pa.string())
        txids = pa.array(self.ledger.index.txids, pa.string())
        return np.array(pc.is_in(txids, value_set=found), dtype=np.bool_)

    @cached_property
    def n_candidates(self) -> Ints:
        """Candidates of every transaction."""
        return self.count(np.ones(len(self), dtype=np.bool_))

    def count(self, mask: Bools) -> Ints:
        """Return how many candidates of every transaction are in `mask`."""
        return np.bincount(self.tx[mask], minlength=len(self.n_inputs)).astype(np.int64)

    def any_input(self, mask: Bools) -> Bools:
        """Return whether any known input of every transaction is in `mask` (over `input_rows`)."""
        return np.bincount(self.input_tx[mask], minlength=len(self.n_inputs)) > 0

    def pair(self, tx: Ints, script: Ints) -> Ints:
        """Return one number for each transaction row with each script number."""
        return tx * np.int64(max(len(self.ledger.index.labels), 1)) + script
