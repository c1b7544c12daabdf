"""Blockchair: six chains in one form, whole transactions with outpoints, spent outputs and spenders.

The functions that read one row of inputs or outputs serve its table dumps as well: these have the same
columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from chainflow.addresses import decode
from chainflow.errors import BadResponse, NotFound, ProofFailed
from chainflow.model import (
    AddressClaim,
    Fact,
    InputRecord,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.sources.adapter import HttpSource, Places, check_batch
from chainflow.sources.routes import HASH, TXID, Routes, answer_to
from chainflow.sources.shown import shows
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.utxo import (
    MAX_COUNT,
    MAX_HEIGHT,
    U32,
    check_address,
    check_balance,
    check_name,
    check_spends,
    check_txid,
    checked_offset,
    checked_txid,
    decline,
    names_of,
    offset_page,
    record_of,
    transaction_of,
    utc_seconds,
)
from chainflow.units import max_money_sat
from chainflow.wire import Transaction, TxInput, TxOutput

__all__ = ["Blockchair", "block_time", "facts", "input_row", "output_row", "spend_row"]

_PAGE = 100
_MOST_OFFSET = 1_000_000
_BATCH = 10
_LIMITS = (402, 429, 430, 434, 435, 436, 437, 503)
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})")
_OTHER_FORMS = ("dash", "zec")
"""Chains with transactions that have further fields, which the reply does not tell: they cannot be hashed."""


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`; pure.

    A transaction is rebuilt from its fields and hashed; where that cannot be done (a coinbase, whose
    script is not told, or a form with further fields) its record has no bytes and is hearsay.

    Returns
    -------
    tuple of Fact
        `Tip`; `AddressClaim` and `Listing` for a page of a history; `TxRecord`s and, for outputs of
        which it is told, `SpendRecord`s for transactions; a `TxRecord` without its block for raw bytes.

    Raises
    ------
    NotFound, BadResponse, SchemaMismatch, ProofFailed, RateLimited
        As `chainflow.sources.esplora.facts`; limits and blocks come as codes in the body, too.
    BadInput
        `path` is no path of this family.
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        decline(what, status, body, limits=_LIMITS)
    whole = Field.parse(body, what)
    code = whole["context"]["code"].integer(100, 999)
    if code != 200:
        decline(what, code, body, limits=_LIMITS)
    data = whole["data"]
    if data.value in (None, [], {}):  # an empty list is how it writes an empty object
        raise NotFound(
            f"{what} is “not found” (its data is empty)", hint="is it of this chain? ask another source"
        )
    return tuple(read(chain, asked, data))


class Blockchair(HttpSource):
    """Blockchair as a source. A key goes into the URL: `blockchair:https://…/bitcoin?key=…`.

    Examples
    --------
    >>> Blockchair(chain="bch").name
    'blockchair:https://api.blockchair.com/bitcoin-cash'
    """

    family = "blockchair"
    read = staticmethod(facts)
    most_txids = _BATCH
    most_spends = _BATCH
    places: ClassVar[Places] = {
        "api.blockchair.com": {
            "btc": "/bitcoin",
            "ltc": "/litecoin",
            "doge": "/dogecoin",
            "bch": "/bitcoin-cash",
            "dash": "/dash",
            "zec": "/zcash",
            "btc-testnet": "/bitcoin/testnet",
        }
    }

    def tip_path(self) -> str:
        """Return the path that asks for the state of the chain."""
        return "/stats"

    def address_path(self, address: str) -> str | None:
        """Return the path of the first page: it says how many there are, and requests are counted here."""
        return self.history_path(address)

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str | None:
        """Return the path of a page of txids; `after` is how many came before. None beyond a million."""
        del which
        offset = checked_offset(after)
        if offset > _MOST_OFFSET:
            return None
        return f"/dashboards/address/{self.canonical(address)}?limit={_PAGE},0&offset={offset},0"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the path of up to ten transactions; on Zcash one each, for some are refused there.

        Their bytes are not asked for: what this answer tells hashes to the txid. See `raw_paths`.
        """
        check_batch(txids, _BATCH)
        checked = [checked_txid(txid) for txid in txids]
        batches = checked if self.chain == "zec" else [",".join(checked)]
        return tuple(f"/dashboards/transactions/{batch}" for batch in batches)

    def raw_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that ask for bytes, one each: they prove what a coinbase pays."""
        return tuple(f"/raw/transaction/{checked_txid(txid)}" for txid in txids)

    def outspends_path(self, txids: Sequence[str]) -> str | None:
        """Return the path of up to ten transactions: their outputs name their spenders."""
        paths = self.tx_paths(txids)
        return paths[0] if len(paths) == 1 else None

    def subject_of(self, path: str) -> str:
        """Return the address or txids that the host learns from `path`, "" for the tip."""
        return _ROUTES.subject_of(path)


def block_time(stated: Field) -> int:
    """Return a time such as `2009-01-12 03:30:25`, which is UTC, as Unix seconds.

    Of an unconfirmed transaction it is when the server first saw it: not to be read as a block's.
    """
    return utc_seconds(stated, _TIME, such_as="2009-01-12 03:30:25")


def output_row(chain: str, row: Field) -> OutputRecord:
    """Return the output that one row states; its `recipient` is compared with its script.

    Parameters
    ----------
    chain : str
    row : Field
        An object with `value` (integer), `script_hex` and perhaps `recipient`.
    """
    script = row["script_hex"].hexadecimal()
    check_name(row.get("recipient"), script, chain)
    return OutputRecord(row["value"].integer(0, max_money_sat(chain)), script)


def input_row(chain: str, row: Field) -> InputRecord:
    """Return the input that one row states: an output row that also says how it was spent."""
    made = Outpoint(row["transaction_hash"].hexadecimal(size=32), row["index"].integer(0, U32))
    return InputRecord(made, output_row(chain, row), row["spending_sequence"].integer(0, U32))


def spend_row(chain: str, row: Field) -> SpendRecord | None:
    """Return what one row says of an output's spending; `None` where it says nothing."""
    is_spent, by, vin = row.get("is_spent"), row.get("spending_transaction_hash"), row.get("spending_index")
    if is_spent is None:
        return None
    made = Outpoint(row["transaction_hash"].hexadecimal(size=32), row["index"].integer(0, U32))
    if not is_spent.flag():
        if by is not None or vin is not None:
            raise is_spent.refuse("true, for a spender is named")
        return SpendRecord(chain, made, None, None)
    if by is None or vin is None:
        raise is_spent.refuse("false, for no spender is named")
    return SpendRecord(chain, made, by.hexadecimal(size=32), vin.integer(0, U32))


