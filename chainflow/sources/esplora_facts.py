"""What a reply of an Esplora explorer states: read strictly, recomputed where it can be, or refused.

Pure: no clock, no network. A reply is a function of (chain, path, status, body), so that a case can be
verified years later from the archived bodies alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from chainflow.addresses import address_of, decode, is_address, script_type
from chainflow.errors import BadBytes, BadInput, BadResponse, NotFound, ProofFailed, SchemaMismatch
from chainflow.model import (
    AddressClaim,
    Fact,
    InputRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.sources.strict import Field, excerpt, loads_strict
from chainflow.units import max_money_sat
from chainflow.wire import Transaction, transaction_from_esplora

__all__ = ["PAGE", "facts", "subject_of"]

PAGE = 25
"""Confirmed transactions on a full page of an address's history."""

_U32 = 2**32 - 1
_MAX_COUNT = 10**12
_REJECTED = "the page was rejected as a whole, nothing of it was used; ask another source"
_TXID = "([0-9a-f]{64})"
_TOO_MANY = re.compile(r"too (many|long|large)", re.IGNORECASE)
_NOT_FOUND = re.compile(r"not found", re.IGNORECASE)


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    A transaction is taken only if its txid recomputes from its fields, all spent outputs are stated, and
    inputs minus outputs is the stated fee; a history page only if every transaction on it touches the
    address. That the stated block is right, and the amounts of spent outputs, no reply can prove.

    Parameters
    ----------
    chain : str
        Such as `btc` or `ltc`: fixes the address form and the largest amount.
    path : str
        As asked, relative to the base URL.
    status : int
    body : bytes

    Returns
    -------
    tuple of Fact
        `Tip` for the tip; `AddressClaim` for an address's counts; `Listing` and its `TxRecord`s for a
        history page; `TxRecord` for a transaction; `SpendRecord`s for outspends. A server that declines
        because a history is too long gives a `Listing` that is not complete, with its words as reason.

    Raises
    ------
    NotFound
        The server says that there is no such thing.
    BadResponse
        The reply is no answer to this question: a web page, cut-off JSON, another status.
    SchemaMismatch
        A field is missing, of the wrong type or out of range; it is named.
    ProofFailed
        The reply contradicts itself or arithmetic.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://github.com/Blockstream/esplora/blob/master/API.md

    Examples
    --------
    >>> facts("btc", "/blocks/tip/height", 200, b"698767")
    (Tip(chain='btc', height=698767),)
    """
    read, asked = _route(path)
    what = f"The answer to {path if len(path) < 150 else path[:149] + '…'}"
    if status != 200:
        return _declined(chain, asked if read is _history else (), what, status, body)
    return tuple(read(chain, asked, what, body))


def subject_of(path: str) -> str:
    """Return the address or txid (several: with commas) that the host learns from `path`; "" for the tip.

    Examples
    --------
    >>> subject_of("/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa/txs")
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'
    """
    _, asked = _route(path)
    return asked[0] if asked else ""


def _declined(chain: str, history: Sequence[str], what: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return or raise what a status other than 200 means; `history` is (address, after) if asked."""
    words = excerpt(body, limit=160)
    if history and status in (400, 413, 422) and _TOO_MANY.search(words):
        address, after = history
        return (Listing(chain, address, after, (), complete=False, reason=f"limited: {words}"),)
    if status == 404 or (status == 400 and _NOT_FOUND.search(words)):
        raise NotFound(f"{what} is “not found” ({words})", hint="is it of this chain? ask another source")
    raise BadResponse(
        f"{what} has status {status} ({words}); it was not used",
        hint="a refusal of the server or of a proxy before it; ask another source",
    )


