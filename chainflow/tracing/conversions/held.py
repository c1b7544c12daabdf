"""What ledgers hold of each transaction, in one form for chains of outputs and of accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from chainflow.model import TransferKind
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import Leg

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["HeldTx", "Movement", "hold"]

_VALUE = (TransferKind.NATIVE, TransferKind.INTERNAL, TransferKind.TOKEN)


class Movement(NamedTuple):
    """One output, or one transfer of value.

    `payers` are the addresses of all inputs of an output's transaction, or the sender; none where nobody paid
    or it is not in evidence. `payee` is "" for nobody. `ok` is None where nobody says whether it moved.
    """

    place: str
    asset: Asset
    payers: tuple[str, ...]
    payee: str
    amount_raw: int
    ok: bool | None = True
    marks: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it certainly moved, and no source marks it."""
        return self.ok is True and not self.marks


@dataclass(slots=True)
class HeldTx:
    """One transaction with its movements in the ledger's order."""

    chain: str
    txid: str
    height: int | None = None
    position: int | None = None
    time: int | None = None
    is_disputed: bool = False
    signer: str = ""
    scripts: list[str] = field(default_factory=list)  # of its OP_RETURN outputs, hex
    spends: set[tuple[str, str]] = field(default_factory=set)  # (txid, vout) of its inputs
    movements: list[Movement] = field(default_factory=list)

    def leg(self, movements: Collection[Movement], amount_raw: int | None = None) -> Leg:
        """Return movements of one asset as one leg; its amount is their sum unless told otherwise."""
        place = "+".join(dict.fromkeys(one.place for one in movements))
        payees = {one.payee for one in movements}
        total = sum(one.amount_raw for one in movements) if amount_raw is None else amount_raw
        asset = next(iter(movements)).asset
        return Leg(self.chain, self.txid, place, asset, payees.pop() if len(payees) == 1 else "", total)

    def net(self, account: str, asset: Asset) -> int:
        """Return what an account has more of an asset after the transaction than before, fees aside."""
        of = [one for one in self.movements if one.asset == asset]
        came = sum(one.amount_raw for one in of if one.payee == account)
        return came - sum(one.amount_raw for one in of if account in one.payers)

    def is_before(self, other: HeldTx) -> bool:
        """Return whether this certainly stands before another transaction of the same chain."""
        if self.chain != other.chain or self.height is None or other.height is None:
            return False
        if self.height != other.height or self.position is None or other.position is None:
            return self.height < other.height
        return self.position < other.position


Held = Mapping[tuple[str, str], HeldTx]
"""(chain, txid) → transaction."""


def hold(ledgers: Iterable[Ledger], *, txids: Collection[str] | None = None) -> dict[tuple[str, str], HeldTx]:
    """Return the transactions of ledgers, or those with these txids; the first ledger that holds one tells it."""
    found: dict[tuple[str, str], HeldTx] = {}
    for ledger in ledgers:
        mine: dict[tuple[str, str], HeldTx] = {}
        _hold_outputs(ledger, txids, mine)
        _hold_transfers(ledger, txids, mine)
        for key in ledger.disputed & mine.keys():
            mine[key].is_disputed = True
        found = mine | found
    return found


def _rows(table: pa.Table, txids: Collection[str] | None, *columns: str) -> pa.Table:
    """Return the rows of which one of the columns names one of the txids."""
    if txids is None:
        return table
    wanted = pa.array(sorted(txids), pa.string())
    mask = pc.is_in(table[columns[0]], value_set=wanted)
    for column in columns[1:]:
        mask = pc.or_(mask, pc.is_in(table[column], value_set=wanted))
    return table.filter(mask)


def _hold_outputs(
    ledger: Ledger, txids: Collection[str] | None, found: dict[tuple[str, str], HeldTx]
) -> None:
    columns = ["chain", "txid", "height", "position", "time"]
    for row in _timed(_rows(ledger.txs, txids, "txid").select(columns)):
        found[row["chain"], row["txid"]] = HeldTx(**row)
    payers: dict[tuple[str, str], dict[str, None]] = {}
    outputs = _rows(ledger.outputs, txids, "txid", "spent_by").to_pylist()
    for row in outputs:
        spender = found.get((row["chain"], row["spent_by"] or ""))
        if spender is not None:
            payers.setdefault((row["chain"], row["spent_by"]), {})[_label(row)] = None
            spender.spends.add((row["txid"], str(row["vout"])))
    for row in sorted(outputs, key=lambda row: (row["chain"], row["txid"], row["vout"])):
        key = (row["chain"], row["txid"])
        tx = found.get(key)
        if tx is None:
            continue
        if row["script_type"] == "op_return":
            tx.scripts.append(row["script"])
            if not row["value_sat"]:
                continue
        paid_by = tuple(payers.get(key, ()))
        tx.movements.append(
            Movement(str(row["vout"]), Asset(row["chain"], None), paid_by, _label(row), row["value_sat"])
        )


def _hold_transfers(
    ledger: Ledger, txids: Collection[str] | None, found: dict[tuple[str, str], HeldTx]
) -> None:
    for row in _timed(_rows(ledger.transfers, txids, "txid")):
        key, kind = (row["chain"], row["txid"]), row["kind"]
        tx = found.setdefault(key, HeldTx(*key, row["height"], row["position"], row["time"]))
        if kind in (TransferKind.NATIVE, TransferKind.FEE) and row["sender"]:
            tx.signer = row["sender"]
        if kind in _VALUE and int(row["stated_raw"]):
            asset = Asset(row["chain"], row["contract"], row["token_id"])
            payers = (row["sender"],) if row["sender"] else ()
            told = (row["place"], asset, payers, row["recipient"] or "")
            tx.movements.append(Movement(*told, int(row["stated_raw"]), row["ok"], row["marks"]))


def _timed(table: pa.Table) -> list[dict[str, Any]]:
    """Return rows with the block's time in Unix seconds."""
    place = table.schema.get_field_index("time")
    rows: list[dict[str, Any]] = table.set_column(place, "time", table["time"].cast(pa.int64())).to_pylist()
    return rows


def _label(row: Mapping[str, Any]) -> str:
    address = row["address"]
    return str(address) if address is not None else f"script:{row['script']}"