def _tip(chain: str, _asked: Sequence[str], data: Field) -> list[Fact]:
    return [Tip(chain, data["best_block_height"].integer(0, MAX_HEIGHT))]


def _history(chain: str, asked: Sequence[str], data: Field) -> list[Fact]:
    address, offset = asked
    entries = list(_members(data))
    if len(entries) != 1:
        raise data.refuse("one address")
    name, entry = entries[0]
    check_address(Field(name, data.what, "data"), address, chain)
    script = entry["address"].get("script_hex")
    if script is not None and script.text():  # "" before anything was received
        wanted = decode(address, chain=chain).script
        if wanted not in names_of(script.hexadecimal(), chain):
            raise ProofFailed(f"{data.what}: {script.named} is not the script of {address}", hint=REJECTED)
    claimed = entry["address"]["transaction_count"].integer(0, MAX_COUNT)
    txids = [txid.hexadecimal(size=32) for txid in entry["transactions"].items()]
    after = "" if offset == "0" else offset
    listing = offset_page(chain, address, after, txids, claimed=claimed, what=data.what)
    if listing.next and int(listing.next) > _MOST_OFFSET:
        reason = f"truncated: it lists no more than {_MOST_OFFSET:,} of {claimed:,} transactions"
        listing = replace(listing, next="", reason=reason)
    return [AddressClaim(chain, address, claimed), listing]


def _transactions(chain: str, asked: Sequence[str], data: Field) -> list[Fact]:
    txids = asked[0].split(",")
    found: list[Fact] = []
    spends: list[SpendRecord] = []
    for txid, entry in _members(data):
        if txid not in txids:
            raise ProofFailed(f"{data.what} gives a transaction that was not asked for", hint=REJECTED)
        found.append(_transaction(chain, txid, entry))
        rows = (spend_row(chain, row) for row in entry["outputs"].items())
        spends += [spend for spend in rows if spend is not None]
    check_spends(data.what, spends)
    return [*found, *spends]


def _members(data: Field) -> list[tuple[str, Field]]:
    """Return the members of an object, whose names are addresses or txids."""
    if not isinstance(data.value, dict):
        raise data.refuse("an object")
    return [(name, Field(value, data.what, f"data.{name[:12]}…")) for name, value in data.value.items()]


