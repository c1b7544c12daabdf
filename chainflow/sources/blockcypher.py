"""BlockCypher: transactions as bytes and as JSON that may be cut; the bytes say what there really is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from chainflow.addresses import decode, is_address
from chainflow.errors import BadInput, BadResponse, ProofFailed
from chainflow.model import AddressClaim, Fact, Listing, Outpoint, OutputRecord, SpendRecord, Tip, TxRecord
from chainflow.sources.adapter import HttpSource, Places, check_batch
from chainflow.sources.routes import TXID, Routes, answer_to
from chainflow.sources.shown import shows
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.utxo import (
    MAX_COUNT,
    MAX_HEIGHT,
    U32,
    check_address,
    check_asked,
    check_balance,
    check_name,
    check_once,
    check_spends,
    check_touches,
    check_txid,
    checked_offset,
    checked_txid,
    decline,
    record_of,
    scripts_of,
    transaction_of,
    utc_seconds,
)
from chainflow.units import max_money_sat
from chainflow.wire import Transaction, TxInput, TxOutput

__all__ = ["BlockCypher", "facts"]

_PAGE = 50
_SHOWN = 200
"""The most inputs, and the most outputs, that one reply shows of a transaction."""

_ASKED = f"limit={_PAGE}&txlimit={_SHOWN}&includeHex=true"

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")
_OTHER_FORMS = ("ltc", "dash")
_NAMES = {
    "btc": "BTC.main",
    "btc-testnet": "BTC.test3",
    "ltc": "LTC.main",
    "doge": "DOGE.main",
    "dash": "DASH.main",
}


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`; pure.

    Returns
    -------
    tuple of Fact
        `Tip`; for a page of a history `AddressClaim`, `Listing`, `TxRecord`s and `SpendRecord`s; for a
        transaction its `TxRecord` and `SpendRecord`s. Outputs of which no spender is shown have no
        record: the list may have been cut.

    Raises
    ------
    NotFound, BadResponse, SchemaMismatch, ProofFailed, RateLimited
        As `chainflow.sources.esplora.facts`.
    BadInput
        `path` is no path of this family, or `chain` is one whose form is not read here (Ethereum).
    """
    if chain not in _NAMES:
        raise BadInput(
            f"what BlockCypher says of {chain} is not read here",
            hint=f"it is read for {', '.join(_NAMES)}; for Ethereum use etherscan, blockscout or evm",
        )
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        decline(what, status, body)
    whole = Field.parse(body, what)
    if whole.get("error") is not None:  # limits come inside a 200, too
        decline(what, 200, body)
    return tuple(read(chain, asked, whole))


class BlockCypher(HttpSource):
    """BlockCypher as a source. A token goes into the URL: `blockcypher:https://…/v1/btc/main?token=…`.

    Examples
    --------
    >>> BlockCypher(chain="ltc").name
    'blockcypher:https://api.blockcypher.com/v1/ltc/main'
    """

    family = "blockcypher"
    read = staticmethod(facts)
    places: ClassVar[Places] = {
        "api.blockcypher.com": {
            "btc": "/v1/btc/main",
            "btc-testnet": "/v1/btc/test3",
            "ltc": "/v1/ltc/main",
            "doge": "/v1/doge/main",
            "dash": "/v1/dash/main",
        }
    }

    def tip_path(self) -> str:
        """Return the path that asks for the state of the chain."""
        return "/"

    def address_path(self, address: str) -> str:
        """Return the path of the first page: it says how many there are, and requests are few here."""
        return self.history_path(address)

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a page of a history; `after` is the height below which it begins."""
        del which
        below = f"&before={checked_offset(after)}" if after else ""
        return f"/addrs/{self.canonical(address)}/full?{_ASKED}{below}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that ask for transactions, one for each."""
        return tuple(f"/txs/{checked_txid(txid)}?limit={_SHOWN}&includeHex=true" for txid in txids)

    def outspends_path(self, txids: Sequence[str]) -> str:
        """Return the path of a transaction: its spent outputs name their spenders."""
        check_batch(txids, 1)
        return self.tx_paths(txids)[0]

    def subject_of(self, path: str) -> str:
        """Return the address or txid that the host learns from `path`, "" for the tip."""
        return _ROUTES.subject_of(path)


def _tip(chain: str, _asked: Sequence[str], state: Field) -> list[Fact]:
    if state["name"].text() != _NAMES[chain]:
        raise state["name"].refuse(_NAMES[chain])
    return [Tip(chain, state["height"].integer(0, MAX_HEIGHT))]


def _one_transaction(chain: str, asked: Sequence[str], tx: Field) -> list[Fact]:
    record, spends = _transaction(chain, tx)
    check_asked(tx.what, record.txid, asked[0])
    return [record, *spends]


