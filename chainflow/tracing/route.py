"""A ledger as one direction of a trace sees it: what comes after an output, and why nothing can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.errors import BadInput
from chainflow.ledger.index import Ints
from chainflow.ledger.spending import TWICE
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

    Raises
    ------
    BadInput
        If an output holds less than nothing.
    """

    def __init__(self, ledger: Ledger, *, forward: bool) -> None:
        index = self.index = ledger.index
        self.forward = forward
        self.values: list[int] = index.value.tolist()
        if min(self.values, default=0) < 0:
            row = int(np.argmin(index.value))
            raise BadInput(
                f"{index.outpoint_txids[row]}:{index.vout[row]} holds {self.values[row]:,} base units",
                hint="no output holds less than nothing: one of the sources is wrong, leave it out",
            )
        self.makers: list[int] = index.created_by.tolist()
        spenders: list[int] = index.spent_by.tolist()
        self.before: list[int] = self.makers if forward else spenders
        self.after: list[int] = spenders if forward else self.makers
        self._coinbases: list[bool] = ledger.txs["is_coinbase"].to_pylist()
        burnt = ledger.outputs["script_type"].to_numpy() == "op_return"
        self._burnt = set(np.flatnonzero(burnt).tolist())
        self._fees = _fees(ledger)
        times = ledger.txs["time"].cast(pa.int64()).to_pylist()
        self._times: list[int | None] = times
        self._confirmed: list[bool | None] = ledger.txs["is_confirmed"].to_pylist()
        named = {*ledger.disputed, *_spending_twice(ledger)}
        self._disputed = {self.index.row_of_tx[key] for key in named if key in self.index.row_of_tx}

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
        # only a seed can have been made by such a transaction: every other branch ends before it
        if tx in self._disputed or self.makers[row] in self._disputed:
            return EndReason.DISPUTED
        # a rule needs every input: one that is not in evidence would change what the others pay
        if tx < 0 or self._fees[tx] < 0:
            return EndReason.UNKNOWN
        return EndReason.UNCONFIRMED if self.forward and self._confirmed[tx] is False else None

    def begin(self, rows: Iterable[int]) -> int | None:
        """Return the time at which a trace from some outputs begins: of their makers, else of their spenders."""
        known = [
            next(
                (time for time in map(self.time, (self.makers[row], self.after[row])) if time is not None),
                None,
            )
            for row in rows
        ]
        found = [time for time in known if time is not None]
        return None if not found else min(found) if self.forward else max(found)

    def seconds(self, begin: int | None, tx: int) -> int | None:
        """Return how long after (backward: before) the beginning a transaction was; `None`: not known."""
        time = self.time(tx)
        if time is None or begin is None:
            return None
        return time - begin if self.forward else begin - time

    def time(self, tx: int) -> int | None:
        """Return when the block of a transaction was made; `None`: not known."""
        return None if tx < 0 else self._times[tx]


def _spending_twice(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield the (chain, txid) of both transactions where two in blocks spend one output: one of them is not there.

    Of two that wait for a block either may come; what goes into one ends as unconfirmed anyway.
    """
    confirmed = {
        (chain, txid)
        for chain, txid, is_in in zip(
            *(ledger.txs[name].to_pylist() for name in ("chain", "txid", "is_confirmed")), strict=True
        )
        if is_in is not False
    }
    for row in ledger.disputes.to_pylist():
        both = {(row["chain"], row["used"]), (row["chain"], row["refused"])}
        if row["why"] == TWICE and both <= confirmed:
            yield from sorted(both)


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