def _transaction(chain: str, txid: str, entry: Field) -> TxRecord:
    """Return one transaction: hashed where all its fields are told, balanced in any case."""
    tx = entry["transaction"]
    if tx["hash"].hexadecimal(size=32) != txid:
        raise tx["hash"].refuse(f"the txid {txid}")
    is_coinbase = tx["is_coinbase"].flag()
    outs = list(entry["outputs"].items())
    ins = list(entry["inputs"].items())
    if is_coinbase and any(row.get("transaction_hash") is not None for row in ins):
        raise tx["is_coinbase"].refuse("false, for it spends an output")
    ins = [] if is_coinbase else ins
    _check_rows(tx, outs, "output_count", ("transaction_hash", "index"), txid)
    if not is_coinbase:
        _check_rows(tx, ins, "input_count", ("spending_transaction_hash", "spending_index"), txid)
    record = TxRecord(
        chain,
        txid,
        tuple(input_row(chain, row) for row in ins),
        tuple(output_row(chain, row) for row in outs),
        is_coinbase=is_coinbase,
    )
    if not is_coinbase:
        _check_sums(chain, record, tx)
        raw = _rebuilt(chain, record, tx, ins)
        record = replace(record, raw=raw)
    return _placed(record, tx)


def _check_rows(tx: Field, rows: Sequence[Field], count: str, place: tuple[str, str], txid: str) -> None:
    """Check that all rows are here, in their order, and of this transaction."""
    if tx[count].integer(1, MAX_COUNT) != len(rows):
        raise ProofFailed(
            f"{tx.what}: {txid} has {tx[count].value:,} by {count}, but {len(rows):,} are listed",
            hint=REJECTED,
        )
    of, number = place
    for index, row in enumerate(rows):
        if row[of].hexadecimal(size=32) != txid or row[number].integer(0, U32) != index:
            raise row[number].refuse(f"{index}, of {txid}")


def _check_sums(chain: str, record: TxRecord, tx: Field) -> None:
    """Check the fee. Shielded value enters or leaves unseen: with it nothing would balance."""
    shielded = tx.get("shielded_value_delta")
    if shielded is not None and shielded.integer(-(2**63), 2**63 - 1) != 0:
        raise BadResponse(
            f"{tx.what}: {record.txid} moves shielded value, which cannot be followed",
            hint="only transactions between transparent addresses can be read",
        )
    spent = sum(given.prevout.value_sat for given in record.inputs if given.prevout is not None)
    paid = sum(output.value_sat for output in record.outputs)
    for name, total in (("input_total", spent), ("output_total", paid)):
        if tx[name].integer(0, 2**63 - 1) != total:
            raise tx[name].refuse(f"{total:,}, the sum of the rows")
    fee = tx["fee"].integer(0, max_money_sat(chain))
    check_balance(tx.what, record.txid, spent=spent, paid=paid, fee=fee)


def _rebuilt(chain: str, record: TxRecord, tx: Field, rows: Sequence[Field]) -> bytes | None:
    """Return the bytes without witness after hashing them; `None` for a form that has further fields."""
    spent = [
        TxInput(
            given.outpoint.txid,
            given.outpoint.vout,
            bytes.fromhex(row["spending_signature_hex"].hexadecimal()),
            given.sequence,
        )
        for given, row in zip(record.inputs, rows, strict=True)
    ]
    for given, row, shown in zip(record.inputs, rows, spent, strict=True):
        script = "" if given.prevout is None else given.prevout.script
        if shows(bytes.fromhex(script), shown.scriptsig, ()) is False:
            raise ProofFailed(f"{row.what}: {row.named} shows another key than its script", hint=REJECTED)
    paid = [TxOutput(output.value_sat, bytes.fromhex(output.script)) for output in record.outputs]
    version = tx["version"].integer(-(2**31), U32) & U32
    built = Transaction(version, tuple(spent), tuple(paid), tx["lock_time"].integer(0, U32))
    if chain in _OTHER_FORMS and built.txid != record.txid:
        return None
    check_txid(built, record.txid, what=tx.what)
    return built.serialize()


def _placed(record: TxRecord, tx: Field) -> TxRecord:
    """Return the record with its block; -1 is the mempool, where `time` is when it was first seen."""
    height = tx["block_id"].integer(-1, MAX_HEIGHT)
    if height == -1:
        return record
    return replace(record, height=height, time=block_time(tx["time"]))


def _raw(chain: str, asked: Sequence[str], data: Field) -> list[Fact]:
    members = dict(_members(data))
    if asked[0] not in members:
        raise ProofFailed(f"{data.what} gives a transaction that was not asked for", hint=REJECTED)
    text = members[asked[0]]["raw_transaction"].hexadecimal()
    return [record_of(chain, transaction_of(text, asked[0], what=data.what), what=data.what)]


_ADDRESS = "(?P<subject>(?:bitcoincash:)?[0-9A-Za-z]+)"
_ROUTES = Routes(
    "Blockchair",
    {
        r"/stats": _tip,
        rf"/dashboards/address/{_ADDRESS}\?limit={_PAGE},0&offset=([0-9]{{1,10}}),0": _history,
        rf"/dashboards/transactions/(?P<subject>{HASH}(?:,{HASH}){{0,{_BATCH - 1}}})": _transactions,
        rf"/raw/transaction/{TXID}": _raw,
    },
)
