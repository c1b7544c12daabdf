"""What a node's JSON-RPC answers state: read strictly, recomputed from the bytes, or refused.

Pure: no clock, no network. A reply is a function of (chain, path, status, body).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chainflow.addresses import script_of
from chainflow.errors import (
    BadBytes,
    BadResponse,
    ChainflowError,
    NotFound,
    ProofFailed,
    SourceError,
    SourceUnavailable,
)
from chainflow.model import (
    BlockHash,
    Fact,
    HeaderRecord,
    InclusionRecord,
    Listing,
    Outpoint,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.sources.core.blocks import block_facts
from chainflow.sources.core.merkleblock import read_tx_proof
from chainflow.sources.core.transactions import amount, transaction
from chainflow.sources.jsonrpc import Answer, answers
from chainflow.sources.mined import GENESIS, tx_record
from chainflow.sources.routes import HASH, TXID, Routes, answer_to
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.utxo import MAX_HEIGHT, U32

__all__ = ["check_ready", "facts", "is_torn", "subject_of"]

_NOT_THERE, _WARMING_UP, _UNKNOWN_METHOD = -5, -28, -32601
_NOTHING_OLDER = "only what is unspent: a node keeps no list of what an address received and spent before"


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    Parameters
    ----------
    chain : str
        Such as `btc`, `ltc` or `btc-regtest`: fixes the address form, the proof of work, the subsidy.
    path : str
        A question made by `Core`.
    status : int
    body : bytes

    Returns
    -------
    tuple of Fact
        `Tip`; `BlockHash`; `HeaderRecord` and `TxRecord`s of a block; `TxRecord`s; `InclusionRecord` with its
        header; for the scan of an address a `Tip`, a `Listing` that is never complete, and a `SpendRecord`
        for each output that is unspent. Of several transactions those that the node has.

    Raises
    ------
    NotFound
        The node does not have it; the hint says when `txindex` or pruning is why.
    SourceUnavailable
        The login is refused, or the node is starting: this is no answer.
    BadResponse, SchemaMismatch, ProofFailed
        The reply is no answer to this question, or cannot be true.
    BadInput
        `path` is no question of this family.

    Examples
    --------
    >>> facts("btc", "/getblockhash/[170]", 200, b'{"result": "' + b"00" * 32 + b'", "error": null, "id": 0}')[0].height
    170
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    check_ready(path, status, body)
    replies = answers(path, body, what=what)
    if status != 200 and all(reply.result is not None for reply in replies):
        raise BadResponse(f"{what} has status {status}; it was not used", hint=REJECTED)
    return tuple(read(chain, asked, what, replies))


def check_ready(path: str, status: int, body: bytes) -> None:
    """Return unless the node says that it does not answer us, or does not answer yet.

    Raises
    ------
    SourceUnavailable
    """
    if status == 401:
        raise SourceUnavailable(
            "the node does not accept the login (status 401)",
            hint="write core:http://user:password@127.0.0.1:8332, or give cookie_file= (the node's .cookie)",
        )
    if status == 403:
        raise SourceUnavailable(
            "the node does not accept this machine (status 403)", hint="see its rpcallowip and rpcwhitelist"
        )
    if len(body) > 65_536 or str(_WARMING_UP).encode() not in body:
        return
    try:
        replies = answers(path, body, what="The answer")
    except SourceError:
        return  # the reader says what is wrong with it
    for reply in replies:
        if reply.code == _WARMING_UP:
            raise SourceUnavailable(f"the node is starting: {reply.words}", hint="ask again in a minute")


def is_torn(path: str, body: bytes) -> bool:
    """Return whether a block came in between the parts of an answer, so that heights cannot be told."""
    if _ROUTES.of(path)[0] is not _transactions:
        return False
    try:
        first, *_, last = answers(path, body, what="The answer")
    except SourceError:
        return False
    return first.result is not None and last.result is not None and first.result.value != last.result.value


def subject_of(path: str) -> str:
    """Return the address or txids (several: with commas) that the node learns from a question, "" for none.

    Examples
    --------
    >>> subject_of('/scantxoutset/["start",["addr(1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa)"]]')
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'
    """
    if _ROUTES.of(path)[0] is _transactions:
        return ",".join(re.findall(HASH, path))
    return _ROUTES.subject_of(path)


def _tip(chain: str, _asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    count, first = (_result(reply, what) for reply in replies)
    height, genesis = count.integer(0, MAX_HEIGHT), first.hexadecimal(size=32)
    if genesis not in GENESIS.get(chain, (genesis,)):
        others = [other for other, known in GENESIS.items() if genesis in known]
        raise ProofFailed(
            f"the node is not of {chain}, but of {others[0] if others else 'a chain that is not known here'}",
            hint=f"pass chain={others[0]!r}" if others else "name the node of the right chain",
        )
    return [Tip(chain, height)]


def _block_hash(chain: str, asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    return [BlockHash(chain, int(asked[0]), _result(replies[0], what).hexadecimal(size=32))]


def _block(chain: str, asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    return list(block_facts(chain, asked[0], _result(replies[0], what)))


def _transactions(chain: str, _asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    """Read several transactions between two counts of blocks: together they tell the heights."""
    before, *middle, after = replies
    tip = _result(before, what).integer(0, MAX_HEIGHT)
    if _result(after, what).integer(0, MAX_HEIGHT) != tip:
        raise BadResponse(f"{what}: a block came in meanwhile, so no height is sure", hint="ask again")
    records: list[Fact] = []
    missing: list[ChainflowError] = []
    for reply in middle:
        try:
            records.append(_transaction(chain, tip, _result(reply, what), reply.call.params[0]))
        except NotFound as error:
            missing.append(error)
    if not records:
        raise missing[0]
    return records


def _transaction(chain: str, tip: int, tx: Field, txid: str) -> TxRecord:
    for side in (*tx["vin"].items(), *tx["vout"].items()):
        if (marked := side.get("ismweb")) is not None and marked.flag():
            raise NotFound(
                f"{tx.what}: {txid} has a part in Litecoin's MWEB, which cannot be followed",
                hint="what enters or leaves the MWEB can be read once it is in a block",
            )
    built, spent = transaction(chain, tx)
    if built.txid != txid:
        raise ProofFailed(f"{tx.what}: {built.txid} is not the transaction asked for", hint=REJECTED)
    confirmations = tx.get("confirmations")
    depth = 0 if confirmations is None else confirmations.integer(0, tip + 1)
    if depth == 0:  # none, or only a block that is not on the best chain
        return tx_record(chain, built, spent, what=tx.what)
    return tx_record(
        chain,
        built,
        spent,
        height=tip + 1 - depth,
        block_hash=tx["blockhash"].hexadecimal(size=32),
        time=tx["blocktime"].integer(0, U32),
        what=tx.what,
    )


def _proof(chain: str, asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    txid, named, height = asked[0], asked[1], int(asked[2])
    text, best = (_result(reply, what) for reply in replies)
    try:
        proof = read_tx_proof(bytes.fromhex(text.hexadecimal()))
    except BadBytes as error:
        raise ProofFailed(f"{what}: {error.message}", hint=REJECTED) from None
    block_hash = proof.header.hash
    if proof.txid != txid or named not in ("", block_hash):
        raise ProofFailed(f"{what} proves {proof.txid} in block {block_hash}", hint=REJECTED)
    if best.hexadecimal(size=32) != block_hash:
        raise ProofFailed(
            f"{what}: {txid} is in block {block_hash}, which is not the one at height {height}",
            hint="ask for the transaction again: the chain may have been reorganised",
        )
    return [
        BlockHash(chain, height, block_hash),
        HeaderRecord(chain, height, proof.header.serialize().hex()),
        InclusionRecord(chain, txid, height, proof.position, proof.branch),
    ]


def _unspent(chain: str, asked: Sequence[str], what: str, replies: Sequence[Answer]) -> list[Fact]:
    """Read a scan of all unspent outputs for an address."""
    address, scan = asked[0], _result(replies[0], what)
    script = script_of(address, chain=chain).hex()
    if not scan["success"].flag():
        raise BadResponse(f"{what}: the scan was broken off", hint="ask again")
    found: dict[Outpoint, int] = {}
    for output in scan["unspents"].items():
        if output["scriptPubKey"].hexadecimal() != script:
            raise ProofFailed(f"{what}: {output['scriptPubKey'].named} is of another address", hint=REJECTED)
        outpoint = Outpoint(output["txid"].hexadecimal(size=32), output["vout"].integer(0, U32))
        if outpoint in found:
            raise ProofFailed(f"{what} lists {outpoint} again", hint=REJECTED)
        found[outpoint] = amount(output["amount"], chain)
    total = amount(scan["total_amount"], chain)
    if total != sum(found.values()):
        raise ProofFailed(f"{what}: the outputs do not add up to {total:,}", hint=REJECTED)
    txids = tuple(dict.fromkeys(outpoint.txid for outpoint in found))
    return [
        Tip(chain, scan["height"].integer(0, MAX_HEIGHT)),
        Listing(chain, address, "", txids, complete=False, reason=_NOTHING_OLDER),
        *(SpendRecord(chain, outpoint, None, None) for outpoint in found),
    ]


def _result(reply: Answer, what: str) -> Field:
    """Return the result of a call.

    Raises
    ------
    NotFound
        The node does not have what is asked for.
    BadResponse
        It refuses for another reason.
    """
    if reply.result is not None:
        return reply.result
    words = f"{what}: {reply.call.method} is refused ({reply.code}: {reply.words or 'no reason given'})"
    if "being indexed" in reply.words:
        raise BadResponse(words, hint="its txindex is still being built; ask again later")
    if reply.code == _NOT_THERE:
        without_index = (
            "the node runs without txindex: read the block that holds it, or start it with txindex=1"
        )
        raise NotFound(words, hint=without_index if "txindex" in reply.words else "is it of this chain?")
    if "pruned" in reply.words or "out of range" in reply.words:
        raise NotFound(words, hint="the node has dropped old blocks, or has not come so far yet")
    if reply.code == _UNKNOWN_METHOD:
        raise BadResponse(words, hint="this node is too old for it, or forbids it (rpcwhitelist)")
    raise BadResponse(words, hint="it was not used; see the node's log")


_COUNT = r'\["getblockcount",\[\]\]'
_HEIGHT = "(0|[1-9][0-9]{0,8})"
_ROUTES = Routes(
    "Core",
    {
        rf'/batch/\[{_COUNT},\["getblockhash",\[0\]\]\]': _tip,
        rf"/getblockhash/\[{_HEIGHT}\]": _block_hash,
        rf'/getblock/\["({HASH})",3\]': _block,
        rf'/batch/\[{_COUNT}(?:,\["getrawtransaction",\["{HASH}",2\]\])+,{_COUNT}\]': _transactions,
        rf'/batch/\[\["gettxoutproof",\[\["{TXID}"\](?:,"({HASH})")?\]\],\["getblockhash",\[{_HEIGHT}\]\]\]': _proof,
        r'/scantxoutset/\["start",\["addr\((?P<subject>[0-9A-Za-z:]+)\)"\]\]': _unspent,
    },
)
