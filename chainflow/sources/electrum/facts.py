"""What an Electrum server's answer states: read strictly, recomputed where it can be, or refused.

Pure: no clock, no network. A question is archived in words of our own, such as `/history/1A1z…`, because
the protocol asks for the hash of a script, from which nobody could tell the address years later; the
protocol's calls are made from it here, for asking and for reading alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from chainflow.addresses import script_of
from chainflow.errors import (
    BadBytes,
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    RateLimited,
)
from chainflow.model import (
    Fact,
    HeaderRecord,
    InclusionRecord,
    Listing,
    Tip,
    TxOutline,
)
from chainflow.sources.headers import chained_headers
from chainflow.sources.jsonrpc import Answer, Call, answers, question
from chainflow.sources.routes import answer_to
from chainflow.sources.strict import Field
from chainflow.sources.utxo import MAX_HEIGHT, U32, record_of, transaction_of
from chainflow.wire import Header, merkle_root_of_branch, parse_header

__all__ = ["facts", "is_too_much", "question_of", "script_hash", "subject_of"]

_REJECTED = "the answer was rejected as a whole; ask again, or another source"
_HEADER_DIGITS = 160

_TXID = "[0-9a-f]{64}"
_PLACE = rf"(?:0|[1-9][0-9]{{0,9}}):{_TXID}"
_TOO_MUCH = re.compile(r"excessive|too many requests|rate limit|throttl|busy|unavailable", re.IGNORECASE)
_TOO_LONG = re.compile(r"too (large|long|many)|[0-9]\+ transactions found", re.IGNORECASE)
_NOT_FOUND = re.compile(
    r"no such|not found|missing (transaction|tx)|not in block|not yet in a block|unknown tx", re.IGNORECASE
)


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this body to `path` states about `chain`.

    A transaction is taken only if its bytes hash to the txid asked for, a merkle branch only if it leads
    to the header that came with it. That a history lists everything, and where, is the server's word;
    spent outputs are not stated at all.

    Parameters
    ----------
    chain : str
        Such as `btc`: fixes the address form and the largest amount.
    path : str
        As asked: `/tip`, `/history/A`, `/tx/T,…`, `/proof/HEIGHT:T,…` or `/headers/FIRST-COUNT`.
    status : int
        Always 200: the protocol has none.
    body : bytes
        The server's line; to several calls also several lines, which together answer each once.

    Returns
    -------
    tuple of Fact
        `Tip` (and `HeaderRecord`) for the tip; `Listing` and `TxOutline`s for a history, or a `Listing`
        that is not complete where the server will not list it; `TxRecord`s without prevouts; headers and
        `InclusionRecord`s; headers that chain. Of several calls, those that the server declined are left out.

    Raises
    ------
    NotFound
        The server knows nothing of what was asked.
    RateLimited
        It asks for less.
    BadResponse
        The reply is no answer to this question.
    SchemaMismatch
        A field is missing, of the wrong type or out of range; it is named.
    ProofFailed
        The reply contradicts itself or arithmetic.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://electrum-protocol.readthedocs.io
    """
    kind, asked = _parsed(path)
    what = answer_to(path)
    if status != 200:
        raise BadResponse(f"{what} has status {status}, which Electrum servers have not", hint=_REJECTED)
    asking = question_of(chain, path)
    return tuple(_READERS[kind](chain, asked, what, answers(asking, _one_value(asking, body), what=what)))


