"""GraphSense's raw keyspace of UTXO chains, exported from Cassandra (CSV) or from its lake (Parquet).

`transaction` tells in which block a transaction is, and its outputs where every script can be known; it has
no outpoints. `transaction_spending` and `transaction_spent_in` have them: which input spent which output.
The transformed tables (relations, clusters, balances) are sums over many transactions: refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from chainflow.errors import BadInput, ProofFailed
from chainflow.formats.cells import Row
from chainflow.formats.drafts import script_stated, value_of
from chainflow.formats.reading import Reading, choose
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import columns_of, tables_of
from chainflow.model import Fact, Outpoint, OutputRecord, SpendRecord, TxOutline
from chainflow.networks import is_account_chain

__all__ = ["GraphSense"]

_U32 = 2**32 - 1
_SPENDS = {"spending_tx_hash", "spending_input_index", "spent_tx_hash", "spent_output_index"}
_TRANSACTION = {"tx_hash", "block_id", "inputs", "outputs"}
_BLOCK = {"block_id", "block_hash", "timestamp", "no_transactions"}
_AGGREGATED = (
    {"src_address_id", "dst_address_id"},
    {"src_cluster_id", "dst_cluster_id"},
    {"address_id", "tx_id"},
    {"cluster_id", "tx_id"},
    {"address_id", "cluster_id"},
    {"no_incoming_txs", "no_outgoing_txs"},
)
_KINDS = {3: "p2pkh", 5: "p2sh", 8: "p2wpkh", 9: "p2wsh", 11: "p2tr"}
"""GraphSense's numbers of the script types that an address stands for."""

_TOKEN = re.compile(
    r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<blob>0x[0-9a-fA-F]*)|(?P<number>-?[0-9]+)|(?P<word>\w+)|(?P<mark>[\[\]{}:,]))\s*"
)
_WORDS = {"null": "null", "None": "null", "True": "true", "true": "true", "False": "false", "false": "false"}
_MEANINGS = {
    "tx_hash": "txid",
    "block_id": "height of the block",
    "block_hash": "hash of the block",
    "timestamp": "time of the block",
    "coinbase": "whether it creates coins",
    "total_input": "sum of the inputs in satoshi, checked",
    "total_output": "sum of the outputs in satoshi, checked",
    "inputs": "values and addresses of what is spent, without outpoints: only checked",
    "outputs": "outputs: value in satoshi, address",
    "spending_tx_hash": "txid of the spender",
    "spending_input_index": "number of the input",
    "spent_tx_hash": "txid that made the output",
    "spent_output_index": "number of the output",
}