def _history(chain: str, asked: Sequence[str], page: Field) -> list[Fact]:
    address, after = asked
    script = decode(address, chain=chain).script
    check_address(page["address"], address, chain)
    claim = AddressClaim(
        chain,
        address,
        page["n_tx"].integer(0, MAX_COUNT),
        page["unconfirmed_n_tx"].integer(0, MAX_COUNT),
    )
    found: list[Fact] = []
    places: list[tuple[str, int | None]] = []
    for tx in page["txs"].items():
        if tx.get("hex") is None and not _is_whole(tx):  # it is listed, and asked for alone
            places.append((tx["hash"].hexadecimal(size=32), _height(tx)))
            continue
        record, spends = _transaction(chain, tx)
        if all(spent.prevout is not None for spent in record.inputs):
            check_touches(page.what, record.txid, scripts_of(record), script, chain)
        places.append((record.txid, record.height))
        found += (record, *spends)
    return [claim, _listing(claim, after, places, page), *found]


def _listing(
    claim: AddressClaim, after: str, places: Sequence[tuple[str, int | None]], page: Field
) -> Listing:
    """Return the page. The next one begins at the last height again: only a part of a block may be here."""
    txids = tuple(txid for txid, _ in places)
    check_once(page.what, txids)
    heights = [height for _, height in places if height is not None]
    if after and any(height >= int(after) for height in heights):
        raise ProofFailed(f"{page.what} lists a block that is not below {after}", hint=REJECTED)
    more, claimed = page.get("hasMore"), claim.tx_count + claim.unconfirmed
    following, reason = "", ""
    if more is None or not more.flag():
        if not after and len(txids) < claimed:
            reason = f"truncated: {len(txids):,} of {claimed:,} transactions, and no further page"
    elif not heights:
        reason = f"truncated: no block among the first {len(txids):,} transactions leads further"
    elif len(heights) == len(txids) and len(set(heights)) == 1:
        # a page that is all of one block would come again and again
        following = str(heights[0])
        reason = (
            f"truncated: more than {len(txids):,} transactions in block {heights[0]:,}, the rest is skipped"
        )
    else:
        following = str(min(heights) + 1)
        reason = f"{len(txids):,} transactions on this page, older ones follow"
    return Listing(
        claim.chain, claim.address, after, txids, complete=not reason, reason=reason, next=following
    )


def _is_whole(tx: Field) -> bool:
    """Return whether all inputs and outputs are shown."""
    return all(
        tx[size].integer(1, MAX_COUNT) == len(list(tx[name].items()))
        for name, size in (("inputs", "vin_sz"), ("outputs", "vout_sz"))
    )


def _transaction(chain: str, tx: Field) -> tuple[TxRecord, list[SpendRecord]]:
    """Return one transaction from its bytes, compared with all that is shown of it, and its spenders."""
    txid = tx["hash"].hexadecimal(size=32)
    inputs, outputs = list(tx["inputs"].items()), list(tx["outputs"].items())
    built, is_proved = _built(chain, tx, txid)
    for size, listed, real_ones in (
        ("vin_sz", inputs, built.inputs),
        ("vout_sz", outputs, built.outputs),
    ):
        if tx[size].integer(0, MAX_COUNT) != len(real_ones) or len(listed) > len(real_ones):
            raise tx[size].refuse(f"{len(real_ones):,}, and no more shown: so the bytes of {txid} say")
    for vin, real in zip(inputs, built.inputs, strict=False):
        if _outpoint(vin) != real[:2] or vin["sequence"].integer(0, U32) != real.sequence:
            raise vin.refuse("what the bytes say")
    for out, paid in zip(outputs, built.outputs, strict=False):
        if _output(out) != paid:
            raise out.refuse("what the bytes say")
        _check_names(out, paid.script.hex(), chain)
    prevouts: list[OutputRecord | None] = [None] * len(built.inputs)
    if not built.is_coinbase:
        shown = zip(inputs, built.inputs, strict=False)
        prevouts[: len(inputs)] = [_prevout(chain, vin, real) for vin, real in shown]
    _check_sums(chain, tx, built, inputs)
    record = record_of(chain, built, prevouts, what=tx.what)
    if not is_proved:
        record = replace(record, txid=txid, raw=None)
    return _placed(record, tx), _spends(chain, txid, tx.what, outputs)


def _built(chain: str, tx: Field, txid: str) -> tuple[Transaction, bool]:
    """Return the transaction from its bytes, or from its fields where all are there, and whether it hashes.

    Some bytes have a form that is not read: with Litecoin's hidden part, whose txid leaves that out, or
    special ones of Dash, whose txid covers more than the fields tell.
    """
    stated = None if tx.get("hex") is None else tx["hex"].hexadecimal()
    if stated is not None:
        try:
            return transaction_of(stated, txid, what=tx.what), True
        except BadResponse:
            if chain not in _OTHER_FORMS:
                raise
    if not _is_whole(tx):
        raise ProofFailed(f"{tx.what}: {txid} is cut, and its bytes do not tell the rest", hint=REJECTED)
    locktime = tx.get("lock_time")
    built = Transaction(
        tx["ver"].integer(-(2**31), U32) & U32,
        tuple(
            TxInput(*_outpoint(vin), _hex(vin.get("script")), vin["sequence"].integer(0, U32))
            for vin in tx["inputs"].items()
        ),
        tuple(map(_output, tx["outputs"].items())),
        0 if locktime is None else locktime.integer(0, U32),
    )
    if chain == "dash" and built.txid != txid:
        return built, False
    check_txid(built, txid, what=tx.what)
    return built, True


