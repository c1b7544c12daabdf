"""blockchain.info: histories with amounts and scripts but without outpoints, and the bytes to fill them in.

Its JSON never names the transaction that an input spends from, so that it is an outline; the hex form of
the same transaction has the outpoints. `multiaddr` is not asked: it leaves out the outputs of others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from chainflow.addresses import decode
from chainflow.errors import BadResponse
from chainflow.model import (
    AddressClaim,
    Fact,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxOutline,
)
from chainflow.sources.adapter import HttpSource, Places
from chainflow.sources.routes import TXID, Routes, answer_to
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.utxo import (
    MAX_COUNT,
    MAX_HEIGHT,
    check_address,
    check_asked,
    check_balance,
    check_count,
    check_name,
    check_touches,
    checked_offset,
    checked_txid,
    decline,
    offset_page,
    record_of,
    transaction_of,
)
from chainflow.units import max_money_sat

__all__ = ["BlockchainInfo", "facts"]

_PAGE = 50
_HEX = re.compile(rb"([0-9a-f]{2})+")


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`; pure.

    Returns
    -------
    tuple of Fact
        `Tip`; for a page of a history `AddressClaim`, `Listing` and `TxOutline`s; for a transaction its
        `TxOutline` (JSON) or its `TxRecord` (hex). An outline comes with a `SpendRecord` for each output
        said to be unspent; by whom a spent one is spent is not told.

    Raises
    ------
    NotFound, BadResponse, SchemaMismatch, ProofFailed, RateLimited
        As `chainflow.sources.esplora.facts`.
    BadInput
        `path` is no path of this family.

    Examples
    --------
    >>> facts("btc", "/q/getblockcount", 200, b"843079")
    (Tip(chain='btc', height=843079),)
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        decline(what, status, body)
    return tuple(read(chain, asked, what, body))


class BlockchainInfo(HttpSource):
    """blockchain.info as a source; Bitcoin only. See `HttpSource` for how another base URL is named.

    Examples
    --------
    >>> source = BlockchainInfo()
    >>> source.name, source.tx_paths(["ab" * 32])[0][:10]
    ('blockchain-info:https://blockchain.info', '/rawtx/aba')
    """

    family = "blockchain-info"
    read = staticmethod(facts)
    places: ClassVar[Places] = {"blockchain.info": {"btc": ""}}

    def tip_path(self) -> str:
        """Return the path that asks for the height of the newest block."""
        return "/q/getblockcount"

    def address_path(self, address: str) -> str:
        """Return the path of the first page: it says how many there are, and asking twice is slow here."""
        return self.history_path(address)

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a page of a history; `after` is how many transactions came before."""
        del which
        return f"/rawaddr/{self.canonical(address)}?limit={_PAGE}&offset={checked_offset(after)}"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return two paths for each transaction: its bytes, and what it spends and in which block."""
        forms = ("?format=hex", "")
        return tuple(f"/rawtx/{checked_txid(txid)}{form}" for txid in txids for form in forms)

    def subject_of(self, path: str) -> str:
        """Return the address or txid that the host learns from `path`, "" for the tip."""
        return _ROUTES.subject_of(path)


def _tip(chain: str, _asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    if not re.fullmatch(rb"[0-9]{1,9}", body.strip()):
        _not_text(what, body, "a block height")
    return [Tip(chain, int(body))]


def _not_text(what: str, body: bytes, wanted: str) -> None:
    """Raise what a text means that is not `wanted`: a notice of the limit, perhaps."""
    if b"limit" in body.lower() or b"maximum concurrent" in body.lower():
        decline(what, 200, body)
    raise BadResponse(f"{what} is not {wanted} (starts with {excerpt(body)})", hint=REJECTED)


def _bytes(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    text = body.strip()
    if not _HEX.fullmatch(text):
        _not_text(what, body, "a transaction in hex")
    return [record_of(chain, transaction_of(text.decode(), asked[0], what=what), what=what)]


def _one_transaction(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    outline, spends = _outline(chain, Field.parse(body, what))
    check_asked(what, outline.txid, asked[0])
    return [outline, *spends]


def _history(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    address, offset = asked
    page = Field.parse(body, what)
    check_address(page["address"], address, chain)
    claimed = page["n_tx"].integer(0, MAX_COUNT)
    stated = [_outline(chain, tx) for tx in page["txs"].items()]
    script = decode(address, chain=chain).script
    for outline, _ in stated:
        scripts = {o.script for o in (*(outline.prevouts or ()), *(outline.outputs or ()))}
        check_touches(what, outline.txid, scripts, script, chain)
    after = "" if offset == "0" else offset
    txids = [outline.txid for outline, _ in stated]
    listing = offset_page(chain, address, after, txids, claimed=claimed, what=what)
    found: list[Fact] = [AddressClaim(chain, address, claimed), listing]
    for outline, spends in stated:
        found += (outline, *spends)
    return found


def _outline(chain: str, tx: Field) -> tuple[TxOutline, list[SpendRecord]]:
    """Return one transaction without its outpoints, and which of its outputs are said to be unspent.

    `time` is when the server first saw it, which is not when it was mined: it is not read.
    """
    txid = tx["hash"].hexadecimal(size=32)
    check_count(tx, "inputs", "vin_sz", txid=txid)
    check_count(tx, "out", "vout_sz", txid=txid)
    inputs, outs = list(tx["inputs"].items()), list(tx["out"].items())
    is_coinbase = len(inputs) == 1 and inputs[0].get("prev_out") is None
    prevouts = () if is_coinbase else tuple(_output(chain, vin["prev_out"]) for vin in inputs)
    outputs = tuple(_output(chain, out) for out in outs)
    if not (inputs and outputs):
        raise tx["inputs" if outputs else "out"].refuse("a list that is not empty")
    fee = tx["fee"].integer(0, max_money_sat(chain))
    if not is_coinbase:
        spent, paid = (sum(output.value_sat for output in side) for side in (prevouts, outputs))
        check_balance(tx.what, txid, spent=spent, paid=paid, fee=fee)
    tx["double_spend"].flag()
    height = None if tx["block_height"].value is None else tx["block_height"].integer(0, MAX_HEIGHT)
    unspent = [vout for vout, out in enumerate(outs) if not _is_spent(out, vout)]
    return (
        TxOutline(chain, txid, is_placed=True, height=height, prevouts=prevouts, outputs=outputs),
        [SpendRecord(chain, Outpoint(txid, vout), None, None) for vout in unspent],
    )


def _output(chain: str, output: Field) -> OutputRecord:
    script = output["script"].hexadecimal()
    check_name(output.get("addr"), script, chain)
    return OutputRecord(output["value"].integer(0, max_money_sat(chain)), script)


def _is_spent(out: Field, vout: int) -> bool:
    """Return whether an output is said to be spent: its place and its list of spenders must agree."""
    if out["n"].integer(0, MAX_COUNT) != vout:
        raise out["n"].refuse(f"{vout}: outputs in their order")
    is_spent = out["spent"].flag()
    if is_spent != bool(list(out["spending_outpoints"].items())):
        raise out["spent"].refuse("what spending_outpoints says")
    return is_spent


_ROUTES = Routes(
    "BlockchainInfo",
    {
        r"/q/getblockcount": _tip,
        rf"/rawaddr/(?P<subject>[0-9A-Za-z]+)\?limit={_PAGE}&offset=([0-9]{{1,10}})": _history,
        rf"/rawtx/{TXID}": _one_transaction,
        rf"/rawtx/{TXID}\?format=hex": _bytes,
    },
    hint="; multiaddr is never asked, it hides outputs",
)