class GraphSense(Format):
    """Exports of `transaction`, `transaction_spending`, `transaction_spent_in`, `block`."""

    family: ClassVar = "graphsense"
    title: ClassVar = "GraphSense raw tables (transaction, transaction_spending, transaction_spent_in, block)"

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are GraphSense's, also those of tables that will be refused."""
        del name
        columns = set(columns_of(head))
        return any(wanted <= columns for wanted in (_SPENDS, _TRANSACTION, _BLOCK, *_AGGREGATED))

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return `TxOutline`s and `SpendRecord`s."""
        choose(options_of(path), GraphSense.options)
        if is_account_chain(chain):
            raise BadInput("GraphSense's account tables are not read", hint="export them with ethereum-etl")
        reading, file = Reading(), _File(chain)
        for table in tables_of(body):
            if any(wanted <= set(table.columns) for wanted in _AGGREGATED):
                raise BadInput(
                    "this table holds sums over many transactions, or GraphSense's own numbers: no evidence",
                    hint="export transaction, transaction_spending and block of the raw keyspace",
                )
            for row in reading.rows_of(table, _MEANINGS):
                reading.use(row, lambda row: file.take(row, reading))
        for row in file.transactions:
            reading.use(row, lambda row: file.outline(row, reading))
        return reading.parsed()


@dataclass(slots=True)
class _File:
    """What must be known before a transaction can be placed: the hashes of blocks."""

    chain: str
    transactions: list[Row] = field(default_factory=list)
    blocks: dict[int, str] = field(default_factory=dict)
    spenders: dict[tuple[str, int], Outpoint] = field(default_factory=dict)
    spent: dict[Outpoint, tuple[str, int]] = field(default_factory=dict)

    def take(self, row: Row, reading: Reading) -> Iterator[Fact]:
        """Yield what a row states by itself."""
        columns = set(row.cells)
        if columns >= _SPENDS:
            yield from self._spend(row, reading)
        elif columns >= _TRANSACTION:
            self.transactions.append(row)
        elif columns >= _BLOCK:
            self.blocks[row.whole("block_id", most=2**31)] = row.txid("block_hash")
        else:
            raise BadInput("not a row of a table that is read here", hint="see docs/sources/files.md")

    def _spend(self, row: Row, reading: Reading) -> Iterator[Fact]:
        outpoint = Outpoint(row.txid("spent_tx_hash"), row.whole("spent_output_index", most=_U32))
        by = (row.txid("spending_tx_hash"), row.whole("spending_input_index", most=_U32))
        if (
            self.spenders.get(by, outpoint) != outpoint
            or self.spent.get(outpoint, by) != by
            or by[0] == outpoint.txid
        ):
            raise ProofFailed(
                f"{outpoint} cannot be spent by input {by[1]} of {by[0]}",
                hint="another row of the file says otherwise; export it again",
            )
        if by not in self.spenders:  # both tables state each spend once
            reading.counts["spent outputs"] += 1
            yield SpendRecord(self.chain, outpoint, *by)
        self.spenders[by], self.spent[outpoint] = outpoint, by

    def outline(self, row: Row, reading: Reading) -> Iterator[Fact]:
        """Yield what is stated of a transaction."""
        height = row.whole("block_id", most=2**31)
        inputs, outputs = self._side(row, "inputs"), self._side(row, "outputs")
        for name, side, value in (("total_input", inputs, None), ("total_output", outputs, None)):
            value = row.whole_or_none(name)
            if value is not None and value != sum(output[0] for output in side):
                raise ProofFailed(
                    f"the {name[6:]}s add up to {sum(output[0] for output in side):,}, not {value:,}",
                    hint="a part of the transaction is missing; export it again",
                )
        known = tuple(OutputRecord(value, script) for value, script in outputs if script is not None)
        whole = bool(outputs) and len(known) == len(outputs)
        reading.counts[
            "transactions with their outputs" if whole else "transactions whose block is stated"
        ] += 1
        reading.note("this table has no outpoints: its rows complete transactions that come from elsewhere")
        yield TxOutline(
            self.chain,
            row.txid("tx_hash"),
            True,
            height,
            self.blocks.get(height),
            row.time("timestamp", "block_timestamp"),
            outputs=known if whole else None,
        )

    def _side(self, row: Row, name: str) -> list[tuple[int, str | None]]:
        """Return values and, where they can be known, scripts of the inputs or outputs."""
        stated = row.value(name)
        if stated is None or stated == "null":
            return []
        if isinstance(stated, str):
            row = Row(row.line, {name: _literal(stated)}, row.table)
        return [
            (value_of(item, self.chain, "value"), self._script(item, is_output=name == "outputs"))
            for item in row.rows(name)
        ]

    def _script(self, item: Row, *, is_output: bool) -> str | None:
        """Return the script; GraphSense lists bare keys under an address that is another script's."""
        number = item.whole_or_none("address_type", most=99)
        script = item.hexadecimal("script_hex") if is_output else None  # an input's is what it shows
        stated = item.value("address") or []
        if not isinstance(stated, (list, tuple)) or not all(isinstance(address, str) for address in stated):
            raise item.refuse("address", "a list of addresses")
        kind = _KINDS.get(number or 0, "")
        return script_stated(self.chain, script=script, addresses=list(stated), kind=kind, value=item)


def _literal(text: str) -> object:
    """Return the value of a list as `cqlsh` writes it: `[{address: ['1A…'], value: 5, address_type: 3}]`."""
    parts, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadInput(f"no list of Cassandra: {text[at : at + 40]!r}", hint="export it with cqlsh")
        parts.append(_as_json(found.groupdict()))
        at = found.end()
    try:
        return json.loads("".join(parts))
    except (ValueError, RecursionError):
        raise BadInput(f"no list of Cassandra: {text[:40]!r}", hint="export it with cqlsh") from None


def _as_json(token: Mapping[str, str | None]) -> str:
    if (text := token["text"]) is not None:
        return json.dumps(text.replace("''", "'"))
    if (word := token["word"]) is not None:
        return _WORDS.get(word, json.dumps(word))
    return json.dumps(token["blob"]) if token["blob"] is not None else token["number"] or token["mark"] or ""
