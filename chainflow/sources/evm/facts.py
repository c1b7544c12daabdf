"""What a node's answer states: the question tells which reader it is for; pure, for archived answers too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from chainflow.errors import BadInput, RateLimited
from chainflow.model import Fact, Listing, Tip
from chainflow.networks import network_of
from chainflow.sources.accounts import TRANSFER_TOPIC, evm_hash, is_evm_txid, quantity
from chainflow.sources.evm.blocks import block
from chainflow.sources.evm.place import lies, limited, result_of
from chainflow.sources.evm.receipts import WRAPPED_TOPICS, mined
from chainflow.sources.evm.traces import block_traces, traces
from chainflow.sources.evm.transactions import stated
from chainflow.sources.jsonrpc import Answer, Call, answers, calls_of
from chainflow.sources.routes import answer_to
from chainflow.sources.strict import excerpt

__all__ = ["NATIVE", "PAGE", "TOKEN", "TOKEN_TOPICS", "facts", "padded", "subject_of"]

NATIVE, TOKEN = "native", "token"
"""The lists of an address: transactions that it is party to, also inside; and token movements."""

PAGE = 25
"""Transactions asked for on a page of a history; a page ends with a whole block and may have more."""

_ERC1155 = (
    "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
    "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
)
"""TransferSingle and TransferBatch, with the operator before the parties."""

TOKEN_TOPICS: tuple[tuple[str, ...], ...] = (
    (TRANSFER_TOPIC, *WRAPPED_TOPICS),
    (TRANSFER_TOPIC, *_ERC1155),
    _ERC1155,
)
"""Which events can have an address as their first, second or third indexed word."""

_CALL_DEPTH = 600
"""Levels of JSON in a trace: two for each call inside a call."""

_U64 = 2**64 - 1
_TOO_OFTEN = re.compile(r"rate.?limit|too many requests|per second|compute units|throttl|quota", re.I)
"""How nodes for hire say it; their code for it, −32005, they use for answers that are too long, too."""

_PLACE = re.compile(r"0x[0-9a-f]{1,64}")
_HINT = "make questions with Evm.…_path()"


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the answer with this status and body to a question states about `chain`.

    Parameters
    ----------
    chain : str
        Such as `eth`, `base`, `evm-dev`: whose number signatures must be for, whose rules are checked.
    path : str
        A question made by `Evm`.
    status : int
    body : bytes

    Returns
    -------
    tuple of Fact
        `Tip`; `TransferRecord`s of transactions and blocks, after all that can be recomputed was;
        `Listing`s of histories, and of what is inside transactions (`internal`). A node that has no index
        or no traces gives a `Listing` that is not complete, with its words as reason.

    Raises
    ------
    NotFound
        The node has no such transaction or block.
    RateLimited
        It says, in a JSON-RPC error, that we ask too much.
    BadResponse, SchemaMismatch, ProofFailed
        The answer is none, is malformed, or contradicts itself.
    BadInput
        `path` is no question of this family.

    Examples
    --------
    >>> facts("eth", '/batch/[["eth_chainId",[]],["eth_blockNumber",[]]]', 200,
    ...       b'[{"id":0,"result":"0x1"},{"id":1,"result":"0x1060a39"}]')
    (Tip(chain='eth', height=17173049),)
    """
    read = _reader(path)
    what = answer_to(path)
    if status == 200:
        found = answers(path, body, what=what, deepest=_CALL_DEPTH)
    else:  # proxies before nodes say so of methods that they do not let through
        words = f"status {status}, {excerpt(body, limit=160)}"
        found = tuple(Answer(call, None, words=words) for call in calls_of(path))
    for answer in found:
        if _TOO_OFTEN.search(answer.words):
            raise RateLimited(f"{what}: {answer.words}", hint="go on later, or ask your own node")
    return tuple(read(chain, what, found))


def subject_of(path: str) -> str:
    """Return the address or the txids that the host learns from a question, "" for none.

    Examples
    --------
    >>> subject_of('/eth_getTransactionByHash/["0xab"]')
    '0xab'
    """
    named: dict[str, None] = {}
    for call in calls_of(path):
        if call.method.startswith("ots_"):
            named[str(call.params[0])] = None
        elif call.method == "eth_getLogs":
            topics = call.params[0].get("topics", [])
            named["0x" + str(topics[-1])[-40:]] = None
        elif "Transaction" in call.method or call.method == "trace_transaction":
            named[str(call.params[0])] = None
    return ",".join(named)


def padded(address: str) -> str:
    """Return an address as a word of 32 bytes, as logs have it."""
    return "0x" + address[2:].rjust(64, "0")


