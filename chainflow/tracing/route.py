"""A ledger as one direction of a trace sees it: what comes after an output, and why nothing can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from chainflow.ledger.index import Ints
from chainflow.model import EndReason

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["FEE", "Route", "Side"]

Side = list[tuple[int, int]]
"""Output row and value, for each output on one side of a transaction."""

_HOGADDR = "5820"
"""What the script begins with that Litecoin's MWEB pools all its coins under (witness version 8)."""

FEE = -1
"""Stands where an output's row number would, for the fee of a transaction."""


class Route:
    """The integer columns of a ledger as plain lists, turned to one direction.

    Attributes
    ----------
    makers : list of int
        Row of the transaction that made each output, −1 where it is not in the ledger.
    before, after : list of int
        Rows of the transactions on either side of each output, as the trace meets them: its maker and
        its spender forward, its spender and its maker backward.
    """

    def __init__(self, ledger: Ledger, *, forward: bool) -> None:
        index = self.index = ledger.index
        self.forward = forward
        self.values: list[int] = index.value.tolist()
        self.makers: list[int] = index.created_by.tolist()
        spenders: list[int] = index.spent_by.tolist()
        self.before: list[int] = self.makers if forward else spenders
        self.after: list[int] = spenders if forward else self.makers
        self._coinbases: list[bool] = ledger.txs["is_coinbase"].to_pylist()
        burnt = ledger.outputs["script_type"].to_numpy() == "op_return"
        self._burnt = set(np.flatnonzero(burnt).tolist())
        self._fees = _fees(ledger)
        self._disputed = {self.index.row_of_tx[key] for key in ledger.disputed if key in self.index.row_of_tx}

    def sides(self, tx: int) -> tuple[Side, Side]:
        """Return where taint enters a transaction and where it leaves; the fee is the last of the outputs."""
        inputs = [(row, self.values[row]) for row in self.index.inputs_of(tx).tolist()]
        outputs = [(row, self.values[row]) for row in self.index.outputs_of(tx).tolist()]
        outputs.append((FEE, self._fees[tx]))
        return (inputs, outputs) if self.forward else (outputs, inputs)

    def final(self, row: int) -> EndReason | None:
        """Return why nothing can be said of what comes after an output; None where it can."""
        if self.forward and row in self._burnt:
            return EndReason.BURNT
        if self.forward and self.index.states[row] == "unspent":
            return EndReason.UNSPENT
        tx = self.after[row]
        if not self.forward and tx >= 0 and self._coinbases[tx]:
            return EndReason.COINBASE
        if tx in self._disputed:
            return EndReason.DISPUTED
        # a rule needs every input: one that is not in evidence would change what the others pay
        return EndReason.UNKNOWN if tx < 0 or self._fees[tx] < 0 else None


def _fees(ledger: Ledger) -> list[int]:
    """Return each transaction's fee; negative where its sides are not all in evidence or do not add up.

    Those of Litecoin's MWEB never are: who pays whom in it stands in a part of the block that is hidden.
    """
    index, outputs = ledger.index, ledger.outputs
    whole = (np.diff(index.in_ptr) == ledger.txs["n_inputs"].to_numpy()) & (
        np.diff(index.out_ptr) == ledger.txs["n_outputs"].to_numpy()
    )
    whole &= ~np.array(ledger.txs["is_coinbase"].to_pylist(), dtype=bool)
    pools = pc.and_(
        pc.starts_with(outputs["script"], pattern=_HOGADDR), pc.starts_with(outputs["chain"], pattern="ltc")
    )
    whole[[tx for tx in index.created_by[np.flatnonzero(pools)] if tx >= 0]] = False
    paid = _sums(index.value, index.in_ptr, index.in_rows) - _sums(index.value, index.out_ptr, index.out_rows)
    fees: list[int] = np.where(whole, paid, -1).tolist()
    return fees


def _sums(values: Ints, ptr: Ints, rows: Ints) -> Ints:
    """Return the sum of each group of a CSR, in int64 (a running sum that wraps around still subtracts)."""
    running = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(values[rows], out=running[1:])
    return running[ptr[1:]] - running[ptr[:-1]]