def question_of(chain: str, path: str) -> str:
    """Return the protocol's calls for a path, as `jsonrpc.question` writes them.

    Raises
    ------
    BadInput
        If it is no path of this family.

    Examples
    --------
    >>> question_of("btc", "/tip")
    '/blockchain.headers.subscribe/[]'
    """
    kind, asked = _parsed(path)
    if kind == "tip":
        return question(("blockchain.headers.subscribe", []))
    if kind == "history":
        return question(("blockchain.scripthash.get_history", [script_hash(script_of(asked, chain=chain))]))
    if kind == "tx":
        return question(*(("blockchain.transaction.get", [txid]) for txid in asked.split(",")))
    if kind == "headers":
        return question(("blockchain.block.headers", [int(number) for number in asked.split("-")]))
    places = _places(asked)
    heights = dict.fromkeys(height for height, _ in places)
    return question(
        *(("blockchain.transaction.get_merkle", [txid, height]) for height, txid in places),
        *(("blockchain.block.header", [height]) for height in heights),
    )


def script_hash(script: bytes) -> str:
    """Return the name under which Electrum servers index a script: its SHA-256, in reversed hex.

    Examples
    --------
    >>> script_hash(script_of("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"))
    '8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161'
    """
    return sha256(script).digest()[::-1].hex()


def subject_of(path: str) -> str:
    """Return the address or txids (with commas) that the host learns from `path`; "" for tip and headers."""
    kind, asked = _parsed(path)
    if kind == "headers":
        return ""
    return ",".join(txid for _, txid in _places(asked)) if kind == "proof" else asked


def is_too_much(words: str) -> bool:
    """Return whether a server's words say that it was asked too much, or is not ready yet."""
    return _TOO_MUCH.search(words) is not None


def _one_value(asking: str, body: bytes) -> bytes:
    """Return the lines of an answer as one JSON value.

    A server that refuses a batch is asked its calls in smaller parts; the lines it then sends are kept as
    they came.
    """
    lines = [line.strip() for line in body.strip().split(b"\n")]
    if len(lines) == 1 or not asking.startswith("/batch/"):
        return body
    parts = [line[1:-1] if line[:1] + line[-1:] == b"[]" else line for line in lines]
    return b"[" + b",".join(parts) + b"]"


def _tip(chain: str, _asked: str, what: str, given: Sequence[Answer]) -> list[Fact]:
    result = _only(what, given)
    height = result["height"].integer(0, MAX_HEIGHT)
    header = result["hex"].hexadecimal()
    if len(header) > _HEADER_DIGITS:  # merge-mined and Equihash chains have longer ones, which are not read
        return [Tip(chain, height)]
    if len(header) < _HEADER_DIGITS:
        raise result["hex"].refuse("the 80 bytes of a header")
    return [Tip(chain, height), HeaderRecord(chain, height, header)]


def _history(chain: str, asked: str, what: str, given: Sequence[Answer]) -> list[Fact]:
    if given[0].result is None and not is_too_much(given[0].words) and _TOO_LONG.search(given[0].words):
        return [Listing(chain, asked, "", (), complete=False, reason=f"limited: {given[0].words}")]
    outlines: dict[str, Fact] = {}
    for entry in _only(what, given).items():
        txid = entry["tx_hash"].hexadecimal(size=32)
        height = entry["height"].integer(-1, MAX_HEIGHT)  # 0: unconfirmed; -1: with unconfirmed parents
        if txid in outlines:
            raise ProofFailed(f"{what} lists {txid} twice", hint=_REJECTED)
        # the first block has height 0, too; unconfirmed transactions come with their fee
        is_placed = height != 0 or entry.get("fee") is not None
        outlines[txid] = TxOutline(chain, txid, is_placed=is_placed, height=height if height > 0 else None)
    return [Listing(chain, asked, "", tuple(outlines), complete=True), *outlines.values()]


def _transactions(chain: str, _asked: str, what: str, given: Sequence[Answer]) -> list[Fact]:
    records: list[Fact] = []
    for call, result in _results(what, given):
        built = transaction_of(result.hexadecimal(), str(call.params[0]), what=what)
        records.append(record_of(chain, built, what=what))
    return records


