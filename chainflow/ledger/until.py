"""A ledger as it was at a block: later transactions taken out, what they spent unspent again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.errors import BadInput
from chainflow.model import Recipe, SpendState
from chainflow.units import whole_number

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["until"]

Bools = npt.NDArray[np.bool_]


def until(ledger: Ledger, height: int) -> Ledger:
    """Return what a ledger knows of the chain up to a block; see `Ledger.until`."""
    if len(ledger.chains) > 1:
        raise BadInput(
            f"this ledger holds {', '.join(ledger.chains)}: their blocks are not counted alike",
            hint="ask for one chain at a time",
        )
    height = whole_number(height, "blocks")
    txs, moved = _up_to(ledger.txs, height), _up_to(ledger.transfers, height)
    kept, gone = _ids(txs, moved), _ids(ledger.txs, ledger.transfers)
    gone = gone.filter(pc.invert(pc.is_in(gone, value_set=kept)))
    return replace(
        ledger,
        txs=txs,
        transfers=moved,
        outputs=_outputs(ledger, txs, height),
        coverage_table=_coverage(ledger, txs, moved, height),
        evidence=ledger.evidence.filter(pc.is_in(ledger.evidence["txid"], value_set=kept)),
        proofs=ledger.proofs.filter(pc.is_in(ledger.proofs["txid"], value_set=kept)),
        disputes=ledger.disputes.filter(pc.invert(pc.is_in(ledger.disputes["txid"], value_set=gone))),
        tip=None if ledger.tip is None else min(ledger.tip, height),
        recipe=Recipe("until", {"height": height}, inputs=[ledger.digest]),
    )


def _up_to(table: pa.Table, height: int) -> pa.Table:
    return table.filter(pc.fill_null(pc.less_equal(table["height"], height), False))


def _ids(*tables: pa.Table) -> pa.Array:
    return pa.concat_arrays([table["txid"].combine_chunks().cast(pa.string()) for table in tables]).unique()


def _outputs(ledger: Ledger, txs: pa.Table, height: int) -> pa.Table:
    """Return the outputs that the transactions kept make or spend, each with its state at the block."""
    table, ids = ledger.outputs, txs["txid"].combine_chunks()
    made, spent = (pc.is_in(table[name], value_set=ids).to_numpy() for name in ("txid", "spent_by"))
    later = _later(ledger, height)
    states = np.array(table["spend_state"].to_pylist(), dtype=object)
    is_spent = states == SpendState.SPENT
    was_unspent = is_spent & ~spent & later
    states[is_spent & ~spent] = SpendState.UNKNOWN
    states[was_unspent] = SpendState.UNSPENT
    as_of = [
        height if back else None if known is None else min(known, height)
        for back, known in zip(was_unspent.tolist(), table["as_of_height"].to_pylist(), strict=True)
    ]
    columns = dict(zip(table.column_names, table.columns, strict=True))
    columns |= {
        "value_proved": pa.array(table["value_proved"].to_numpy() & made),
        "spend_state": pa.array(states.tolist(), pa.string()),
        "as_of_height": pa.array(as_of, pa.int32()),
    }
    for name in ("spent_by", "spent_vin", "spent_sequence"):
        columns[name] = pc.if_else(
            pa.array(spent), table[name], pa.scalar(None, table.schema.field(name).type)
        )
    found = pa.Table.from_arrays([columns[name] for name in schema.OUTPUTS.names], schema=schema.OUTPUTS)
    return _in_order(found, made, made | spent)


def _later(ledger: Ledger, height: int) -> Bools:
    """Return which outputs are spent by a held transaction that is in a later block, or in none yet."""
    confirmed = ledger.txs["is_confirmed"].to_pylist()
    heights = ledger.txs["height"].to_pylist()
    is_later = np.array(
        [
            one is False or (block is not None and block > height)
            for one, block in zip(confirmed, heights, strict=True)
        ]
        + [False],  # the last answers for row -1: not held, so when it spends is not known
        dtype=np.bool_,
    )
    return np.asarray(is_later[ledger.index.spent_by])


def _in_order(table: pa.Table, made: Bools, keep: Bools) -> pa.Table:
    """Return the rows kept: those of transactions held first, in spending order, the others by outpoint."""
    held = table.filter(pa.array(made & keep))
    others = table.filter(pa.array(keep & ~made)).sort_by(
        [(n, "ascending") for n in ("chain", "txid", "vout")]
    )
    return pa.concat_tables([held, others]).combine_chunks()


def _coverage(ledger: Ledger, txs: pa.Table, moved: pa.Table, height: int) -> pa.Table:
    """Return the coverage as of the block.

    A history that is complete as of a later block is complete as of this one; one that is partial stays so.
    How many transactions its source said there are is a number of its own day: not known for this one.
    """
    table = ledger.coverage_table
    touched = _touched(ledger, txs, moved)
    rows = []
    for row in table.to_pylist():
        if row["as_of_height"] is None or row["as_of_height"] > height:
            row["claimed"] = None
            row["received"] = min(row["received"], touched.get(row["address"], 0))
        if row["as_of_height"] is not None:
            row["as_of_height"] = min(row["as_of_height"], height)
        rows.append(tuple(row.values()))
    return schema.rows_to_table(rows, schema.COVERAGE)


def _touched(ledger: Ledger, txs: pa.Table, moved: pa.Table) -> dict[str, int]:
    """Return how many of the transactions kept touch each address whose history was asked for."""
    asked, ids = ledger.coverage_table["address"].unique(), set(txs["txid"].to_pylist())
    found: dict[str, set[str]] = {}
    for table, address, *names in (
        (ledger.outputs, "address", "txid", "spent_by"),
        (moved, "sender", "txid"),
        (moved, "recipient", "txid"),
    ):
        rows = table.filter(pc.is_in(table[address], value_set=asked, skip_nulls=True)).select(
            [address, *names]
        )
        for label, *touching in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            found.setdefault(label, set()).update(txid for txid in touching if txid in ids)
    return {address: len(txids) for address, txids in found.items()}
