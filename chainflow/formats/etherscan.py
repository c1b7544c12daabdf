"""CSV exports of Etherscan's website and its sisters: transactions, internal transactions, token transfers.

Amounts stand in coins, as text. They become base units exactly where the decimals are known; these are
not in the exports of tokens: state them where this file's table does not know them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.formats.accounts import (
    KNOWN_DECIMALS,
    Place,
    check_chain,
    decimals_of,
    hash_on,
    party,
    raw_of,
    read_decimals,
)
from chainflow.formats.cells import Row
from chainflow.formats.reading import Reading, choose
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import Layout, columns_of, tables_of
from chainflow.model import Fact, TransferKind
from chainflow.networks import EVM
from chainflow.sources.accounts import fee_marks, transfer

__all__ = ["EtherscanCsv"]

_TXID = ("Transaction Hash", "Txhash")
_CLOCK = ("DateTime (UTC)", "DateTime")
_TICKER = re.compile(r"Value_(?:IN|OUT)\((\w+)\)", re.IGNORECASE)
_FAILED = re.compile(r"error|fail|revert", re.IGNORECASE)
_COINS = 18
_TICKERS = {"MATIC": "POL", "XDAI": "xDAI"}
_MEANINGS = {
    **dict.fromkeys(_TXID, "txid"),
    "Blockno": "height of the block",
    "UnixTimestamp": "time of the block",
    **dict.fromkeys(_CLOCK, "time of the block, compared with UnixTimestamp"),
    "From": "sender",
    "To": "recipient",
    "TxTo": "recipient",
    "ContractAddress": "contract of the token, or that was created",
    "TokenValue": "amount in tokens",
    "Value": "amount in tokens",
    "TokenId": "id of a token that is one of its kind",
    "TokenID": "id of a token that is one of its kind",
    "Status": "empty: succeeded; Error(…): moved nothing",
    "Type": "which internal call it is",
}


class EtherscanCsv(Format):
    """Exports of etherscan.io, bscscan.com, polygonscan.com, … as CSV."""

    family: ClassVar = "etherscan-csv"
    title: ClassVar = "CSV export of Etherscan's website (transactions, internal, ERC-20, ERC-721, ERC-1155)"
    options: ClassVar = {"decimals": "of the tokens: 6 for all, or 0x…:6,0x…:18"}

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are those of one of the exports."""
        del name
        columns = columns_of(head)
        return bool({*_TXID} & {*columns}) and "UnixTimestamp" in columns and _kind(columns) != ""

    @classmethod
    def chains_of(cls, name: str, head: bytes) -> tuple[str, ...]:
        """Return the chains whose coin the header names."""
        del name
        ticker = _ticker(columns_of(head))
        return tuple(chain for chain, network in EVM.items() if network.ticker.upper() == ticker)

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the rows of an export as `TransferRecord`s."""
        options = options_of(path)
        choose(options, EtherscanCsv.options)
        check_chain(chain)
        reading, stated = Reading(), read_decimals(options.get("decimals", ""))
        for table in tables_of(body, Layout(spare=1)):  # some exports have a last cell without a header
            ticker = _ticker(table.columns)
            if ticker and ticker != EVM[chain].ticker.upper():
                raise BadInput(
                    f"the amounts are in {ticker}, not in the coin of {chain}",
                    hint="say the chain (chain=eth, --chain eth)",
                )
            export = _Export(chain, _kind(table.columns), stated, _amounts(table.columns))
            for row in reading.rows_of(
                table, _MEANINGS | dict.fromkeys(export.amounts.values(), "amount in coins")
            ):
                reading.use(row, partial(export.facts, reading), kind=export.kind)
        return reading.parsed()


def _kind(columns: Sequence[str]) -> str:
    """Return which export has these columns, "" for none that is known."""
    if {"ParentTxFrom", "TxTo"} & {*columns}:
        return "internal transactions"
    if {"TokenSymbol", "TokenName", "TokenValue"} & {*columns}:
        return "token transfers"
    return "transactions" if _ticker(columns) else ""


def _ticker(columns: Sequence[str]) -> str:
    found = next((match for name in columns if (match := _TICKER.fullmatch(name))), None)
    ticker = found[1].upper() if found else ""
    return _TICKERS.get(ticker, ticker).upper()


def _amounts(columns: Sequence[str]) -> dict[str, str]:
    """Return in which columns the amounts in coins stand, whatever coin is in their names."""
    kinds = {"value_in(": "in", "value_out(": "out", "txnfee(": "fee"}
    found: dict[str, str] = {}
    for name in columns:
        kind = next((kind for start, kind in kinds.items() if name.lower().startswith(start)), "")
        if kind and "USD" not in name.upper():
            found[kind] = name
    return found


@dataclass(frozen=True, slots=True)
class _Export:
    """One export: of which kind, and where its amounts stand."""

    chain: str
    kind: str
    decimals: Mapping[str, int]
    amounts: Mapping[str, str]

    def facts(self, reading: Reading, row: Row) -> Iterator[Fact]:
        """Yield what a row states."""
        txid, place = hash_on(self.chain, row, *_TXID), _place(row)
        is_token = self.kind == "token transfers"
        sender = party(row, "From", chain=self.chain, is_token=is_token)
        recipient = party(row, "TxTo", "To", chain=self.chain, is_token=is_token)
        if is_token:
            yield self._token(row, txid, sender, recipient, place, reading)
            return
        if sender is None:
            raise row.refuse("From", "an address")
        recipient = recipient or party(row, "ContractAddress", chain=self.chain)
        failed = _has_failed(row, is_internal=self.kind.startswith("internal"))
        moved = TransferKind.INTERNAL if self.kind.startswith("internal") else TransferKind.NATIVE
        yield transfer(
            self.chain, txid, moved, sender=sender, recipient=recipient, stated_raw=self._coins(row, sender, recipient),
            ok=None if failed is None else not failed, **place,
        )  # fmt: skip
        yield from self._fee(row, txid, sender, place, reading, failed=failed)

    def _coins(self, row: Row, sender: str | None, recipient: str | None) -> int:
        """Return the amount: it stands under IN or OUT, seen from the address whose export it is."""
        stated = [raw_of(row, self.amounts[way], _COINS) for way in ("in", "out") if way in self.amounts]
        if all(stated) and len(stated) == 2 and (sender != recipient or stated[0] != stated[1]):
            raise row.refuse(self.amounts["out"], f"nothing, as {self.amounts['in']} has an amount too")
        return max(stated)

    def _fee(
        self, row: Row, txid: str, sender: str, place: Place, reading: Reading, *, failed: bool | None
    ) -> Iterator[Fact]:
        name = self.amounts.get("fee", "")
        if not row.has(name):
            return
        fee = raw_of(row, name, _COINS)
        if not fee:
            reading.note("some rows state a fee of 0: taken as not stated")
            return
        yield transfer(
            self.chain, txid, TransferKind.FEE, sender=sender, recipient=None, stated_raw=fee, ok=True,
            marks=fee_marks(self.chain, failed=failed, has_l1_fee=True), **place,
        )  # fmt: skip

    def _token(
        self, row: Row, txid: str, sender: str | None, recipient: str | None, place: Place, reading: Reading
    ) -> Fact:
        contract = party(row, "ContractAddress", chain=self.chain)
        if contract is None:
            raise row.refuse("ContractAddress", "the token's contract: a name may be anyone's")
        token_id = row.whole_or_none("TokenId", "TokenID")
        amount = next((name for name in ("TokenValue", "Value", "Quantity") if row.has(name)), "")
        if token_id is not None:
            value = row.whole(amount) if amount else 1
        else:
            decimals = decimals_of(self.chain, contract, self.decimals)
            if contract not in self.decimals and (self.chain, contract) in KNOWN_DECIMALS:
                reading.note(
                    f"{decimals} decimals of {contract} are from chainflow's own table, not in the file"
                )
            value = raw_of(row, amount or "TokenValue", decimals)
        reading.note("the export has no log numbers: two equal transfers in one transaction are two rows")
        return transfer(
            self.chain, txid, TransferKind.TOKEN, sender=sender, recipient=recipient, stated_raw=value, ok=True,
            contract=contract, token_id=token_id, **place,
        )  # fmt: skip


def _place(row: Row) -> Place:
    time = row.time("UnixTimestamp")
    clock = row.time(*_CLOCK)
    if clock is not None and time not in (None, clock):
        raise row.refuse("UnixTimestamp", "the moment that DateTime states, in UTC")
    height = row.whole_or_none("Blockno", most=2**53)
    return {"height": height, "block_hash": None, "time": clock if time is None else time, "position": None}


def _has_failed(row: Row, *, is_internal: bool) -> bool | None:
    """Return whether a row failed, `None` where the export has no such column.

    Exports of internal transactions write 0 for success and 1 for an error; the others leave it empty.
    """
    if "Status" not in row.cells:
        return None
    words = row.text("Status")
    if _FAILED.search(words) or (is_internal and words == "1") or row.has("ErrCode"):
        return True
    if words.lower() not in ("", "success", "ok", *(("0",) if is_internal else ())):
        raise row.refuse("Status", "empty, or Error(…)")
    return False