def _tip(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read two answers: the number of the node's chain, which must be this one's, and its height."""
    number = quantity(result_of(found[0], what=what), most=_U64)
    network = network_of(chain)
    if network is not None and network.number != number:
        raise lies(result_of(found[0], what=what), f"the node is of chain number {number}, not of {chain}")
    return [Tip(chain, quantity(result_of(found[1], what=what), most=_U64))]


def _transactions(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read pairs of answers: a transaction and its receipt, which a pending one does not have."""
    rows: list[Fact] = []
    for about, receipt in zip(found[::2], found[1::2], strict=True):
        tx = stated(chain, result_of(about, what=what))
        if tx.frame.txid != about.call.params[0]:
            raise lies(tx.field, f"is another transaction, {tx.frame.txid}")
        if tx.frame.height is None:
            rows += tx.rows(level=tx.level)
        else:
            rows += mined(tx, result_of(receipt, what=what)).rows(native=tx.level, fee=0, token=0)
    return rows


def _history(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read a page of an Otterscan index: newest first; its receipts lack their logs and are not used."""
    (answer,) = found
    address, before, _ = answer.call.params
    after = str(before) if before else ""
    if answer.result is None:
        return [Listing(chain, address, after, (), complete=False, reason=limited(found), which=NATIVE)]
    page = answer.result
    txs = [stated(chain, tx) for tx in page["txs"].items()]
    heights = [tx.frame.height or 0 for tx in txs]
    if heights != sorted(heights, reverse=True) or any(before and height >= before for height in heights):
        raise lies(page, "is not in order, or repeats blocks that came before")
    is_last = page["lastPage"].flag()
    txids = tuple(dict.fromkeys(tx.frame.txid for tx in txs))
    return [
        Listing(
            chain,
            address,
            after,
            txids,
            complete=is_last,
            reason=""
            if is_last
            else f"older ones than block {heights[-1] if heights else before} may follow",
            next="" if is_last or not heights else str(heights[-1]),
            which=NATIVE,
        )
    ]


def _token_history(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read the logs that name an address, of the whole chain; a node with a limit gives none."""
    address = "0x" + str(found[0].call.params[0]["topics"][-1])[-40:]
    if any(answer.result is None for answer in found):
        refused = [answer for answer in found if answer.result is None]
        return [Listing(chain, address, "", (), complete=False, reason=limited(refused), which=TOKEN)]
    placed: dict[tuple[int, int], str] = {}
    for answer in found:
        for log in result_of(answer, what=what).items():
            wanted = answer.call.params[0]["topics"]
            topics = [evm_hash(topic) for topic in log["topics"].items()]
            if (
                len(topics) < len(wanted)
                or topics[0] not in wanted[0]
                or topics[len(wanted) - 1] != wanted[-1]
            ):
                raise lies(log, "is not a log that was asked for")
            at = (quantity(log["blockNumber"], most=_U64), quantity(log["logIndex"], most=_U64))
            placed[at] = evm_hash(log["transactionHash"])
    txids = tuple(dict.fromkeys(txid for _, txid in sorted(placed.items(), reverse=True)))
    return [Listing(chain, address, "", txids, complete=True, which=TOKEN)]


_Reader = Callable[[str, str, Sequence[Answer]], list[Fact]]

_READERS: Mapping[tuple[str, ...], _Reader] = {
    ("eth_chainId", "eth_blockNumber"): _tip,
    ("eth_getTransactionByHash", "eth_getTransactionReceipt"): _transactions,
    ("eth_getTransactionByHash", "debug_traceTransaction", "trace_transaction"): traces,
    ("eth_getBlockByNumber", "eth_getBlockReceipts"): block,
    ("eth_getBlockByHash", "eth_getBlockReceipts"): block,
    ("eth_getBlockByNumber", "debug_traceBlockByNumber", "trace_block"): block_traces,
    ("ots_searchTransactionsBefore",): _history,
    ("eth_getLogs",): _token_history,
}
"""The methods of a question, each once and in their order → who reads the answers."""


def _reader(path: str) -> _Reader:
    """Return who reads the answers to a question, if it has the form in which `Evm` asks it."""
    calls = calls_of(path)
    methods = tuple(dict.fromkeys(call.method for call in calls))
    read = _READERS.get(methods)
    in_step = all(call.method == methods[number % len(methods)] for number, call in enumerate(calls))
    is_whole = len(calls) % len(methods) == 0
    if read is None or not (is_whole and in_step and all(map(_is_asked_well, calls))):
        raise BadInput(f"not a question to an EVM node: {path[:150]!r}", hint=_HINT)
    return read


def _is_asked_well(call: Call) -> bool:
    """Return whether the parameters of a call are such as `Evm` gives."""
    first = call.params[0] if call.params else None
    if call.method.startswith("ots_"):
        return len(call.params) == 3 and isinstance(first, str) and type(call.params[1]) is int
    if call.method == "eth_getLogs":
        topics = first.get("topics") if isinstance(first, dict) else None
        return isinstance(topics, list) and len(topics) > 1 and isinstance(topics[0], list)
    if "Transaction" in call.method or call.method == "trace_transaction":
        return isinstance(first, str) and is_evm_txid(first)
    return first is None or (isinstance(first, str) and _PLACE.fullmatch(first) is not None)
