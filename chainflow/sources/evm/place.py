"""What the readers of a node's answers share: where a transaction is, and how an answer is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chainflow.errors import BadBytes, BadResponse, NotFound, ProofFailed, SchemaMismatch
from chainflow.sources.accounts import Frame, evm_hash, quantity
from chainflow.sources.jsonrpc import Answer
from chainflow.sources.strict import Field

__all__ = ["ETHEREUM", "REJECTED", "frame_of", "lies", "limited", "naming", "result_of"]

ETHEREUM = frozenset({"eth", "eth-sepolia", "evm-dev"})
"""Chains that follow Ethereum's rules to the letter: its kinds of transactions, its fees, its rewards."""

REJECTED = "the answer was rejected as a whole; ask another node"

_U64 = 2**64 - 1

T = TypeVar("T")


def frame_of(chain: str, tx: Field, *, time: int | None = None) -> Frame:
    """Return where a node's JSON says that a transaction is; nowhere while it is pending."""
    txid = evm_hash(tx["hash"])
    number, block_hash, position = tx.get("blockNumber"), tx.get("blockHash"), tx.get("transactionIndex")
    if number is None or block_hash is None:
        return Frame(chain, txid)
    stated = tx.get("blockTimestamp")
    if time is None and stated is not None:
        time = quantity(stated, most=_U64)
    place = None if position is None else quantity(position, most=_U64)
    return Frame(chain, txid, quantity(number, most=_U64), evm_hash(block_hash), time, place)


def result_of(answer: Answer, *, what: str) -> Field:
    """Return the result of a call that the answer cannot do without.

    Raises
    ------
    NotFound
        If it is null: the node does not have it.
    BadResponse
        If it is an error; its words are in the message.
    """
    asked = " ".join((answer.call.method, *map(str, answer.call.params[:1])))[:120]
    if answer.result is None:
        raise BadResponse(f"{what}: to {asked} the node says {answer.words}", hint="ask another node")
    if answer.result.value is None:
        raise NotFound(f"{what}: {asked} is null", hint="is it of this chain? ask another node")
    return answer.result


def limited(answers: Sequence[Answer]) -> str:
    """Return why a list is not given, in the node's words."""
    said = [f"{answer.call.method}: {answer.words or 'no such answer'}" for answer in answers]
    return "limited: " + "; ".join(said)


def lies(field: Field, words: str) -> ProofFailed:
    """Return the error for an answer that contradicts itself."""
    where = f"{field.what}: {field.path}" if field.path else field.what
    return ProofFailed(f"{where} {words}", hint=REJECTED)


def naming(field: Field, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of an object; what it refuses is named by its place in the answer.

    Raises
    ------
    SchemaMismatch
        If the bytes that it stands for are malformed.
    """
    try:
        return read(field.value)
    except BadBytes as error:
        where = f"{field.path}." if field.path else ""
        raise SchemaMismatch(f"{field.what}: field {where}{error.message}", hint=REJECTED) from None
