"""What a reply of an Esplora explorer states: read strictly, recomputed where it can be, or refused.

Pure: no clock, no network. A reply is a function of (chain, path, status, body), so that a case can be
verified years later from the archived bodies alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from chainflow.addresses import decode
from chainflow.errors import BadBytes, BadResponse, NotFound, ProofFailed, SchemaMismatch
from chainflow.model import (
    AddressClaim,
    BlockHash,
    Fact,
    HeaderRecord,
    InclusionRecord,
    InputRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.sources.mined import block_records
from chainflow.sources.routes import HASH, TXID, Routes, answer_to
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.utxo import MAX_COUNT, U32, check_asked, check_own_name, check_spends, scripts_of
from chainflow.units import max_money_sat
from chainflow.wire import Transaction, parse_block, parse_header, transaction_from_esplora

__all__ = ["PAGE", "facts", "subject_of"]

PAGE = 25
"""Confirmed transactions on a full page of an address's history."""

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
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        return _declined(chain, asked if read is _history else (), what, status, body)
    return tuple(read(chain, asked, what, body))


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
    stats = Field.parse(body, what)
    stated = stats["address"].text()
    if stated != address:
        other = excerpt(stated.encode(), limit=100)
        raise ProofFailed(f"{what} is about another address ({other})", hint=REJECTED)
    confirmed = stats["chain_stats"]["tx_count"].integer(0, MAX_COUNT)
    unconfirmed = stats["mempool_stats"]["tx_count"].integer(0, MAX_COUNT)
    return [AddressClaim(chain, address, confirmed, unconfirmed)]


