"""What a reply of a Haskoin Store states: read strictly, recomputed where it can be, or refused.

Pure: no clock, no network. The answers hold whole transactions with what they spend and who spends them, so
that nearly all can be checked. `multiaddr`, a copy of blockchain.info's, leaves out the outputs to other
addresses: it is no path of this family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from chainflow.errors import BadBytes, NotFound, ProofFailed, SchemaMismatch
from chainflow.merkle import merkle_branch, merkle_root
from chainflow.model import (
    AddressClaim,
    BlockHash,
    Fact,
    HeaderRecord,
    InclusionRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.sources.routes import HASH, TXID, Routes, answer_to
from chainflow.sources.shown import address_asked, address_stated, shows
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.utxo import (
    MAX_COUNT,
    MAX_HEIGHT,
    U32,
    check_asked,
    check_balance,
    check_name,
    check_once,
    check_spends,
    check_touches,
    check_txid,
    decline,
    record_of,
    scripts_of,
)
from chainflow.units import max_money_sat
from chainflow.wire import Header, Transaction, TxInput, TxOutput

__all__ = ["PAGE", "facts", "subject_of"]

PAGE = 100
"""Transactions on a page: what the server gives by default; it may silently give fewer than asked for."""


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    A transaction is taken only if its txid recomputes from its fields, inputs minus outputs is the stated
    fee, and no input shows another key or script than the one it is said to spend. A block is taken only if
    its header hashes to its name, and its txids to the header's merkle root. That a transaction is at the
    stated height, only such a block proves; its `time` may be when it was first seen, and is not used.

    Returns
    -------
    tuple of Fact
        `Tip`, `BlockHash` and `HeaderRecord` for the newest block; `AddressClaim` for a balance; `Listing`,
        `TxRecord`s and `SpendRecord`s for a history page, the latter two for transactions; `BlockHash`,
        `HeaderRecord` and `InclusionRecord`s for a block. A server that declines because an offset is too
        far gives a `Listing` that is not complete, with its words as reason.

    Raises
    ------
    NotFound
        The server does not know it, or says that it was deleted: replaced or double-spent.
    RateLimited, BadResponse, SchemaMismatch, ProofFailed
        The reply is no answer; a field is wrong; it contradicts itself or arithmetic.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://api.haskoin.com (its description), haskoin-store `Haskoin/Store/Data.hs` and `Web.hs`.

    Examples
    --------
    >>> facts("btc", "/transactions?txids=" + "0" * 64 + "," + "1" * 64, 200, b"[]")
    Traceback (most recent call last):
    chainflow.errors.NotFound: none of the 2 transactions is known to the server
    → are they of this chain? ask another source
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        words = excerpt(body, limit=200)
        if read is _history and status == 400 and "offset exceeded" in words:
            address = address_stated(Field(asked[0], what, "address (asked)"), chain).address
            return (Listing(chain, address, asked[1], (), complete=False, reason=f"limited: {words}"),)
        decline(what, status, body)
    return tuple(read(chain, asked, Field.parse(body, what)))


class _Read(NamedTuple):
    record: TxRecord
    spends: list[SpendRecord]


def _tip(chain: str, _asked: Sequence[str], block: Field) -> list[Fact]:
    height, header = _header(block)
    raw = header.serialize().hex()
    return [Tip(chain, height), BlockHash(chain, height, header.hash), HeaderRecord(chain, height, raw)]


def _header(block: Field) -> tuple[int, Header]:
    """Return height and header of a block of the best chain, after hashing it."""
    if not block["mainchain"].flag():
        raise block["mainchain"].refuse("true: a block of the best chain")
    version = block["version"].integer(0, U32)
    header = Header(
        version - 2**32 if version >= 2**31 else version,
        block["previous"].hexadecimal(size=32),
        block["merkle"].hexadecimal(size=32),
        block["time"].integer(0, U32),
        block["bits"].integer(0, U32),
        block["nonce"].integer(0, U32),
    )
    stated = block["hash"].hexadecimal(size=32)
    if header.hash != stated:
        raise ProofFailed(
            f"{block.what}: the header of the block stated as {stated} hashes to {header.hash}", hint=REJECTED
        )
    return block["height"].integer(0, MAX_HEIGHT), header


def _block(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    """Read the blocks of a height (stale ones are among them) and make the branches that were wanted."""
    best = [block for block in answer.items() if block["mainchain"].flag()]
    if len(best) != 1:
        raise ProofFailed(f"{answer.what} has {len(best)} blocks of the best chain", hint=REJECTED)
    height, header = _header(best[0])
    if height != int(asked[0]):
        raise best[0]["height"].refuse(asked[0])
    txids = [item.hexadecimal(size=32) for item in best[0]["tx"].items()]
    try:
        is_whole = merkle_root(txids) == header.merkle_root
    except BadBytes:
        is_whole = False
    missing = [txid for txid in asked[1].split(",") if txid not in txids]
    if not is_whole or missing:
        why = f"does not hold {missing[0]}" if missing else "does not commit to the txids beside it"
        raise ProofFailed(f"{answer.what}: block {header.hash} {why}", hint=REJECTED)
    places = [(txid, txids.index(txid)) for txid in asked[1].split(",")]
    return [
        BlockHash(chain, height, header.hash),
        HeaderRecord(chain, height, header.serialize().hex()),
        *(InclusionRecord(chain, txid, height, at, merkle_branch(txids, at)) for txid, at in places),
    ]


def _claim(chain: str, asked: Sequence[str], balance: Field) -> list[Fact]:
    address = address_asked(balance, asked[0], chain).address
    return [AddressClaim(chain, address, balance["txs"].integer(0, MAX_COUNT))]


def _history(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    wanted = address_stated(Field(asked[0], answer.what, "address (asked)"), chain)
    read = [_transaction(chain, row) for row in answer.items()]
    txids = tuple(one.record.txid for one in read)
    check_once(answer.what, txids)
    for one in read:
        check_touches(answer.what, one.record.txid, scripts_of(one.record), wanted.script, chain)
    offset = int(asked[1])
    is_last = len(txids) < PAGE
    reason = "" if is_last else f"{len(txids)} transactions on this page, older ones may follow"
    following = str(offset + len(txids)) if txids else ""  # of a short page, too: the count may say otherwise
    after = str(offset) if offset else ""
    page = Listing(chain, wanted.address, after, txids, complete=is_last, reason=reason, next=following)
    return [page, *_stated(answer, read)]


def _one_transaction(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    one = _transaction(chain, answer)
    check_asked(answer.what, one.record.txid, asked[0])
    return _stated(answer, [one])


def _several_transactions(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    """Read a batch: what the server does not know it leaves out without a word."""
    wanted = asked[0].split(",")
    read = [_transaction(chain, row) for row in answer.items()]
    if not read:
        raise NotFound(
            f"none of the {len(wanted)} transactions is known to the server",
            hint="are they of this chain? ask another source",
        )
    check_once(answer.what, [one.record.txid for one in read])
    for one in read:
        if one.record.txid not in wanted:
            raise ProofFailed(f"{answer.what} holds another transaction, {one.record.txid}", hint=REJECTED)
    return _stated(answer, read)


def _stated(answer: Field, read: Sequence[_Read]) -> list[Fact]:
    """Return the transactions, and who spends what, if nothing is spent twice."""
    spends = [spend for one in read for spend in one.spends]
    check_spends(answer.what, spends)
    return [*(one.record for one in read), *spends]


def _transaction(chain: str, tx: Field) -> _Read:
    """Return one transaction, rebuilt from its fields and compared with everything that is stated."""
    txid = tx["txid"].hexadecimal(size=32)
    if tx["deleted"].flag():
        raise NotFound(
            f"{tx.what}: {txid} was deleted there: replaced, or its inputs were spent otherwise",
            hint="it is no part of the chain",
        )
    built = _built(chain, tx, txid)
    prevouts = [
        _prevout(chain, row, spent) for row, spent in zip(tx["inputs"].items(), built.inputs, strict=True)
    ]
    record = record_of(chain, built, prevouts, what=tx.what)
    spent = sum(prevout.value_sat for prevout in prevouts if prevout is not None)
    paid = sum(output.value_sat for output in built.outputs)
    fee = tx["fee"].integer(0, max_money_sat(chain))
    check_balance(tx.what, txid, spent=paid if built.is_coinbase else spent, paid=paid, fee=fee)
    spends = [
        _spend(chain, Outpoint(txid, vout), row, output.script.hex())
        for vout, (row, output) in enumerate(zip(tx["outputs"].items(), built.outputs, strict=True))
    ]
    height, position = _place(tx["block"])
    return _Read(replace(record, height=height, position=position, is_placed=True), spends)


def _built(chain: str, tx: Field, txid: str) -> Transaction:
    """Return the transaction that the fields describe, after hashing it."""
    most = max_money_sat(chain)
    built = Transaction(
        tx["version"].integer(0, U32),
        tuple(_input(row) for row in tx["inputs"].items()),
        tuple(
            TxOutput(row["value"].integer(0, most), bytes.fromhex(row["pkscript"].hexadecimal()))
            for row in tx["outputs"].items()
        ),
        tx["locktime"].integer(0, U32),
    )
    try:
        check_txid(built, txid, what=tx.what)
    except BadBytes as error:
        raise SchemaMismatch(f"{tx.what}: {txid}: {error.message}", hint=REJECTED) from None
    if built.size != tx["size"].integer(0, U32):  # a txid does not commit to the witness
        raise ProofFailed(
            f"{tx.what}: {txid} states {tx['size'].value} bytes, it has {built.size}", hint=REJECTED
        )
    return built


def _input(row: Field) -> TxInput:
    """Return one input, whose `coinbase` says what its outpoint says."""
    witness = row.get("witness")
    spent = TxInput(
        row["txid"].hexadecimal(size=32),
        row["output"].integer(0, U32),
        bytes.fromhex(row["sigscript"].hexadecimal()),
        row["sequence"].integer(0, U32),
        () if witness is None else tuple(bytes.fromhex(item.hexadecimal()) for item in witness.items()),
    )
    if row["coinbase"].flag() != spent.is_null:
        raise row["coinbase"].refuse("what the outpoint says")
    return spent


def _prevout(chain: str, row: Field, spent: TxInput) -> OutputRecord | None:
    """Return the output that an input spends, compared with its address and with what the input shows."""
    if spent.is_null:
        for name in ("pkscript", "value", "address"):
            if (field := row.get(name)) is not None:
                raise field.refuse("null, for a coinbase")
        return None
    script = row["pkscript"].hexadecimal()
    check_name(row.get("address"), script, chain)
    if shows(bytes.fromhex(script), spent.scriptsig, spent.witness) is False:
        raise ProofFailed(
            f"{row.what}: {row.named} shows another key or script than its pkscript", hint=REJECTED
        )
    return OutputRecord(row["value"].integer(0, max_money_sat(chain)), script)


def _spend(chain: str, outpoint: Outpoint, row: Field, script: str) -> SpendRecord:
    """Return who spends an output, or that nobody does, after comparing its address with its script."""
    check_name(row.get("address"), script, chain)
    spender = row.get("spender")
    if row["spent"].flag() != (spender is not None):
        raise row["spent"].refuse("what the spender says")
    if spender is None:
        return SpendRecord(chain, outpoint, None, None)
    return SpendRecord(
        chain, outpoint, spender["txid"].hexadecimal(size=32), spender["input"].integer(0, U32)
    )


def _place(block: Field) -> tuple[int | None, int | None]:
    """Return height and position in the block, `None` each in the mempool."""
    if block.get("mempool") is None:
        return block["height"].integer(0, MAX_HEIGHT), block["position"].integer(0, U32)
    for name in ("height", "position"):
        if (field := block.get(name)) is not None:
            raise field.refuse("nothing, while unconfirmed")
    return None, None


_ADDRESS = "/address/(?P<subject>[0-9A-Za-z]+)"
_TXIDS = f"(?P<subject>{HASH}(?:,{HASH})*)"
_ROUTES = Routes(
    "Haskoin",
    {
        r"/block/best\?notx=true": _tip,
        rf"/block/height/([0-9]{{1,9}})\?txids={_TXIDS}": _block,
        rf"{_ADDRESS}/balance": _claim,
        rf"{_ADDRESS}/transactions/full\?limit={PAGE}&offset=([0-9]{{1,10}})": _history,
        rf"/transaction/{TXID}": _one_transaction,
        rf"/transactions\?txids={_TXIDS}": _several_transactions,
    },
)
subject_of = _ROUTES.subject_of
