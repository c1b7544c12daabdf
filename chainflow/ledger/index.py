"""Integer row numbers over a ledger's tables: which outputs a transaction makes, spends, a script owns.

All arrays are signed integers in spending order; −1 stands for "not in this ledger". Row numbers are
private to the engine: results speak of txids, outpoints and addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.addresses import decode
from chainflow.errors import SeedUnknown
from chainflow.model import is_txid

__all__ = ["Index"]

Ints = npt.NDArray[np.int64]


def _csr(keys: Ints, count: int, order_by: Ints | None = None) -> tuple[Ints, Ints]:
    """Group row numbers by key: rows of key k are `rows[ptr[k]:ptr[k + 1]]`; negative keys are left out."""
    rows = np.flatnonzero(keys >= 0)
    order = np.lexsort((rows if order_by is None else order_by[rows], keys[rows]))
    rows = rows[order]
    ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys[rows], minlength=count), out=ptr[1:])
    return ptr, rows.astype(np.int64)


def _place(table: pa.Table, column: str) -> list[tuple[str, str | None]]:
    return list(zip(table["chain"].to_pylist(), table[column].to_pylist(), strict=True))


class Index:
    """Integer view of (`txs`, `outputs`): built once per ledger, about 60 bytes per output.

    Attributes
    ----------
    created_by, spent_by : int64[n_outputs]
        Row of the transaction that made / spent each output; −1 where it is not in the ledger.
    value : int64[n_outputs]
        Base units.
    out_ptr, out_rows / in_ptr, in_rows : int64
        CSR: outputs made by a transaction in vout order / spent by it in input order.
    script_of : int64[n_outputs]
        Script number of each output; `labels[s]` is its address, or `script:<hex>` where it has none.
    """

    def __init__(self, txs: pa.Table, outputs: pa.Table) -> None:
        self.n_txs = txs.num_rows
        self.n_outputs = outputs.num_rows
        self.txids: list[str] = txs["txid"].to_pylist()
        self.chains: list[str] = txs["chain"].to_pylist()
        self.n_inputs: list[int] = txs["n_inputs"].to_pylist()
        self.is_coinbase: list[bool] = txs["is_coinbase"].to_pylist()
        self.row_of_tx = {place: row for row, place in enumerate(zip(self.chains, self.txids, strict=True))}
        created = [self.row_of_tx.get(place, -1) for place in _place(outputs, "txid")]
        spent = [self.row_of_tx.get(place, -1) for place in _place(outputs, "spent_by")]
        self.created_by: Ints = np.array(created, dtype=np.int64)
        self.spent_by: Ints = np.array(spent, dtype=np.int64)
        self.value: Ints = outputs["value_sat"].to_numpy().astype(np.int64)
        self.vout: Ints = outputs["vout"].to_numpy().astype(np.int64)
        vin = outputs["spent_vin"].fill_null(-1).to_numpy().astype(np.int64)
        self.out_ptr, self.out_rows = _csr(self.created_by, self.n_txs, self.vout)
        self.in_ptr, self.in_rows = _csr(self.spent_by, self.n_txs, vin)
        self.outpoint_txids: list[str] = outputs["txid"].to_pylist()
        self.output_chains: list[str] = outputs["chain"].to_pylist()
        self.states: list[str] = outputs["spend_state"].to_pylist()
        scripts = list(zip(self.output_chains, outputs["script"].to_pylist(), strict=True))
        numbers = {script: number for number, script in enumerate(dict.fromkeys(scripts))}
        self.script_of: Ints = np.array([numbers[script] for script in scripts], dtype=np.int64)
        self.labels: list[str] = [""] * len(numbers)
        for script, address in zip(scripts, outputs["address"].to_pylist(), strict=True):
            self.labels[numbers[script]] = address if address is not None else f"script:{script[1]}"
        self.script_ptr, self.script_rows = _csr(self.script_of, len(numbers))

    def outputs_of(self, tx: int) -> Ints:
        """Return the rows of the outputs that transaction row `tx` made, in vout order."""
        return self.out_rows[self.out_ptr[tx] : self.out_ptr[tx + 1]]

    def inputs_of(self, tx: int) -> Ints:
        """Return the rows of the outputs that transaction row `tx` spent, in input order."""
        return self.in_rows[self.in_ptr[tx] : self.in_ptr[tx + 1]]

    def outputs_to(self, script: int) -> Ints:
        """Return the rows of the outputs that script number `script` received, in spending order."""
        return self.script_rows[self.script_ptr[script] : self.script_ptr[script + 1]]

    def label_of(self, output: int) -> str:
        """Return the address (or `script:<hex>`) that output row `output` pays."""
        return self.labels[int(self.script_of[output])]

    @cached_property
    def row_of_outpoint(self) -> dict[tuple[str, int], list[int]]:
        """Map (txid, vout) to output rows: several only where chains share history."""
        rows: dict[tuple[str, int], list[int]] = {}
        for row, (txid, vout) in enumerate(zip(self.outpoint_txids, self.vout.tolist(), strict=True)):
            rows.setdefault((txid, vout), []).append(row)
        return rows

    @cached_property
    def scripts_of_label(self) -> dict[str, list[int]]:
        """Map an address (or `script:<hex>`) to its script numbers: one per chain it is used on."""
        numbers: dict[str, list[int]] = {}
        for number, label in enumerate(self.labels):
            numbers.setdefault(label, []).append(number)
        return numbers

    @cached_property
    def _held_chains(self) -> list[str]:
        return sorted(set(self.chains))

    def tx_rows(self, txid: str) -> list[int]:
        """Return the rows of transaction `txid`: several only where chains share history."""
        return [self.row_of_tx[chain, txid] for chain in self._held_chains if (chain, txid) in self.row_of_tx]

    def resolve(self, seeds: Sequence[str]) -> list[int]:
        """Return the output rows that seeds (address, txid or `txid:vout`) name, each once, in order.

        Raises
        ------
        SeedUnknown
            If one of them is not in this ledger.
        AddressInvalid
            If one of them is none of the three.
        """
        rows: dict[int, None] = {}
        for seed in seeds:
            rows.update(dict.fromkeys(self._resolve(seed)))
        return sorted(rows)

    def _resolve(self, seed: str) -> list[int]:
        txid, colon, vout = seed.partition(":")
        if is_txid(txid.lower()):
            seed = f"{txid.lower()}{colon}{vout}"
            txid = txid.lower()
        if is_txid(txid) and vout.isascii() and vout.isdigit():
            found = self.row_of_outpoint.get((txid, int(vout)), [])
        elif self.tx_rows(seed):
            found = [int(row) for tx in self.tx_rows(seed) for row in self.outputs_of(tx)]
        else:
            scripts = self.scripts_of_label.get(seed, []) or self._scripts_of_address(seed)
            found = [int(row) for script in scripts for row in self.outputs_to(script)]
        if not found:
            raise SeedUnknown(
                f"{seed} is not in this ledger ({self.n_txs:,} transactions)",
                hint="fetch it first; this says nothing about whether it exists on the chain",
            )
        return found

    def _scripts_of_address(self, text: str) -> list[int]:
        """Return the scripts of an address written another way (upper-case bech32); refuse a wrong one."""
        if is_txid(text):
            return []
        return self.scripts_of_label.get(decode(text).address, [])