def _history(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    address, after = asked
    script = decode(address, chain=chain).script.hex()
    records = [_transaction(chain, item) for item in Field.parse(body, what).items()]
    txids = tuple(record.txid for record in records)
    repeated = [txid for txid, times in Counter((*txids, after)).items() if times > 1]
    if repeated:
        raise ProofFailed(f"{what} lists {repeated[0]} again", hint=REJECTED)
    for record in records:
        if script not in scripts_of(record):
            raise ProofFailed(f"{what} lists {record.txid}, which does not touch it", hint=REJECTED)
    confirmed = [record.txid for record in records if record.height is not None]
    is_last = len(confirmed) < PAGE
    reason = "" if is_last else f"{len(confirmed)} confirmed transactions on this page, older ones may follow"
    following = confirmed[-1] if confirmed else ""  # also of the last page: the count may say otherwise
    page = Listing(chain, address, after, txids, complete=is_last, reason=reason, next=following)
    return [page, *records]


def _one_transaction(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    record = _transaction(chain, Field.parse(body, what))
    check_asked(what, record.txid, asked[0])
    return [record]


def _transaction(chain: str, tx: Field) -> TxRecord:
    """Return one transaction, rebuilt from its fields and compared with everything that is stated."""
    stated = tx["txid"].hexadecimal(size=32)
    outputs = tuple(_output(chain, output) for output in tx["vout"].items())
    try:
        built = transaction_from_esplora(tx.value)
    except BadBytes as error:
        where = f"{tx.path}." if tx.path else ""
        raise SchemaMismatch(f"{tx.what}: field {where}{error.message}", hint=REJECTED) from None
    if built.txid != stated:
        raise ProofFailed(
            f"{tx.what}: the transaction stated as {stated} hashes to {built.txid}; its content was altered",
            hint=REJECTED,
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
            hint=REJECTED,
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
    if stated is not None and stated.value != "":  # mempool.space writes "" where there is none
        check_own_name(stated, script, chain)
    return OutputRecord(value_sat, script)


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
        status["block_time"].integer(0, U32),
    )


def _outspends(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    answer = Field.parse(body, what)
    if not any(answer.items()):
        raise answer.refuse("one entry per output")
    spends = _spends(chain, asked[0], answer)
    check_spends(what, spends)
    return [*spends]


def _outspends_of_many(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    """Read mempool's batch: lists in the order asked; an empty one says that it knows no such txid."""
    txids = asked[0].split(",")
    lists = list(Field.parse(body, what).items())
    if len(lists) != len(txids):
        raise BadResponse(f"{what} has {len(lists)} lists for {len(txids)} txids", hint=REJECTED)
    records = [
        record for txid, spends in zip(txids, lists, strict=True) for record in _spends(chain, txid, spends)
    ]
    check_spends(what, records)
    return [*records]


def _spends(chain: str, txid: str, spends: Field) -> list[SpendRecord]:
    """Return what is stated of the outputs of one transaction, in their order."""
    records = []
    for vout, entry in enumerate(spends.items()):
        outpoint = Outpoint(txid, vout)
        if entry["spent"].flag():
            spent_by, spent_vin = entry["txid"].hexadecimal(size=32), entry["vin"].integer(0, U32)
            records.append(SpendRecord(chain, outpoint, spent_by, spent_vin))
            continue
        for name in ("txid", "vin"):
            if (field := entry.get(name)) is not None:
                raise field.refuse("nothing, while unspent")
        records.append(SpendRecord(chain, outpoint, None, None))
    return records


def _branch(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    """Read a merkle branch; that it leads to a header is checked where both are held."""
    proof = Field.parse(body, what)
    branch = tuple(node.hexadecimal(size=32) for node in proof["merkle"].items())
    height, position = proof["block_height"].integer(0, 2**31 - 1), proof["pos"].integer(0, U32)
    return [InclusionRecord(chain, asked[0], height, position, branch)]


def _header(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    raw = _hexadecimal(what, body)
    try:
        header = parse_header(bytes.fromhex(raw))
    except BadBytes as error:
        raise BadResponse(f"{what}: {error.message}", hint=REJECTED) from None
    if header.hash != asked[0]:
        raise ProofFailed(f"{what} is the header of another block, {header.hash}", hint=REJECTED)
    return [HeaderRecord(chain, None, raw)]


def _raw_block(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    try:
        block = parse_block(body)
    except BadBytes as error:
        raise BadResponse(f"{what}: {error.message}", hint=REJECTED) from None
    if block.header.hash != asked[0]:
        raise ProofFailed(f"{what} is another block, {block.header.hash}", hint=REJECTED)
    unknown = [None] * len(block.transactions)
    return [*block_records(chain, block, int(asked[1]), unknown, what=what)]


def _block_hash(chain: str, asked: Sequence[str], what: str, body: bytes) -> list[Fact]:
    found = _hexadecimal(what, body)
    if len(found) != 64:
        raise BadResponse(f"{what} is not a block hash (starts with {excerpt(body)})", hint=REJECTED)
    return [BlockHash(chain, int(asked[0]), found)]


def _hexadecimal(what: str, body: bytes) -> str:
    """Return a body that is nothing but hex: a server's notice of its limit is not."""
    text = body.strip().decode("ascii", "replace")
    if not re.fullmatch("([0-9a-f]{2})+", text):
        raise BadResponse(f"{what} is not hex (starts with {excerpt(body)})", hint=REJECTED)
    return text


_ROUTES = Routes(
    "Esplora",
    {
        r"/blocks/tip/height": _tip,
        r"/address/(?P<subject>[0-9A-Za-z]+)": _claim,
        rf"/address/(?P<subject>[0-9A-Za-z]+)/txs(?:/chain/({HASH}))?": _history,
        rf"/tx/{TXID}": _one_transaction,
        rf"/tx/{TXID}/outspends": _outspends,
        rf"/tx/{TXID}/merkle-proof": _branch,
        rf"/block/({HASH})/header": _header,
        rf"/block/({HASH})/raw\?height=([0-9]{{1,9}})": _raw_block,
        r"/block-height/([0-9]{1,9})": _block_hash,
        rf"/txs/outspends\?txids=(?P<subject>{HASH}(?:,{HASH})*)": _outspends_of_many,
    },
)
subject_of = _ROUTES.subject_of