def _hex(field: Field | None) -> bytes:
    """Return a script; it is left out where it is empty."""
    return b"" if field is None else bytes.fromhex(field.hexadecimal())


def _output(out: Field) -> TxOutput:
    return TxOutput(out["value"].integer(0, 2**63 - 1), _hex(out.get("script")))


def _outpoint(vin: Field) -> tuple[str, int]:
    """Return what an input spends; a coinbase spends output -1 of nothing."""
    previous, index = vin.get("prev_hash"), vin["output_index"].integer(-1, U32)
    if index == -1:
        if previous is not None and previous.text().strip("0"):
            raise previous.refuse("nothing, for a coinbase")
        return "00" * 32, U32
    return vin["prev_hash"].hexadecimal(size=32), index


def _check_names(row: Field, script: str, chain: str) -> None:
    stated = row.get("addresses")
    for address in () if stated is None else stated.items():
        check_name(address, script, chain)


def _prevout(chain: str, vin: Field, real: TxInput) -> OutputRecord | None:
    """Return the spent output where its address fixes the script: `script` is the input's own.

    A bare key is shown under the p2pkh address of the key, and its own script cannot be known from that.
    The key or script that the input reveals must be the one of which the address is.
    """
    value_sat = vin["output_value"].integer(0, max_money_sat(chain))
    stated = vin.get("addresses")
    addresses = [] if stated is None else list(stated.items())
    for address in addresses:
        if not is_address(address.text(), chain=chain):
            raise address.refuse(f"an address of {chain}")
    if len(addresses) != 1:
        return None
    known = decode(addresses[0].value, chain=chain)
    if known.script_type == "p2pkh" and vin["script_type"].text() != "pay-to-pubkey-hash":
        return None
    if shows(known.script, real.scriptsig, real.witness) is False:
        raise ProofFailed(f"{vin.what}: {vin.named} shows another key than its address", hint=REJECTED)
    return OutputRecord(value_sat, known.script.hex())


def _check_sums(chain: str, tx: Field, built: Transaction, inputs: Sequence[Field]) -> None:
    """Check the stated sums against the bytes, and the fee where all inputs are shown."""
    paid = sum(output.value_sat for output in built.outputs)
    fee = tx["fees"].integer(0, max_money_sat(chain))
    if tx["total"].integer(0, 2**63 - 1) != paid:
        raise tx["total"].refuse(f"{paid:,}, the sum of all outputs")
    if not built.is_coinbase and len(inputs) == len(built.inputs):
        spent = sum(vin["output_value"].integer(0, max_money_sat(chain)) for vin in inputs)
        check_balance(tx.what, built.txid, spent=spent, paid=paid, fee=fee)


def _height(tx: Field) -> int | None:
    height = tx["block_height"].integer(-1, MAX_HEIGHT)
    return None if height == -1 else height


def _placed(record: TxRecord, tx: Field) -> TxRecord:
    """Return the record with its block, or as unconfirmed."""
    height, block_hash = _height(tx), tx.get("block_hash")
    if height is None:
        if block_hash is not None and block_hash.text():
            raise block_hash.refuse("nothing, while unconfirmed")
        return replace(record, is_placed=True)
    index = tx.get("block_index")
    return replace(
        record,
        is_placed=True,
        height=height,
        block_hash=tx["block_hash"].hexadecimal(size=32),
        time=_time(tx["confirmed"]),
        position=None if index is None else index.integer(0, MAX_COUNT),
    )


def _time(confirmed: Field) -> int | None:
    """Return the block's time; `None` where it has a fraction: then it is when the server saw the block."""
    seconds = utc_seconds(confirmed, _TIME, such_as="2011-08-11T05:56:28Z")
    return None if "." in confirmed.value else seconds


def _spends(chain: str, txid: str, what: str, outputs: Sequence[Field]) -> list[SpendRecord]:
    """Return who spends the outputs that are shown, where that is said."""
    spends = [
        SpendRecord(chain, Outpoint(txid, vout), spent_by.hexadecimal(size=32), None)
        for vout, out in enumerate(outputs)
        if (spent_by := out.get("spent_by")) is not None
    ]
    check_spends(what, spends)
    return spends


_ROUTES = Routes(
    "BlockCypher",
    {
        r"/": _tip,
        rf"/addrs/(?P<subject>[0-9A-Za-z]+)/full\?{_ASKED}(?:&before=([0-9]{{1,10}}))?": _history,
        rf"/txs/{TXID}\?limit={_SHOWN}&includeHex=true": _one_transaction,
    },
)
