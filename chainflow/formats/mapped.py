"""Any other CSV: the user says which of our columns is which of theirs, and in which units they count.

Nothing is guessed silently. From the header names a proposal is made; it is shown with the rows it would
lead to, and used only once it is confirmed. The mapping then stands in the path under which the file is
archived.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.formats.accounts import Place, decimals_of, hash_on, party, raw_of, read_decimals
from chainflow.formats.cells import Row, moment
from chainflow.formats.reading import Reading, choose
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import Layout, Table, columns_of, tables_of
from chainflow.model import Fact, Outpoint, SpendRecord, TransferKind, TxOutline
from chainflow.networks import is_account_chain, network_of
from chainflow.sources.accounts import transfer

__all__ = ["COLUMNS", "MappedCsv", "propose"]

_U32 = 2**32 - 1
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "txid": ("txid", "transactionhash", "txhash", "hash", "transaction", "txnhash", "transactionid"),
    "sender": ("sender", "from", "fromaddress", "source", "sourceaddress"),
    "recipient": ("recipient", "to", "toaddress", "receiver", "destination", "destinationaddress"),
    "value": ("value", "amount", "quantity", "valuesat", "amountsat", "sats", "wei"),
    "time": (
        "time",
        "timestamp",
        "blocktime",
        "blocktimestamp",
        "datetime",
        "date",
        "dateutc",
        "datetimeutc",
    ),
    "height": ("height", "block", "blockheight", "blocknumber", "blockno"),
    "contract": ("contract", "tokenaddress", "contractaddress", "tokencontract"),
    "fee": ("fee", "txfee", "txnfee"),
    "place": ("logindex",),
    "vout": ("vout", "outputindex", "outindex"),
    "spent_by": ("spentby", "spendingtxid", "spendingtransactionhash"),
    "spent_vin": ("spentvin", "spendingindex", "spendinginputindex"),
}
"""Our column → header names that it is proposed for, without their blanks and signs."""

_OF_ACCOUNTS = ("sender", "recipient", "value", "contract", "fee", "place")
_UNITS = ("base", "coins")
_ZONES = ("utc",)
_BASE_NAMES = ("sat", "wei", "sun", "raw")
_MEANINGS = {
    "txid": "txid",
    "sender": "sender",
    "recipient": "recipient",
    "value": "amount",
    "time": "time of the block",
    "height": "height of the block",
    "contract": "contract of the token",
    "fee": "fee, paid by the sender",
    "place": "log number: tells equal transfers apart",
    "vout": "number of the output",
    "spent_by": "txid of the spender",
    "spent_vin": "number of the input",
}


class MappedCsv(Format):
    """A CSV with a mapping by the user."""

    family: ClassVar = "csv"
    title: ClassVar = "any CSV, with a mapping of its columns"
    is_fallback: ClassVar = True
    options: ClassVar = {
        **{ours: f"their column: {meaning}" for ours, meaning in _MEANINGS.items()},
        "unit": "base (satoshi, wei) or coins",
        "decimals": "of the tokens, where the unit is coins: 6, or 0x…:6,0x…:18",
        "decimal_mark": ". or , (the sign before the fraction)",
        "time_format": "such as %d.%m.%Y %H:%M:%S, where the times are not ISO or Unix seconds",
        "zone": "utc: the times are UTC; needed where they do not say so",
        "delimiter": "the sign between cells, where the first line misleads",
        "encoding": "such as cp1252, where it is not UTF-8",
    }

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether it may be a table at all: a CSV by name, with at least two columns."""
        plain = name.lower().removesuffix(".gz")
        return plain.endswith((".csv", ".tsv", ".txt")) and len(columns_of(head)) > 1

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return what the mapped columns state.

        On account chains a row is a transfer. On others it is an output that was spent (`vout`, `spent_by`,
        `spent_vin`), or names a transaction and its block.

        Raises
        ------
        BadInput
            If there is no mapping, or it names columns that the file does not have, or no unit.
        """
        options = options_of(path)
        choose(options, MappedCsv.options)
        layout = Layout(options.get("delimiter", ""), options.get("encoding", ""))
        reading = Reading()
        for table in tables_of(body, layout):
            reader = _Reader.of(chain, options, table)
            meanings = {options[ours]: reader.meaning(ours) for ours in COLUMNS if ours in options}
            for row in reading.rows_of(table, meanings):
                reading.use(row, partial(reader.facts, reading))
        return reading.parsed()


def propose(chain: str, table: Table) -> dict[str, str]:
    """Return the options that the header names suggest; what they do not tell is left to the user.

    Examples
    --------
    >>> propose("eth", Table("", ("Tx Hash", "From", "To", "Value (wei)"), iter(())))
    {'txid': 'Tx Hash', 'sender': 'From', 'recipient': 'To', 'value': 'Value (wei)', 'unit': 'base'}
    """
    taken: dict[str, str] = {}
    for ours, aliases in COLUMNS.items():
        for name in table.columns:
            bare = re.sub(r"\(.*?\)", "", name)
            if re.sub(r"[^a-z0-9]", "", bare.lower()) in aliases and name not in taken.values():
                taken.setdefault(ours, name)
    if not is_account_chain(chain):
        taken = {
            ours: name
            for ours, name in taken.items()
            if ours not in ("sender", "recipient", "contract", "fee")
        }
    if any(word in taken.get("value", "").lower() for word in _BASE_NAMES):
        taken["unit"] = "base"
    return taken


@dataclass(frozen=True, slots=True)
class _Reader:
    """A checked mapping for one table."""

    chain: str
    options: Mapping[str, str]
    decimals: Mapping[str, int]

    @classmethod
    def of(cls, chain: str, options: Mapping[str, str], table: Table) -> _Reader:
        """Return the reader, if the mapping is complete and fits the table.

        Raises
        ------
        BadInput
            If not; the message says what is missing.
        """
        is_account = is_account_chain(chain)
        other = ["vout", "spent_by", "spent_vin"] if "spent_by" in options else ["height"]
        needed = ["txid", *(["sender", "recipient", "value"] if is_account else other)]
        missing = [name for name in needed if name not in options]
        if missing:
            listed = ", ".join(f"{ours}={name}" for ours, name in propose(chain, table).items())
            raise BadInput(
                f"which column is {' and '.join(missing)}? the file has {', '.join(table.columns)[:200]}",
                hint=f"a proposal, to be checked: {listed}" if listed else "name them: txid=their column",
            )
        for ours in COLUMNS:
            if ours in options and options[ours] not in table.columns:
                raise BadInput(
                    f"the file has no column {options[ours][:60]!r} for {ours}",
                    hint=f"it has {', '.join(table.columns)[:200]}",
                )
        _one_of(options, "unit", _UNITS, needed=is_account)
        _one_of(options, "zone", _ZONES, needed=False)
        _one_of(options, "decimal_mark", (".", ","), needed=False)
        return cls(chain, options, read_decimals(options.get("decimals", "")))

    def meaning(self, ours: str) -> str:
        """Return what a column is taken for, for people."""
        unit = {"base": "in base units", "coins": "in coins"}.get(self.options.get("unit", ""), "")
        return f"{_MEANINGS[ours]} {unit}".strip() if ours in ("value", "fee") else _MEANINGS[ours]

    def facts(self, reading: Reading, row: Row) -> Iterator[Fact]:
        """Yield what a row states."""
        cells = {ours: row.cells[self.options[ours]] for ours in COLUMNS if ours in self.options}
        ours = Row(row.line, cells, row.table)
        read: Callable[[Row, Reading], Iterator[Fact]] = (
            self._transfer if is_account_chain(self.chain) else self._output
        )
        yield from read(ours, reading)

    def _transfer(self, row: Row, reading: Reading) -> Iterator[Fact]:
        chain, contract = self.chain, party(row, "contract", chain=self.chain)
        txid, place = hash_on(chain, row, "txid"), self._place(row)
        sender = party(row, "sender", chain=chain, is_token=bool(contract))
        recipient = party(row, "recipient", chain=chain, is_token=bool(contract))
        if sender is None and recipient is None:
            raise row.refuse("sender", "an address")
        number = row.whole_or_none("place", most=_U32)
        kind = TransferKind.TOKEN if contract else TransferKind.NATIVE
        own = network_of(chain)
        decimals = own.decimals if own else 0
        if contract and self.options["unit"] == "coins":
            decimals = decimals_of(chain, contract, self.decimals)
        yield transfer(
            chain, txid, kind, sender=sender, recipient=recipient, stated_raw=self._amount(row, "value", decimals),
            ok=None, contract=contract, place="" if number is None else f"log:{number}", **place,
        )  # fmt: skip
        if row.has("fee"):
            fee = self._amount(row, "fee", own.decimals if own else 0)
            yield transfer(
                chain, txid, TransferKind.FEE, sender=sender, recipient=None, stated_raw=fee, ok=True, **place
            )
        reading.counts[f"{kind} transfers"] += 1  # last: a row that is refused on the way does not count
        reading.note("the file does not say whether transactions succeeded: the outcome is unknown")

    def _output(self, row: Row, reading: Reading) -> Iterator[Fact]:
        """Yield what a row of a UTXO chain states: no transaction follows from it alone."""
        txid = row.txid("txid")
        if row.has("spent_by"):
            outpoint = Outpoint(txid, row.whole("vout", most=_U32))
            yield SpendRecord(self.chain, outpoint, row.txid("spent_by"), row.whole("spent_vin", most=_U32))
            reading.counts["spent outputs"] += 1
            return
        place = self._place(row)
        if place["height"] is None:
            raise row.refuse("height", "the height of the block, or spent_by: else the row states no fact")
        reading.counts["transactions whose block is stated"] += 1
        reading.note("the rows name no inputs, so no amount of them is a fact: fetch the transactions")
        yield TxOutline(self.chain, txid, True, place["height"], None, place["time"])

    def _amount(self, row: Row, name: str, decimals: int) -> int:
        if self.options["unit"] == "base":
            return row.whole(name)
        mark = self.options.get("decimal_mark")
        if not mark and "," in row.text(name):
            raise row.refuse(name, "no comma, unless decimal_mark=, or decimal_mark=. says what it means")
        return raw_of(row, name, decimals, mark=mark or ".")

    def _place(self, row: Row) -> Place:
        return {
            "height": row.whole_or_none("height", most=2**53),
            "block_hash": None,
            "time": self._time(row),
            "position": None,
        }

    def _time(self, row: Row) -> int | None:
        stated = row.text("time")
        if not stated:
            return None
        if form := self.options.get("time_format"):
            try:
                found = datetime.strptime(stated, form)  # noqa: DTZ007 (what it lacks is judged below)
            except ValueError:
                raise row.refuse("time", f"a time of the form {form}") from None
        elif stated.isdigit() or self.options.get("zone"):
            return row.time("time")
        else:
            try:
                found = datetime.fromisoformat(stated)
            except ValueError:
                raise row.refuse("time", "ISO, Unix seconds, or say its form: time_format=%d.%m.%Y") from None
        if found.tzinfo is None and not self.options.get("zone"):
            raise row.refuse("time", "a time with its zone; if all are UTC: zone=utc")
        seconds = moment(found if found.tzinfo else found.replace(tzinfo=UTC))
        if seconds is None:
            raise row.refuse("time", "whole seconds")
        return seconds


def _one_of(options: Mapping[str, str], name: str, allowed: tuple[str, ...], *, needed: bool) -> None:
    if (name in options or needed) and options.get(name) not in allowed:
        stated = options.get(name)
        raise BadInput(
            f"{name} is {stated!r:.40}" if stated else f"the {name} of the amounts is not stated",
            hint=f"say {' or '.join(f'{name}={word}' for word in allowed)}",
        )