def _proofs(chain: str, asked: str, what: str, given: Sequence[Answer]) -> list[Fact]:
    """Return headers and branches; a branch without the header that it leads to is left out."""
    headers: dict[int, Header] = {}
    records: list[Fact] = []
    results = _results(what, given)
    for call, result in results:
        if call.method == "blockchain.block.header":
            height = int(call.params[0])
            raw = bytes.fromhex(result.hexadecimal(size=_HEADER_DIGITS // 2))
            headers[height] = parse_header(raw)
            records.append(HeaderRecord(chain, height, raw.hex()))
    for call, result in results:
        if call.method == "blockchain.transaction.get_merkle" and int(call.params[1]) in headers:
            records.append(_inclusion(chain, str(call.params[0]), int(call.params[1]), result, headers))
    return records


def _headers(chain: str, asked: str, what: str, given: Sequence[Answer]) -> list[Fact]:
    height, count = map(int, asked.split("-"))
    result = _only(what, given)
    raw = bytes.fromhex(result["hex"].hexadecimal())
    records = chained_headers(chain, raw, count, height=height, what=what)
    if result["count"].integer(0, U32) != count:
        raise result["count"].refuse(f"{count}, as many as came")
    return list(records)


def _inclusion(
    chain: str, txid: str, height: int, result: Field, headers: dict[int, Header]
) -> InclusionRecord:
    """Return a branch that leads from the txid to the merkle root of the header."""
    if result["block_height"].integer(0, MAX_HEIGHT) != height:
        raise result["block_height"].refuse(f"{height}, as asked")
    branch = tuple(node.hexadecimal(size=32) for node in result["merkle"].items())
    position = result["pos"].integer(0, U32)
    try:
        root = merkle_root_of_branch(txid, branch, position)
    except BadBytes as error:
        raise ProofFailed(f"{result.what}: {error.message}", hint=_REJECTED) from None
    if root != headers[height].merkle_root:
        raise ProofFailed(
            f"{result.what}: the merkle branch of {txid} does not lead to the block at height {height:,}",
            hint=_REJECTED,
        )
    return InclusionRecord(chain, txid, height, position, branch)


def _only(what: str, given: Sequence[Answer]) -> Field:
    """Return the result of the only call."""
    return _results(what, given)[0][1]


def _results(what: str, given: Sequence[Answer]) -> list[tuple[Call, Field]]:
    """Return the calls that were answered with their results, at least one."""
    results = [(answer.call, answer.result) for answer in given if answer.result is not None]
    words = given[0].words
    if results:
        return results
    if is_too_much(words):
        raise RateLimited(f"{what} is a refusal ({words})", hint="go on later, or ask your own server")
    if _NOT_FOUND.search(words):
        raise NotFound(f"{what} is “not found” ({words})", hint="is it of this chain? ask another source")
    raise BadResponse(f"{what} is an error ({words})", hint=_REJECTED)


def _places(asked: str) -> list[tuple[int, str]]:
    """Return the (height, txid) pairs of a question for proofs."""
    pairs = (place.split(":") for place in asked.split(","))
    return [(int(height), txid) for height, txid in pairs]


_Reader = Callable[[str, str, str, Sequence[Answer]], list[Fact]]

_READERS: dict[str, _Reader] = {
    "tip": _tip,
    "history": _history,
    "tx": _transactions,
    "proof": _proofs,
    "headers": _headers,
}

_PATHS = re.compile(
    rf"/(?:(tip)|(history)/([0-9A-Za-z:]+)|(tx)/({_TXID}(?:,{_TXID})*)|(proof)/({_PLACE}(?:,{_PLACE})*)"
    r"|(headers)/((?:0|[1-9][0-9]{0,9})-[1-9][0-9]{0,3}))"
)


def _parsed(path: str) -> tuple[str, str]:
    """Return what kind of question a path is, and what it asks for."""
    found = _PATHS.fullmatch(path)
    if found is None:
        raise BadInput(
            f"not a path of the Electrum family: {path[:150]!r}", hint="make paths with Electrum.…_path()"
        )
    kind, asked = (*(group for group in found.groups() if group is not None), "")[:2]
    return kind, asked
