"""One transaction, as the node behind an explorer states it, and as Blockscout's `gettxinfo` does."""

from __future__ import annotations

import re

from chainflow.errors import BadBytes, ProofFailed, SchemaMismatch
from chainflow.evm import transaction_from_rpc
from chainflow.model import Fact, TransferKind, TransferRecord
from chainflow.networks import EVM
from chainflow.sources.accounts import (
    UNCHECKED_OUTCOME,
    Frame,
    decimal,
    evm_address,
    evm_hash,
    fee_marks,
    quantity,
    token_moves,
    token_party,
)
from chainflow.sources.etherscan.rows import frame_of
from chainflow.sources.strict import REJECTED, Field

__all__ = ["info", "receipt", "transaction"]

_HEIGHT = 10**9
_WORDS = re.compile(r"0x([0-9a-f]{64})*", re.IGNORECASE)
_TOPIC = re.compile(r"0x[0-9a-f]{64}", re.IGNORECASE)


def transaction(chain: str, txid: str, tx: Field) -> list[Fact]:
    """Return what a transaction moves of the chain's coin; whether it succeeded, its receipt tells.

    Where its kind can be built anew, its bytes hash to the txid and its signature is the sender's.
    """
    if evm_hash(tx["hash"]) != txid:
        raise ProofFailed(f"{tx.what} is another transaction", hint=REJECTED)
    sender, recipient = evm_address(tx["from"]), evm_address(tx.get("to"))
    value_raw, level = quantity(tx["value"]), 0
    try:
        built = transaction_from_rpc(tx.value)
        if built is not None:
            if (built.txid, built.sender) != (txid, sender):
                raise ProofFailed(f"{tx.what} hashes to {built.txid} of {built.sender}", hint=REJECTED)
            if chain in EVM and built.chain_id not in (None, EVM[chain].number):
                raise ProofFailed(f"{tx.what} is signed for chain {built.chain_id}", hint=REJECTED)
            recipient, value_raw, level = built.recipient, built.value_raw, 2
    except BadBytes as error:
        raise SchemaMismatch(f"{tx.what}: {error.message}", hint=REJECTED) from None
    frame, marks = _frame(chain, txid, tx), (UNCHECKED_OUTCOME,)
    return [frame.moved(TransferKind.NATIVE, sender, recipient, value_raw, ok=None, marks=marks, level=level)]


def receipt(chain: str, txid: str, stated: Field) -> list[Fact]:
    """Return what a transaction paid as fee, and the tokens that its logs say moved."""
    if evm_hash(stated["transactionHash"]) != txid:
        raise ProofFailed(f"{stated.what} is another transaction's", hint=REJECTED)
    status = stated.get("status")
    failed = None if status is None else quantity(status, most=1) == 0
    frame = _frame(chain, txid, stated)
    facts: list[Fact] = []
    price = stated.get("effectiveGasPrice")
    if price is not None:
        l1 = stated.get("l1Fee")
        paid_raw = quantity(stated["gasUsed"]) * quantity(price) + (0 if l1 is None else quantity(l1))
        blobs, blob_price = stated.get("blobGasUsed"), stated.get("blobGasPrice")
        if blobs is not None and blob_price is not None:
            paid_raw += quantity(blobs) * quantity(blob_price)
        marks = fee_marks(chain, failed=failed, has_l1_fee=l1 is not None)
        payer = evm_address(stated["from"])
        facts.append(frame.moved(TransferKind.FEE, payer, None, paid_raw, ok=True, marks=marks))
    for log in stated["logs"].items():
        facts += _moves(frame, log, quantity(log["logIndex"], most=2**31))
    return facts


def info(chain: str, txid: str, stated: Field) -> list[Fact]:
    """Return what Blockscout's `gettxinfo` states of a transaction: value, fee and logs."""
    if stated.get("next_page_params") is not None:
        raise ProofFailed(
            f"{stated.what} holds only the first logs of {txid}",
            hint="ask the source blockscout, or a node, for this transaction",
        )
    frame, ok = frame_of(chain, txid, stated), stated["success"].flag()
    sender, recipient = evm_address(stated["from"]), evm_address(stated.get("to"))
    value_raw, marks = decimal(stated["value"]), fee_marks(chain, failed=not ok)
    paid_raw = decimal(stated["gasUsed"]) * decimal(stated["gasPrice"])
    facts: list[Fact] = [
        frame.moved(TransferKind.NATIVE, sender, recipient, value_raw, ok=ok),
        frame.moved(TransferKind.FEE, sender, None, paid_raw, ok=True, marks=marks),
    ]
    for log in stated["logs"].items():
        facts += _moves(frame, log, decimal(log["index"], most=2**31))
    return facts


def _moves(frame: Frame, log: Field, index: int) -> list[TransferRecord]:
    """Return what one log says that moved."""
    contract = evm_address(log["address"])
    if contract is None:
        raise log["address"].refuse("the contract that wrote the log")
    topics = [topic for topic in log["topics"].items() if topic.value is not None]
    for topic in topics:
        if not _TOPIC.fullmatch(topic.text()):
            raise topic.refuse("0x and 64 hex digits")
    data = log["data"].text()
    words = [int(data[i : i + 64], 16) for i in range(2, len(data), 64)] if _WORDS.fullmatch(data) else []
    return [
        frame.moved(
            TransferKind.TOKEN,
            token_party(sender),
            token_party(recipient),
            value_raw,
            ok=True,
            contract=contract,
            place=f"log:{index}",
            token_id=token_id,
            marks=marks,
        )
        for sender, recipient, token_id, value_raw, marks in token_moves(
            [topic.text().lower() for topic in topics], words
        )
    ]


def _frame(chain: str, txid: str, stated: Field) -> Frame:
    """Return height, block, time and position of a thing in hex; all `None` while it is in no block."""
    height, block_hash = stated.get("blockNumber"), stated.get("blockHash")
    if height is None:
        return Frame(chain, txid)
    time, position = stated.get("blockTimestamp"), stated.get("transactionIndex")
    return Frame(
        chain,
        txid,
        quantity(height, most=_HEIGHT),
        None if block_hash is None else evm_hash(block_hash),
        None if time is None else quantity(time, most=2**34),
        None if position is None else quantity(position, most=2**31),
    )
