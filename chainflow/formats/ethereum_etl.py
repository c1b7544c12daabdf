"""Ethereum tables of ethereum-etl, as in BigQuery's `crypto_ethereum`: what moved, exactly.

Read are transactions (with receipts), token transfers or logs, traces, withdrawals of blocks, tokens. What
a table leaves out is not guessed: without receipts nobody knows whether a transaction succeeded or what it
paid; pass the files `transactions` and `receipts` at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.formats.accounts import Place, check_chain, hash_on, party
from chainflow.formats.cells import Row
from chainflow.formats.ethereum_traces import Traces
from chainflow.formats.reading import Reading, choose
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import columns_of, tables_of
from chainflow.model import Fact, TokenRecord, TransferKind, TransferRecord
from chainflow.sources.accounts import block_subject, fee_marks, token_moves, token_party, transfer
from chainflow.transfers import AMOUNT_OR_ID

__all__ = ["EthereumEtl"]

_GWEI = 10**9
_MAX_HEIGHT = 2**53
_MEANINGS = {
    "hash": "txid (of a block: not used)",
    "transaction_hash": "txid",
    "from_address": "sender",
    "to_address": "recipient",
    "value": "amount in base units (wei); of ERC-721 tokens their id",
    "token_address": "contract of the token",
    "address": "contract of the token, or that wrote the log",
    "log_index": "which log: tells equal transfers apart",
    "topics": "what the log says: transfers are taken",
    "data": "amount in the log",
    "block_number": "height of the block",
    "number": "height of the block",
    "block_hash": "hash of the block",
    "block_timestamp": "time of the block",
    "timestamp": "time of the block",
    "transaction_index": "place in the block",
    "gas_used": "gas used: part of the fee",
    "effective_gas_price": "price of gas: part of the fee",
    "receipt_gas_used": "gas used: part of the fee",
    "receipt_effective_gas_price": "price of gas: part of the fee",
    "status": "1: succeeded, 0: moved nothing",
    "receipt_status": "1: succeeded, 0: moved nothing",
    "receipt_contract_address": "contract that was created",
    "contract_address": "contract that was created",
    "trace_type": "what a trace is: call, create, suicide, reward",
    "call_type": "delegatecall, callcode and staticcall move nothing",
    "reward_type": "reward of a block or of an uncle",
    "trace_address": "which call: tells equal transfers apart",
    "error": "why a call failed: it moved nothing",
    "withdrawals": "withdrawals of validators, in gwei",
    "symbol": "what the token calls itself",
    "name": "what the token calls itself",
    "decimals": "decimals of the token",
}
_COLUMNS = {
    "trace": {"trace_type", "from_address", "to_address", "value"},
    "token_transfer": {"token_address", "from_address", "to_address", "value", "transaction_hash"},
    "log": {"topics", "data", "address", "transaction_hash", "log_index"},
    "receipt": {"transaction_hash", "gas_used", "cumulative_gas_used"},
    "transaction": {"hash", "from_address", "to_address", "value", "gas", "gas_price"},
    "token": {"address", "symbol", "decimals"},
    "block": {"number", "hash", "miner", "gas_used"},
}


class EthereumEtl(Format):
    """Ethereum-etl and BigQuery `crypto_ethereum`: CSV, JSON lines, a JSON list or Parquet."""

    family: ClassVar = "ethereum-etl"
    title: ClassVar = "ethereum-etl / BigQuery crypto_ethereum (transactions, receipts, logs, traces, …)"
    options: ClassVar = {"nft": "contracts (0x…,0x…) whose token transfers state an id, not an amount"}

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are those of one of the tables."""
        del name
        return _kind(set(columns_of(head))) != ""

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the transfers of a file as `TransferRecord`s, and `TokenRecord`s."""
        options = options_of(path)
        choose(options, EthereumEtl.options)
        check_chain(chain)
        nfts = frozenset(options.get("nft", "").lower().split(",")) - {""}
        reading, file = Reading(), _File(chain, nfts)
        for table in tables_of(body):
            for row in reading.rows_of(table, _MEANINGS):
                reading.use(row, lambda row: file.take(row, reading))
        for row in file.finished(reading):
            reading.use(row, file.transaction, kind="transactions")
        file.traces.finish(reading)
        return reading.parsed()


def _kind(columns: set[str]) -> str:
    return next((kind for kind, wanted in _COLUMNS.items() if wanted <= columns), "")


@dataclass(slots=True)
class _File:
    """What must be seen whole before it can be judged: transactions with their receipts, and traces."""

    chain: str
    nfts: frozenset[str]
    transactions: list[Row] = field(default_factory=list)
    receipts: dict[str, Row] = field(default_factory=dict)
    logged: set[tuple[str, str]] = field(default_factory=set)
    counted: set[str | None] = field(default_factory=set)  # contracts that are known to move amounts, not ids
    transfers: list[tuple[Row, TransferRecord]] = field(default_factory=list)
    traces: Traces = field(init=False)

    def __post_init__(self) -> None:
        self.traces = Traces(self.chain)

    def take(self, row: Row, reading: Reading) -> Iterator[Fact]:
        """Yield what a row states by itself; keep what needs others."""
        kind = _kind(set(row.cells))
        if kind == "transaction":
            self.transactions.append(row)
        elif kind == "receipt":
            self.receipts[hash_on(self.chain, row, "transaction_hash")] = row
            reading.counts["receipts"] += 1
        elif kind == "trace":
            self.traces.add(row)
        elif kind == "token_transfer":
            self.transfers.append((row, self._token_transfer(row)))
        elif kind == "log":
            yield from self._log(row, reading)
        elif kind == "token":
            yield self._token(row)
            reading.counts["tokens"] += 1
        elif kind == "block":
            yield from self._withdrawals(row, reading)
        else:
            raise BadInput("not a row of a table that is read here", hint="see docs/sources/files.md")

    def finished(self, reading: Reading) -> list[Row]:
        """Return the transactions to be read now; take token transfers that no log of the file states."""
        unsure = 0
        for _, record in self.transfers:
            if (record.txid, record.place) not in self.logged:
                is_unsure = record.token_id is None and record.contract not in self.counted
                marks = (*record.marks, AMOUNT_OR_ID) if is_unsure else record.marks
                reading.facts.append(replace(record, marks=marks))
                reading.counts["token transfers"] += 1
                unsure += is_unsure
        if unsure:
            reading.note(
                "a table of token transfers states an ERC-721 token's id as its amount, and does not say so: "
                "pass the table of logs too, or name such contracts with nft="
            )
        known = {row.cells.get("hash") for row in self.transactions}
        if any(row.cells.get("transaction_hash") not in known for row in self.receipts.values()):
            reading.note("receipts without their transactions tell nothing: pass both files at once")
        if any(not self._receipt(row) for row in self.transactions):
            reading.note("transactions without receipts: nobody knows whether they succeeded, or their fees")
        return self.transactions

    def transaction(self, row: Row) -> Iterator[Fact]:
        """Yield what a transaction moved, and its fee where the receipt is known."""
        txid = hash_on(self.chain, row, "hash")
        receipt = self._receipt(row)
        status = receipt and receipt.whole_or_none("receipt_status", "status", most=1)
        ok = None if status is None else status == 1
        sender = party(row, "from_address", chain=self.chain)
        recipient = party(row, "to_address", chain=self.chain)
        if recipient is None and receipt:
            recipient = party(receipt, "receipt_contract_address", "contract_address", chain=self.chain)
        if sender is None:
            raise row.refuse("from_address", "an address")
        place = self._place(row)
        native, value = TransferKind.NATIVE, row.whole("value")
        yield transfer(
            self.chain, txid, native, sender=sender, recipient=recipient, stated_raw=value, ok=ok, **place
        )
        if receipt is None:
            return
        gas = receipt.whole("receipt_gas_used", "gas_used", most=2**64)
        price = receipt if receipt.has("receipt_effective_gas_price", "effective_gas_price") else row
        paid = gas * price.whole("receipt_effective_gas_price", "effective_gas_price", "gas_price")
        l1_fee = receipt.whole_or_none("receipt_l1_fee", "l1_fee")
        marks = fee_marks(self.chain, failed=None if ok is None else not ok, has_l1_fee=l1_fee is not None)
        yield transfer(
            self.chain, txid, TransferKind.FEE, sender=sender, recipient=None, stated_raw=paid + (l1_fee or 0),
            ok=True, marks=marks, **place,
        )  # fmt: skip

    def _receipt(self, row: Row) -> Row | None:
        """Return the row that holds the receipt's columns: another table's, or the transaction's own."""
        if row.has("receipt_gas_used"):
            return row
        return self.receipts.get(str(row.cells.get("hash")).lower())

    def _place(self, row: Row) -> Place:
        block_hash = hash_on(self.chain, row, "block_hash") if row.has("block_hash") else None
        return {
            "height": row.whole_or_none("block_number", most=_MAX_HEIGHT),
            "block_hash": block_hash,
            "time": row.time("block_timestamp"),
            "position": row.whole_or_none("transaction_index", most=2**32),
        }

    def _token_transfer(self, row: Row) -> TransferRecord:
        contract = party(row, "token_address", chain=self.chain)
        if contract is None:
            raise row.refuse("token_address", "an address")
        value, place = row.whole("value"), row.whole_or_none("log_index", most=2**32)
        is_nft = contract in self.nfts
        return transfer(
            self.chain,
            hash_on(self.chain, row, "transaction_hash"),
            TransferKind.TOKEN,
            sender=party(row, "from_address", chain=self.chain, is_token=True),
            recipient=party(row, "to_address", chain=self.chain, is_token=True),
            stated_raw=1 if is_nft else value,
            token_id=value if is_nft else None,
            ok=True,
            contract=contract,
            place="" if place is None else f"log:{place}",
            **self._place(row),
        )

    def _log(self, row: Row, reading: Reading) -> Iterator[Fact]:
        topics = row.value("topics") or []
        if isinstance(topics, str):
            topics = topics.strip("[]").replace("'", "").replace('"', "").split(",")
        topics = [f"0x{Row(0, {'topics': topic}).txid('topics')}" for topic in topics if topic]
        moved = bytes.fromhex(row.hexadecimal("data") or "")
        words = [int.from_bytes(moved[at : at + 32]) for at in range(0, len(moved), 32)]
        txid, place = (
            hash_on(self.chain, row, "transaction_hash"),
            f"log:{row.whole('log_index', most=2**32)}",
        )
        contract = party(row, "address", chain=self.chain)
        moves = token_moves(topics, words)
        for number, (sender, recipient, token_id, value, marks) in enumerate(moves):
            self.logged.add((txid, place))
            if token_id is None and not marks:
                self.counted.add(contract)
            reading.counts["token transfers"] += 1
            yield transfer(
                self.chain, txid, TransferKind.TOKEN, sender=token_party(sender), recipient=token_party(recipient),
                stated_raw=value, ok=True, contract=contract, token_id=token_id, marks=marks,
                place=f"{place}_{number}" if len(moves) > 1 else place, **self._place(row),
            )  # fmt: skip

    def _token(self, row: Row) -> TokenRecord:
        contract = party(row, "address", chain=self.chain)
        if contract is None:
            raise row.refuse("address", "an address")
        decimals = row.whole_or_none("decimals", most=255)
        if decimals:  # a token that is one of its kind has none, or 0
            self.counted.add(contract)
        return TokenRecord(self.chain, contract, row.text("symbol"), row.text("name"), decimals)

    def _withdrawals(self, row: Row, reading: Reading) -> Iterator[Fact]:
        """Yield what a block paid to validators; ethereum-etl's CSV leaves the list's brackets away."""
        stated = row.value("withdrawals")
        reading.note("of blocks only withdrawals are taken: who mined a block is not what it paid")
        if not stated or stated == "[]":
            return
        if isinstance(stated, str) and not stated.lstrip().startswith("["):
            row = Row(row.line, {**row.cells, "withdrawals": f"[{stated}]"}, row.table)
        height = row.whole("number", most=_MAX_HEIGHT)
        for item in row.rows("withdrawals"):
            number = item.whole("index", most=2**64)
            reading.counts["withdrawals"] += 1
            yield transfer(
                self.chain,
                block_subject(height),
                TransferKind.WITHDRAWAL,
                sender=None,
                recipient=party(item, "address", chain=self.chain),
                stated_raw=item.whole("amount", most=2**64) * _GWEI,
                ok=True,
                place=f"withdrawal:{number}",
                height=height,
                block_hash=hash_on(self.chain, row, "hash"),
                time=row.time("timestamp"),
            )
