"""Blockchair's dumps of Bitcoin-like chains: transactions, inputs, outputs and blocks as tab-separated text.

Transactions come out of `inputs`, `outputs` and `transactions` of the same day together: pass the files
at once. With `blocks` they have their block's hash too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.formats.cells import Row
from chainflow.formats.drafts import KINDS, Drafts, Head, Spent, script_stated, value_of
from chainflow.formats.reading import Reading, choose, drain
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import Layout, columns_of, tables_of
from chainflow.model import Fact, Outpoint, OutputRecord

__all__ = ["BlockchairTsv"]

_U32 = 2**32 - 1
_MEMPOOL = -1
_CHAINS = {
    "bitcoin": "btc",
    "bitcoin-cash": "bch",
    "litecoin": "ltc",
    "dogecoin": "doge",
    "dash": "dash",
    "zcash": "zec",
}
_COLUMNS = {
    "inputs": {"transaction_hash", "index", "value", "spending_transaction_hash", "spending_index"},
    "outputs": {"transaction_hash", "index", "value", "script_hex", "is_from_coinbase"},
    "transactions": {"hash", "block_id", "input_count", "output_count", "fee"},
    "blocks": {"id", "hash", "time", "median_time"},
    "addresses": {"address", "balance"},
}
_MEANINGS = {
    "hash": "txid, or hash of a block",
    "transaction_hash": "txid that made the output",
    "index": "number of the output",
    "value": "value in satoshi",
    "recipient": "address, compared with the script",
    "type": "script type",
    "script_hex": "script of the output",
    "spending_transaction_hash": "txid that spends the output",
    "spending_index": "number of the input",
    "spending_sequence": "sequence of the input",
    "spending_signature_hex": "script of the input",
    "block_id": "height of the block",
    "id": "height of the block",
    "time": "time of the block",
    "is_coinbase": "whether it creates coins",
    "version": "version, which the txid commits to",
    "lock_time": "lock time, which the txid commits to",
    "input_count": "number of inputs, checked",
    "output_count": "number of outputs, checked",
    "input_total": "sum of the inputs in satoshi, checked",
    "output_total": "sum of the outputs in satoshi, checked",
    "fee": "inputs − outputs in satoshi, checked",
}


class BlockchairTsv(Format):
    """Dumps of gz.blockchair.com."""

    family: ClassVar = "blockchair-tsv"
    title: ClassVar = "Blockchair dumps (blocks, transactions, inputs, outputs as .tsv.gz)"

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are those of one of the dumps."""
        del name
        columns = set(columns_of(head))
        return _table(columns) not in ("", "addresses") or {"address", "balance"} == columns

    @classmethod
    def chains_of(cls, name: str, head: bytes) -> tuple[str, ...]:
        """Return the chain in the name of the dump."""
        del head
        _, _, rest = name.partition("blockchair_")
        stated = rest.rpartition("_")[0].rpartition("_")[0]
        return (_CHAINS[stated],) if stated in _CHAINS else ()

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the transactions of the dumps, recomputed from their rows, and the rows that make none."""
        choose(options_of(path), BlockchairTsv.options)
        reading, dump = Reading(), _Dump(Drafts(chain))
        for table in tables_of(body, Layout(delimiter="\t")):
            for row in reading.rows_of(table, _MEANINGS):
                reading.use(row, dump.take)
        for row in dump.transactions:
            reading.use(row, dump.head)
        drain(dump.drafts, reading)
        return reading.parsed()


def _table(columns: set[str]) -> str:
    return next((name for name, wanted in _COLUMNS.items() if wanted <= columns), "")


@dataclass(slots=True)
class _Dump:
    """The rows of the dumps while they come in."""

    drafts: Drafts
    transactions: list[Row] = field(default_factory=list)
    blocks: dict[int, str] = field(default_factory=dict)

    def take(self, row: Row) -> Iterable[Fact]:
        """Put a row where it belongs; it gives no fact yet."""
        self.drafts.put(row, ("spending_transaction_hash", "transaction_hash", "hash"), self._take)
        return ()

    def _take(self, row: Row) -> None:
        table, chain = _table(set(row.cells)), self.drafts.chain
        if table == "inputs":
            txid, vin = row.txid("spending_transaction_hash"), row.whole("spending_index", most=_U32)
            self.drafts.spend(txid, row, vin, _spent(chain, row))
        elif table == "outputs":
            output = OutputRecord(value_of(row, chain, "value"), _script(chain, row))
            self.drafts.pay(row.txid("transaction_hash"), row, row.whole("index", most=_U32), output)
        elif table == "transactions":
            self.transactions.append(row)
        elif table == "blocks":
            self.blocks[row.whole("id", most=2**31)] = row.txid("hash")
        else:
            raise BadInput("balances of addresses are sums, not evidence", hint="import inputs and outputs")

    def head(self, row: Row) -> Iterable[Fact]:
        """Take in what is stated of a whole transaction, when all blocks are known."""
        self.drafts.put(row, ("hash",), self._head)
        return ()

    def _head(self, row: Row) -> None:
        stated = row.whole("block_id", least=_MEMPOOL, most=2**31)
        height = None if stated == _MEMPOOL else stated
        is_coinbase = bool(row.flag("is_coinbase"))
        head = Head(
            is_coinbase=is_coinbase,
            version=row.whole("version", least=-(2**31), most=_U32) if row.has("version") else None,
            locktime=row.whole_or_none("lock_time", most=_U32),
            inputs=None if is_coinbase else row.whole("input_count", most=_U32),
            outputs=row.whole("output_count", most=_U32),
            spent_sat=None if is_coinbase else row.whole_or_none("input_total"),
            paid_sat=row.whole_or_none("output_total"),
            fee_sat=None if is_coinbase else row.whole("fee"),
            is_placed=True,
            height=height,
            block_hash=None if height is None else self.blocks.get(height),
            time=None if height is None else row.time("time"),  # of the mempool: when it was first seen
        )
        self.drafts.head(row.txid("hash"), row, head)


def _spent(chain: str, row: Row) -> Spent:
    return Spent(
        Outpoint(row.txid("transaction_hash"), row.whole("index", most=_U32)),
        row.whole_or_none("spending_sequence", most=_U32),
        row.hexadecimal("spending_signature_hex") or ("" if "spending_signature_hex" in row.cells else None),
        value_of(row, chain, "value"),
        _script(chain, row),
    )


def _script(chain: str, row: Row) -> str:
    kind, recipient = KINDS.get(row.text("type"), ""), row.text("recipient")
    script = row.hexadecimal("script_hex") or ""
    return (
        script_stated(chain, script=script, addresses=[recipient] * bool(recipient), kind=kind, value=row)
        or ""
    )