def _tip(chain: str, _asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    if not re.fullmatch(rb"[0-9]{1,9}", body.strip()):
        raise BadResponse(
            f"{what} is not a block height (starts with {excerpt(body)})",
            hint="it may be a notice of the server's limit; go on later",
        )
    return [Tip(chain, int(body))]


def _claim(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    (address,) = asked
    stats = Field(loads_strict(body, what=what), what)
    stated = stats["address"].text()
    if stated != address:
        other = excerpt(stated.encode(), limit=100)
        raise ProofFailed(f"{what} is about another address ({other})", hint=_REJECTED)
    confirmed = stats["chain_stats"]["tx_count"].integer(0, _MAX_COUNT)
    unconfirmed = stats["mempool_stats"]["tx_count"].integer(0, _MAX_COUNT)
    return [AddressClaim(chain, address, confirmed, unconfirmed)]


def _history(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    address, after = asked
    script = decode(address, chain=chain).script.hex()
    records = [_transaction(chain, item) for item in Field(loads_strict(body, what=what), what).items()]
    txids = tuple(record.txid for record in records)
    repeated = [txid for txid, times in Counter((*txids, after)).items() if times > 1]
    if repeated:
        raise ProofFailed(f"{what} lists {repeated[0]} again", hint=_REJECTED)
    for record in records:
        if script not in _scripts(record):
            raise ProofFailed(f"{what} lists {record.txid}, which does not touch it", hint=_REJECTED)
    confirmed = sum(record.height is not None for record in records)
    reason = (
        "" if confirmed < PAGE else f"{confirmed} confirmed transactions on this page, older ones may follow"
    )
    return [Listing(chain, address, after, txids, complete=not reason, reason=reason), *records]


def _one_transaction(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    record = _transaction(chain, Field(loads_strict(body, what=what), what))
    if record.txid != asked[0]:
        raise ProofFailed(f"{what} is another transaction, {record.txid}", hint=_REJECTED)
    return [record]


def _transaction(chain: str, tx: Field) -> TxRecord:
    """Return one transaction, rebuilt from its fields and compared with everything that is stated."""
    stated = tx["txid"].hexadecimal(size=32)
    outputs = tuple(_output(chain, output) for output in tx["vout"].items())
    try:
        built = transaction_from_esplora(tx.value)
    except BadBytes as error:
        where = f"{tx.path}." if tx.path else ""
        raise SchemaMismatch(f"{tx.what}: field {where}{error.message}", hint=_REJECTED) from None
    if built.txid != stated:
        raise ProofFailed(
            f"{tx.what}: the transaction stated as {stated} hashes to {built.txid}; its content was altered",
            hint=_REJECTED,
        )
    height, block_hash, time = _block(tx["status"])
    record = TxRecord(
        chain,
        stated,
        _inputs(chain, tx, built),
        outputs,
        is_coinbase=built.is_coinbase,
        height=height,
        block_hash=block_hash,
        time=time,
        raw=built.serialize(),
    )
    fee_sat = tx["fee"].integer(0, max_money_sat(chain))
    if fee_sat != record.fee_sat:
        raise ProofFailed(
            f"{tx.what}: {stated} states a fee of {fee_sat:,}, but inputs − outputs is {record.fee_sat:,}",
            hint=_REJECTED,
        )
    return record


def _inputs(chain: str, tx: Field, built: Transaction) -> tuple[InputRecord, ...]:
    """Return the inputs with the outputs they spend; none for a coinbase, which spends nothing."""
    inputs = []
    for vin, spent in zip(tx["vin"].items(), built.inputs, strict=True):
        if vin["is_coinbase"].flag() != built.is_coinbase:
            raise vin["is_coinbase"].refuse("what the outpoint says")
        if built.is_coinbase:
            if vin.get("prevout") is not None:
                raise vin["prevout"].refuse("null, for a coinbase")
            continue
        outpoint = Outpoint(spent.txid, spent.vout)
        inputs.append(InputRecord(outpoint, _output(chain, vin["prevout"]), spent.sequence))
    return tuple(inputs)


def _output(chain: str, output: Field) -> OutputRecord:
    """Return one output, after comparing the stated address with the script."""
    script = output["scriptpubkey"].hexadecimal()
    value_sat = output["value"].integer(0, max_money_sat(chain))
    stated = output.get("scriptpubkey_address")
    if stated is not None and not _is_name_of(stated.text(), bytes.fromhex(script), chain):
        others = _chains_of_name(stated.text(), bytes.fromhex(script))
        wrong_chain = f"; perhaps it speaks of {others[0]}: pass chain={others[0]!r}" if others else ""
        raise ProofFailed(
            f"{output.what}: {stated.named} is {excerpt(stated.text().encode(), limit=100)}, "
            f"but the script's address is {address_of(bytes.fromhex(script), chain)}",
            hint=_REJECTED + wrong_chain,
        )
    return OutputRecord(value_sat, script)


def _is_name_of(address: str, script: bytes, chain: str) -> bool:
    """Return whether a stated address can stand for `script`."""
    own = address_of(script, chain)
    if own is not None or not address:  # mempool.space writes "" where there is none
        return address in ("", own) or chain in _chains_of_name(address, script)
    # old nodes label bare keys with an address made of the first; a newer explorer may know newer forms
    return script_type(script) in ("p2pk", "multisig") or not is_address(address, chain=chain)


def _chains_of_name(address: str, script: bytes) -> tuple[str, ...]:
    """Return the chains on which an address names exactly this script."""
    if not is_address(address):
        return ()
    return tuple(other for other in decode(address).chains if decode(address, chain=other).script == script)


def _block(status: Field) -> tuple[int | None, str | None, int | None]:
    """Return height, hash and time of the stated block, `None` each while unconfirmed."""
    if not status["confirmed"].flag():
        for name in ("block_height", "block_hash", "block_time"):
            if (field := status.get(name)) is not None:
                raise field.refuse("nothing, while unconfirmed")
        return None, None, None
    return (
        status["block_height"].integer(0, 2**31 - 1),
        status["block_hash"].hexadecimal(size=32),
        status["block_time"].integer(0, _U32),
    )


def _scripts(record: TxRecord) -> set[str]:
    """Return every script that a transaction pays or spends from."""
    spent = {given.prevout.script for given in record.inputs if given.prevout is not None}
    return spent | {output.script for output in record.outputs}


def _outspends(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    answer = Field(loads_strict(body, what=what), what)
    if not any(answer.items()):
        raise answer.refuse("one entry per output")
    return _consistent(what, _spends(chain, asked[0], answer))


def _outspends_of_many(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    """Read mempool's batch: lists in the order asked; an empty one says that it knows no such txid."""
    txids = asked[0].split(",")
    lists = list(Field(loads_strict(body, what=what), what).items())
    if len(lists) != len(txids):
        raise BadResponse(f"{what} has {len(lists)} lists for {len(txids)} txids", hint=_REJECTED)
    records = [
        record for txid, spends in zip(txids, lists, strict=True) for record in _spends(chain, txid, spends)
    ]
    return _consistent(what, records)


def _spends(chain: str, txid: str, spends: Field) -> list[SpendRecord]:
    """Return what is stated of the outputs of one transaction, in their order."""
    records = []
    for vout, entry in enumerate(spends.items()):
        outpoint = Outpoint(txid, vout)
        if entry["spent"].flag():
            spent_by, spent_vin = entry["txid"].hexadecimal(size=32), entry["vin"].integer(0, _U32)
            records.append(SpendRecord(chain, outpoint, spent_by, spent_vin))
            continue
        for name in ("txid", "vin"):
            if (field := entry.get(name)) is not None:
                raise field.refuse("nothing, while unspent")
        records.append(SpendRecord(chain, outpoint, None, None))
    return records


def _consistent(what: str, spends: Sequence[SpendRecord]) -> list[Fact]:
    """Return the statements if each input spends one output, and no transaction spends itself."""
    taken: dict[tuple[str, int | None], Outpoint] = {}
    for spend in spends:
        if spend.spent_by is None:
            continue
        earlier = taken.setdefault((spend.spent_by, spend.spent_vin), spend.outpoint)
        if earlier != spend.outpoint or spend.spent_by == spend.outpoint.txid:
            raise ProofFailed(
                f"{what}: {spend.outpoint} cannot be spent by input {spend.spent_vin} of {spend.spent_by}",
                hint=_REJECTED,
            )
    return list(spends)


_Reader = Callable[[str, Sequence[str], str, bytes], list[Fact]]

_ROUTES: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (re.compile(r"/blocks/tip/height"), _tip),
    (re.compile(r"/address/([0-9A-Za-z]+)"), _claim),
    (re.compile(rf"/address/([0-9A-Za-z]+)/txs(?:/chain/{_TXID})?"), _history),
    (re.compile(rf"/tx/{_TXID}"), _one_transaction),
    (re.compile(rf"/tx/{_TXID}/outspends"), _outspends),
    (re.compile(r"/txs/outspends\?txids=([0-9a-f]{64}(?:,[0-9a-f]{64})*)"), _outspends_of_many),
)


def _route(path: str) -> tuple[_Reader, tuple[str, ...]]:
    """Return who reads the answers to `path`, and what the path asks for."""
    for pattern, read in _ROUTES:
        if (found := pattern.fullmatch(path)) is not None:
            return read, found.groups("")
    raise BadInput(
        f"not a path of the Esplora family: {path[:150]!r}", hint="make paths with Esplora.…_path()"
    )
