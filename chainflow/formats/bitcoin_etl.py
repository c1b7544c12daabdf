"""Bitcoin tables of bitcoin-etl, as in BigQuery's `crypto_bitcoin`: transactions, inputs, outputs.

A transaction with nested inputs and outputs stands alone. The flat tables `inputs` and `outputs` make
transactions only together with `transactions`: pass the files at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from chainflow.formats.cells import Row
from chainflow.formats.drafts import KINDS, Drafts, Head, Spent, script_stated, value_of
from chainflow.formats.reading import Reading, choose, drain
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import columns_of, tables_of
from chainflow.model import Fact, Outpoint, OutputRecord
from chainflow.sources.strict import loads_strict

__all__ = ["BitcoinEtl"]

_U32 = 2**32 - 1
_MEANINGS = {
    "hash": "txid",
    "transaction_hash": "txid",
    "block_number": "height of the block",
    "block_hash": "hash of the block",
    "block_timestamp": "time of the block",
    "is_coinbase": "whether it creates coins",
    "version": "version, which the txid commits to",
    "lock_time": "lock time, which the txid commits to",
    "input_count": "number of inputs, checked",
    "output_count": "number of outputs, checked",
    "input_value": "sum of the inputs in satoshi, checked",
    "output_value": "sum of the outputs in satoshi, checked",
    "fee": "inputs − outputs in satoshi, checked",
    "inputs": "inputs: outpoint, script, sequence, value and address of what is spent",
    "outputs": "outputs: value in satoshi, script, address",
    "index": "number of the input or output",
    "spent_transaction_hash": "txid of the spent output",
    "spent_output_index": "number of the spent output",
    "script_hex": "script",
    "sequence": "sequence",
    "type": "script type",
    "addresses": "address, compared with the script",
    "value": "value in satoshi",
}


class BitcoinEtl(Format):
    """Bitcoin-etl and BigQuery `crypto_bitcoin`: CSV, JSON lines, a JSON list or Parquet."""

    family: ClassVar = "bitcoin-etl"
    title: ClassVar = "bitcoin-etl / BigQuery crypto_bitcoin (transactions, inputs, outputs)"

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are those of one of the tables."""
        del name
        columns = set(columns_of(head))
        if {"spending_transaction_hash", "gas"} & columns or "cdd" in columns:
            return False
        nested = {"hash", "inputs", "outputs"} <= columns
        heads = {"hash", "lock_time", "is_coinbase", "block_number"} <= columns
        inputs = {"transaction_hash", "index", "spent_transaction_hash", "spent_output_index"} <= columns
        outputs = {"transaction_hash", "index", "addresses", "value", "type"} <= columns
        return nested or heads or inputs or outputs

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the transactions of a file, and the rows that make none.

        Facts are `TxRecord`s, with the bytes that the txid is the hash of where version, lock time, scripts
        and sequences are stated (they are not for a coinbase); of incomplete transactions `SpendRecord`s
        and `TxOutline`s.
        """
        choose(options_of(path), BitcoinEtl.options)
        reading, drafts = Reading(), Drafts(chain)
        for table in tables_of(body):
            for row in reading.rows_of(table, _MEANINGS):
                reading.use(row, lambda row: _take(drafts, row))
        drain(drafts, reading)
        return reading.parsed()


def _take(drafts: Drafts, row: Row) -> Iterable[Fact]:
    """Put a row where it belongs; it gives no fact yet."""
    drafts.put(row, ("transaction_hash", "hash"), lambda row: _put(drafts, row))
    return ()


def _put(drafts: Drafts, row: Row) -> None:
    if row.has("spent_transaction_hash", "spent_output_index"):
        txid = row.txid("transaction_hash")
        drafts.spend(txid, row, row.whole("index", most=_U32), _spent(drafts.chain, row))
    elif row.has("transaction_hash"):
        txid = row.txid("transaction_hash")
        drafts.pay(txid, row, row.whole("index", most=_U32), _paid(drafts.chain, row))
    else:
        _transaction(drafts, row)


def _transaction(drafts: Drafts, row: Row) -> None:
    txid, chain = row.txid("hash"), drafts.chain
    is_nested = row.has("outputs")
    spent = (
        {item.whole("index", most=_U32): _spent(chain, item) for item in row.rows("inputs")}
        if row.has("inputs")
        else {}
    )
    paid = (
        {item.whole("index", most=_U32): _paid(chain, item) for item in row.rows("outputs")}
        if is_nested
        else {}
    )
    is_coinbase = row.flag("is_coinbase")
    # without the values of what is spent, bitcoin-etl writes the sum of nothing and a negative fee
    priced = not spent or all(entry.value_sat is not None for entry in spent.values())
    height = row.whole_or_none("block_number", most=2**31)
    head = Head(
        is_coinbase=(is_nested and not spent) if is_coinbase is None else is_coinbase,
        version=row.whole("version", least=-(2**31), most=_U32) if row.has("version") else None,
        locktime=row.whole_or_none("lock_time", most=_U32),
        inputs=row.whole_or_none("input_count", most=_U32),
        outputs=row.whole_or_none("output_count", most=_U32),
        spent_sat=row.whole_or_none("input_value") if priced and not is_coinbase else None,
        paid_sat=row.whole_or_none("output_value"),
        fee_sat=row.whole_or_none("fee") if priced and not is_coinbase else None,
        is_placed=height is not None,
        height=height,
        block_hash=row.hexadecimal("block_hash", size=32),
        time=row.time("block_timestamp", "timestamp"),
        position=row.whole_or_none("index", "transaction_index", most=_U32),
        is_whole=is_nested,
    )
    drafts.head(txid, row, head)
    for vin, entry in spent.items():
        drafts.spend(txid, row, vin, entry)
    for vout, output in paid.items():
        drafts.pay(txid, row, vout, output)


def _spent(chain: str, row: Row) -> Spent:
    """Return an input; `script_hex` is what it shows, not what it spends."""
    outpoint = Outpoint(row.txid("spent_transaction_hash"), row.whole("spent_output_index", most=_U32))
    return Spent(
        outpoint,
        row.whole_or_none("sequence", most=_U32),
        row.hexadecimal("script_hex") or ("" if "script_hex" in row.cells else None),
        value_of(row, chain, "value") if row.has("value") else None,
        script_stated(chain, script=None, addresses=_addresses(row), kind=_kind(row), value=row),
    )


def _paid(chain: str, row: Row) -> OutputRecord:
    script = row.hexadecimal("script_hex") or ("" if "script_hex" in row.cells else None)
    script = script_stated(chain, script=script, addresses=_addresses(row), kind=_kind(row), value=row)
    if script is None:
        raise row.refuse("script_hex", "the script as hex, or an address with its type")
    return OutputRecord(value_of(row, chain, "value"), script)


def _kind(row: Row) -> str:
    return KINDS.get(row.text("type"), "")


def _addresses(row: Row) -> list[str]:
    stated = row.value("addresses")
    if isinstance(stated, str):
        is_list = stated.lstrip().startswith("[")
        stated = loads_strict(stated.encode(), what="addresses") if is_list else stated.split(",")
    if stated is None:
        return []
    if not isinstance(stated, list) or not all(isinstance(address, str) for address in stated):
        raise row.refuse("addresses", "a list of addresses")
    return [address.strip() for address in stated if address.strip()]
